//! Lists, page by page. A page's link carries the name behind which the next one begins, so that pages stay what they
//! are while somebody writes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vault::{Found, Page, VaultError};

use super::work::{Reply, Work};

/// Most items on a page, and how many there are unless asked otherwise.
const PAGE_MAX: usize = 25;

/// Where a page begins and how long it is.
pub(super) struct Asked {
    pub(super) after: String,
    pub(super) limit: usize,
}

/// What `maxresults` and `$skiptoken` ask for.
pub(super) fn asked(work: &Work) -> Result<Asked, VaultError> {
    let limit = match work.parameter("maxresults") {
        None => PAGE_MAX,
        Some(text) => text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(|| {
            VaultError::bad_parameter(format!(
                "The maxresults query parameter is '{text}'; give a number from 1 to {PAGE_MAX}."
            ))
        })?,
    };
    let after = match work.parameter("$skiptoken") {
        None => String::new(),
        Some(token) => read(token).ok_or_else(|| {
            VaultError::bad_parameter("The $skiptoken query parameter is not one of this list; follow nextLink as it was given.")
        })?,
    };
    Ok(Asked { after, limit })
}

fn read(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// The answer with a page.
pub(super) fn answer(work: &Work, page: &Page, item: impl Fn(&Found) -> Value) -> Reply {
    let next = page.next.as_ref().map(|after| {
        let token = URL_SAFE_NO_PAD.encode(after);
        let size =
            work.parameter("maxresults").map_or_else(String::new, |n| format!("&maxresults={n}"));
        let (origin, path, version) = (&work.origin, &work.path, &work.api_version);
        format!("{origin}{path}?api-version={version}&$skiptoken={token}{size}")
    });
    let value: Vec<Value> = page.items.iter().map(item).collect();
    Reply::json(&json!({ "value": value, "nextLink": next }))
}
