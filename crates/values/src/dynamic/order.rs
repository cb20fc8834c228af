//! Equality, order and keys for grouping. 1 and 1.0 are one value; bags are equal whatever the order of their slots.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::{DEPTH_MAX, Dynamic, DynamicRef, Kind};
use crate::Decimal;
use crate::text::long_from_real;

/// Kinds that compare with each other share a rank.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Null => 0,
        Kind::Bool => 1,
        Kind::Long | Kind::Real | Kind::Decimal => 2,
        Kind::DateTime => 3,
        Kind::TimeSpan => 4,
        Kind::Guid => 5,
        Kind::String => 6,
        Kind::Array => 7,
        Kind::Object => 8,
    }
}

/// Order of reals with NaN before all others and -0.0 equal to 0.0.
pub(crate) fn compare_reals(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Exact order of an integer and a real.
pub(crate) fn compare_long_real(long: i64, real: f64) -> Ordering {
    if real.is_nan() {
        return Ordering::Greater;
    }
    match long_from_real(real) {
        Some(whole) => long.cmp(&whole).then_with(|| compare_reals(0.0, real - real.trunc())),
        None => compare_reals(0.0, real),
    }
}

impl DynamicRef<'_> {
    /// A total order: null, bools, numbers, datetimes, timespans, guids, texts, arrays, bags.
    pub fn compare(self, other: DynamicRef<'_>) -> Ordering {
        self.compare_at(other, 0)
    }

    fn compare_at(self, other: DynamicRef<'_>, depth: usize) -> Ordering {
        let (a, b) = (self.kind(), other.kind());
        if rank(a) != rank(b) {
            return rank(a).cmp(&rank(b));
        }
        match (a, b) {
            (Kind::Bool, _) => self.as_bool().cmp(&other.as_bool()),
            (Kind::Long, Kind::Long) => self.as_i64().cmp(&other.as_i64()),
            (Kind::Long, Kind::Real) => self.long_real(other),
            (Kind::Real, Kind::Long) => other.long_real(self).reverse(),
            (Kind::Decimal, Kind::Decimal) => self.as_decimal().cmp(&other.as_decimal()),
            (Kind::Long | Kind::Real | Kind::Decimal, _) => self.compare_decimals(other),
            (Kind::DateTime, _) => self.as_datetime().cmp(&other.as_datetime()),
            (Kind::TimeSpan, _) => self.as_timespan().cmp(&other.as_timespan()),
            (Kind::Guid, _) => self.as_guid().cmp(&other.as_guid()),
            (Kind::String, _) => self.as_str().cmp(&other.as_str()),
            (Kind::Null, _) => Ordering::Equal,
            _ if depth >= DEPTH_MAX => Ordering::Equal,
            (Kind::Array, _) => {
                let mut right = other.array();
                for item in self.array() {
                    let Some(theirs) = right.next() else { return Ordering::Greater };
                    let order = item.compare_at(theirs, depth + 1);
                    if order.is_ne() {
                        return order;
                    }
                }
                if right.next().is_some() { Ordering::Less } else { Ordering::Equal }
            }
            (Kind::Object, _) => {
                let mut right = other.object_by_key();
                for (key, item) in self.object_by_key() {
                    let Some((their_key, theirs)) = right.next() else { return Ordering::Greater };
                    let order = key.cmp(their_key).then_with(|| item.compare_at(theirs, depth + 1));
                    if order.is_ne() {
                        return order;
                    }
                }
                if right.next().is_some() { Ordering::Less } else { Ordering::Equal }
            }
        }
    }

    fn long_real(self, real: DynamicRef<'_>) -> Ordering {
        compare_long_real(self.as_i64().unwrap_or(0), real.as_f64().unwrap_or(f64::NAN))
    }

    /// Two numbers of which at least one is a decimal: exactly where both are decimals at heart.
    fn compare_decimals(self, other: DynamicRef<'_>) -> Ordering {
        let exact = self.to_decimal().zip(other.to_decimal()).map(|(a, b)| a.cmp(&b));
        exact.unwrap_or_else(|| {
            let real = |part: DynamicRef<'_>| part.to_f64().unwrap_or(f64::NAN);
            compare_reals(real(self), real(other))
        })
    }

    fn to_decimal(self) -> Option<Decimal> {
        match self.kind() {
            Kind::Long => self.as_i64().map(Decimal::from_i64),
            Kind::Real => self.as_f64().and_then(Decimal::from_f64),
            _ => self.as_decimal(),
        }
    }

    /// Appends bytes that are equal for equal values and different for different ones, for hashing and grouping.
    pub fn write_key(self, out: &mut Vec<u8>) {
        self.key_at(out, 0);
    }

    fn key_at(self, out: &mut Vec<u8>, depth: usize) {
        let kind = self.kind();
        out.push(rank(kind));
        match kind {
            Kind::Bool => out.push(u8::from(self.as_bool() == Some(true))),
            Kind::Long | Kind::Real | Kind::Decimal => self.number_key(out),
            Kind::DateTime => {
                out.extend(self.as_datetime().unwrap_or_default().ticks().to_be_bytes())
            }
            Kind::TimeSpan => {
                out.extend(self.as_timespan().unwrap_or_default().ticks().to_be_bytes())
            }
            Kind::Guid => out.extend(self.as_guid().unwrap_or_default().0),
            Kind::String => text_key(self.as_str().unwrap_or_default(), out),
            Kind::Array if depth < DEPTH_MAX => {
                out.extend((self.len() as u32).to_be_bytes());
                self.array().for_each(|item| item.key_at(out, depth + 1));
            }
            Kind::Object if depth < DEPTH_MAX => {
                out.extend((self.len() as u32).to_be_bytes());
                for (key, item) in self.object_by_key() {
                    text_key(key, out);
                    item.key_at(out, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Integers of any kind of number share a form, and so do equal fractions of reals and decimals.
    fn number_key(self, out: &mut Vec<u8>) {
        if let Some(long) = self.as_i64() {
            out.push(0);
            out.extend(long.to_be_bytes());
            return;
        }
        let real = self.to_f64().unwrap_or(f64::NAN);
        if let Some(decimal) = self.as_decimal()
            && Decimal::from_f64(real) != Some(decimal)
        {
            out.push(2);
            out.extend(decimal.normalized().to_bytes());
            return;
        }
        match long_from_real(real).filter(|whole| *whole as f64 == real) {
            Some(whole) => {
                out.push(0);
                out.extend(whole.to_be_bytes());
            }
            None => {
                out.push(1);
                let bits = if real.is_nan() { f64::NAN.to_bits() } else { real.to_bits() };
                out.extend(bits.to_be_bytes());
            }
        }
    }
}

fn text_key(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text.as_bytes());
}

impl PartialEq for DynamicRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other).is_eq()
    }
}

impl Eq for DynamicRef<'_> {}

impl PartialEq for Dynamic {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes() || self.as_ref() == other.as_ref()
    }
}

impl Eq for Dynamic {}

impl Hash for Dynamic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut key = Vec::new();
        self.as_ref().write_key(&mut key);
        key.hash(state);
    }
}
