//! `decimal`: exact decimal numbers of 28 significant digits.

use std::fmt;

use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

/// A decimal number of up to 28 significant digits. 1.0 and 1.00 are equal, and print as they were written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(pub rust_decimal::Decimal);

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(rust_decimal::Decimal::ZERO);

    /// The 16 bytes stored in columns.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.serialize()
    }

    /// From the 16 bytes stored in columns.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(rust_decimal::Decimal::deserialize(bytes))
    }

    /// Reads `12`, `-1.50`, `1e5`, `1.2E-3`; blanks around it are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let plain = mantissa.strip_prefix('-').unwrap_or(mantissa);
        let digits = plain.bytes().filter(u8::is_ascii_digit).count();
        if digits == 0 || plain.bytes().any(|b| !b.is_ascii_digit() && b != b'.') {
            return None;
        }
        let value: rust_decimal::Decimal = mantissa.parse().ok()?;
        Self::scaled(value, exponent).map(Self)
    }

    /// `value * 10^exponent`.
    fn scaled(mut value: rust_decimal::Decimal, exponent: i32) -> Option<rust_decimal::Decimal> {
        if value.is_zero() {
            return Some(value);
        }
        let scale = i64::from(value.scale()) - i64::from(exponent);
        if scale < 0 {
            let factor = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
            value.set_scale(0).ok()?;
            return value
                .checked_mul(rust_decimal::Decimal::try_from_i128_with_scale(factor, 0).ok()?);
        }
        if scale > 28 {
            let cut = rust_decimal::Decimal::try_from_i128_with_scale(value.mantissa(), 28).ok()?;
            let excess = u32::try_from(scale - 28).ok().filter(|e| *e <= 28)?;
            let divisor = 10_i128.checked_pow(excess)?;
            return cut
                .checked_div(rust_decimal::Decimal::try_from_i128_with_scale(divisor, 0).ok()?);
        }
        value.set_scale(u32::try_from(scale).ok()?).ok()?;
        Some(value)
    }

    /// The nearest decimal to a double; none for NaN, infinities and what is too large.
    pub fn from_f64(value: f64) -> Option<Self> {
        rust_decimal::Decimal::from_f64(value).map(Self)
    }

    /// Exactly.
    pub fn from_i64(value: i64) -> Self {
        Self(rust_decimal::Decimal::from(value))
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        // Through text: the nearest double is wanted, not the one a chain of divisions gives.
        self.0.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Without its fraction; none where 64 bits do not hold it.
    pub fn to_i64(self) -> Option<i64> {
        self.0.trunc().to_i64()
    }

    /// Sum, none outside the range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, none outside the range.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Product, none outside the range.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// Quotient, none by zero and outside the range.
    pub fn checked_div(self, other: Self) -> Option<Self> {
        self.0.checked_div(other.0).map(Self)
    }

    /// Remainder, none by zero.
    pub fn checked_rem(self, other: Self) -> Option<Self> {
        self.0.checked_rem(other.0).map(Self)
    }

    /// Without trailing zeros.
    #[must_use]
    pub fn normalized(self) -> Self {
        Self(self.0.normalize())
    }

    /// With the opposite sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
