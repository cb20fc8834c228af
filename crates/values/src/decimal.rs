//! `decimal`.

/// A decimal number of up to 28 significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub rust_decimal::Decimal);

impl Decimal {
    /// The 16 bytes stored in columns.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.serialize()
    }
    /// From the 16 bytes stored in columns.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(rust_decimal::Decimal::deserialize(bytes))
    }
}
