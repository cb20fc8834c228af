//! Conversions as the `to*()` functions make them: what does not fit is null, never an error.

use super::Value;
use crate::text::{long_from_real, parse_bool, parse_long, parse_real};
use crate::{DateTime, Decimal, Dynamic, Guid, ScalarType, TimeSpan};

impl Value {
    /// The value as another type, by the rules of `tobool()`, `tolong()`, `todatetime()`, ... A dynamic value counts as
    /// what it holds; text becomes dynamic as by `parse_json()`: what is not JSON stays text.
    #[must_use]
    pub fn cast(&self, ty: ScalarType) -> Self {
        if self.scalar_type() == Some(ty) {
            return self.clone();
        }
        if let Self::Dynamic(dynamic) = self {
            let inner = dynamic.as_ref();
            return match ty {
                ScalarType::String => self.to_text_value(),
                _ if inner.is_container() => Self::Null,
                _ => inner.to_scalar().cast(ty),
            };
        }
        if self.is_null() {
            return Self::null_of(ty);
        }
        let cast = match ty {
            ScalarType::Bool => self.to_bool().map(Self::Bool),
            ScalarType::Int => self.to_long().and_then(|v| i32::try_from(v).ok()).map(Self::Int),
            ScalarType::Long => self.to_long().map(Self::Long),
            ScalarType::Real => self.to_real().map(Self::Real),
            ScalarType::Decimal => self.to_decimal().map(Self::Decimal),
            ScalarType::String => Some(self.to_text_value()),
            ScalarType::Guid => self.as_str().and_then(Guid::parse).map(Self::Guid),
            ScalarType::DateTime => self.to_datetime().map(Self::DateTime),
            ScalarType::TimeSpan => self.to_timespan().map(Self::TimeSpan),
            ScalarType::Dynamic => Some(self.to_dynamic()),
        };
        cast.unwrap_or(Self::Null)
    }

    fn to_text_value(&self) -> Self {
        let mut text = String::new();
        self.write_text(&mut text);
        Self::from(text)
    }

    fn to_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(v) => Some(*v),
            Self::Int(v) => Some(*v != 0),
            Self::Long(v) => Some(*v != 0),
            Self::Real(v) => (!v.is_nan()).then_some(*v != 0.0),
            Self::Decimal(v) => Some(*v != Decimal::ZERO),
            Self::String(v) => parse_bool(v),
            _ => None,
        }
    }

    fn to_long(&self) -> Option<i64> {
        match self {
            Self::Bool(v) => Some(i64::from(*v)),
            Self::Int(v) => Some(i64::from(*v)),
            Self::Long(v) => Some(*v),
            Self::Real(v) => long_from_real(*v),
            Self::Decimal(v) => v.to_i64(),
            Self::String(v) => parse_long(v),
            Self::DateTime(v) => Some(v.ticks()),
            Self::TimeSpan(v) => Some(v.ticks()),
            _ => None,
        }
    }

    fn to_real(&self) -> Option<f64> {
        match self {
            Self::Bool(v) => Some(f64::from(u8::from(*v))),
            Self::String(v) => parse_real(v),
            Self::DateTime(v) => Some(v.ticks() as f64),
            Self::TimeSpan(v) => Some(v.ticks() as f64),
            _ => self.as_f64(),
        }
    }

    fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Decimal(v) => Some(*v),
            Self::Real(v) => Decimal::from_f64(*v),
            Self::String(v) => Decimal::parse(v),
            _ => self.to_long().map(Decimal::from_i64),
        }
    }

    fn to_datetime(&self) -> Option<DateTime> {
        match self {
            Self::DateTime(v) => Some(*v),
            Self::String(v) => DateTime::parse(v),
            Self::Int(_) | Self::Long(_) => self.to_long().and_then(DateTime::checked_from_ticks),
            _ => None,
        }
    }

    fn to_timespan(&self) -> Option<TimeSpan> {
        match self {
            Self::TimeSpan(v) => Some(*v),
            Self::String(v) => TimeSpan::parse(v),
            Self::Int(_) | Self::Long(_) => self.to_long().map(TimeSpan::from_ticks),
            Self::Real(v) => TimeSpan::from_real_ticks(*v),
            _ => None,
        }
    }

    fn to_dynamic(&self) -> Self {
        match self {
            Self::String(text) if text.is_empty() => Self::Null,
            Self::String(text) => match Dynamic::parse_json(text) {
                Some(parsed) => Self::from(parsed),
                None => Self::Dynamic(Dynamic::from_value(self)),
            },
            _ => Self::Dynamic(Dynamic::from_value(self)),
        }
    }
}
