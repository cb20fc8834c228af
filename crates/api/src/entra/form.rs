//! Forms that hold secrets: decoded fields whose values are wiped when they go.

use crypto::{SecretBytes, SecretText};

use crate::wire::body;
use crate::wire::error::ApiError;
use crate::wire::path;
use crate::{Doors, Incoming};

/// Largest form: a certificate assertion with its chain is the longest thing in it.
const FORM_MAX: usize = 64 << 10;

/// Decoded fields.
#[derive(Default)]
pub(super) struct Form {
    pub(super) fields: Vec<(String, String)>,
    /// The name of the first that cannot be decoded, as sent.
    pub(super) malformed: Option<String>,
}

impl Form {
    /// The body of a request as a form.
    pub(super) async fn read(doors: &Doors, incoming: &mut Incoming) -> Result<Self, ApiError> {
        let bytes = SecretBytes::new(body::read(doors, incoming, FORM_MAX).await?);
        let text = String::from_utf8_lossy(bytes.expose());
        Ok(Self { fields: path::query(&text), malformed: path::malformed(&text) })
    }

    /// The query of a request as a form.
    pub(super) fn of_query(incoming: &mut Incoming) -> Self {
        let sent = incoming.target.split_once('?').map_or("", |(_, query)| query);
        Self { malformed: path::malformed(sent), fields: std::mem::take(&mut incoming.query) }
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.fields {
            drop(SecretText::new(std::mem::take(value)));
        }
    }
}
