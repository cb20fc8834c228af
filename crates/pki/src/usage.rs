//! Key usage: the bits of the extension and Azure's names for them.

/// What a key may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage(u16);

/// Azure's names, in the order of the bits.
const NAMES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

impl KeyUsage {
    /// Signs certificates and revocation lists.
    pub const AUTHORITY: Self = Self(0x8000 | 0x0400 | 0x0200);
    /// Signs.
    pub const SIGNATURE: Self = Self(0x8000);
    /// Signs, and takes keys: what RSA server certificates have.
    pub const SIGNATURE_AND_ENCIPHERMENT: Self = Self(0x8000 | 0x2000);

    /// From Azure's names; none for a name that is unknown.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let bit = |name: &str| NAMES.iter().position(|n| n.eq_ignore_ascii_case(name));
        names.into_iter().try_fold(Self(0), |all, name| Some(Self(all.0 | 0x8000 >> bit(name)?)))
    }

    /// Azure's names.
    pub fn names(self) -> Vec<&'static str> {
        let set = |i: &usize| self.0 & (0x8000 >> i) != 0;
        NAMES.iter().enumerate().filter(|(i, _)| set(i)).map(|(_, n)| *n).collect()
    }

    /// True when it allows nothing, which means that nothing was said.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & 0xff80)
    }
}
