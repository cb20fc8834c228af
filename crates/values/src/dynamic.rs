//! `dynamic` in binary form.

use std::sync::Arc;

/// An owned dynamic value.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic(Arc<[u8]>);

/// A borrowed dynamic value.
#[derive(Clone, Copy, Debug)]
pub struct DynamicRef<'a>(#[allow(dead_code)] &'a [u8]);

impl Dynamic {
    /// From stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }
    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
