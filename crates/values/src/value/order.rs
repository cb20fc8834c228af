//! A total order over cells.

use std::cmp::Ordering;

use super::Value;
use crate::Dynamic;
use crate::dynamic::compare_reals;

impl Value {
    /// Total order: null first, then NaN, then by value. Numbers of different types compare by value; cells of types
    /// that do not compare are ordered by type.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => compare_reals(*a, *b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Int(_) | Self::Long(_), Self::Int(_) | Self::Long(_)) => {
                self.as_i64().cmp(&other.as_i64())
            }
            (Self::Dynamic(a), Self::Dynamic(b)) => a.as_ref().compare(b.as_ref()),
            _ => {
                let (a, b) = (Dynamic::from_value(self), Dynamic::from_value(other));
                a.as_ref().compare(b.as_ref())
            }
        }
    }
}
