//! Forms that hold secrets: decoded fields whose values are wiped when they go.

use crypto::{SecretBytes, SecretText};

use crate::wire::body;
use crate::wire::error::ApiError;
use crate::wire::path;
use crate::{Doors, Incoming};

/// Largest form: a certificate assertion with its chain is the longest thing in it.
const FORM_MAX: usize = 64 << 10;

/// Decoded fields.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    /// The body of a request as a form.
    pub(super) async fn read(doors: &Doors, incoming: &mut Incoming) -> Result<Self, ApiError> {
        let bytes = SecretBytes::new(body::read(doors, incoming, FORM_MAX).await?);
        Ok(Self(path::query(&String::from_utf8_lossy(bytes.expose()))))
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            drop(SecretText::new(std::mem::take(value)));
        }
    }
}
