//! The wire form of a stored document.

use serde_json::{Value, json};
use state::Document;

use crate::{Etag, ResourceType};

/// An etag as bodies and headers show it: in quotes.
pub fn wire_etag(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// A document as clients see it.
pub(crate) fn resource(kind: &ResourceType, document: Document) -> Value {
    let mut value = document.value;
    if kind.etag != Etag::Hidden {
        value["etag"] = json!(wire_etag(&document.etag));
    }
    value
}
