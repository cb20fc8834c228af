//! Lists, page by page. A page's link carries the name behind which the next one begins, so that pages stay what they
//! are while somebody writes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vault::{Found, Page, VaultError};

use super::work::{Reply, Work};

/// Most items on a page, and how many there are unless asked otherwise.
const PAGE_MAX: usize = 25;
/// How many are wanted on a page.
const SIZE: &str = "maxresults";
/// Of certificates: those too that have no version yet.
const PENDING: &str = "includePending";

/// Where a page begins and how long it is.
pub(super) struct Asked {
    pub(super) after: String,
    pub(super) limit: usize,
}

/// What `maxresults` and `$skiptoken` ask for.
pub(super) fn asked(work: &Work) -> Result<Asked, VaultError> {
    let limit = match work.parameter(SIZE) {
        None => PAGE_MAX,
        Some(text) => text.parse().ok().filter(|n| (1..=PAGE_MAX).contains(n)).ok_or_else(|| {
            VaultError::bad_parameter(format!(
                "The maxresults query parameter is '{text}'; give a number from 1 to {PAGE_MAX}."
            ))
        })?,
    };
    let after = match work.parameter("$skiptoken") {
        None => String::new(),
        Some(token) => read(token, &work.path).ok_or_else(|| {
            VaultError::bad_parameter("The $skiptoken query parameter is not one of this list; follow nextLink as it was given.")
        })?,
    };
    Ok(Asked { after, limit })
}

/// Where a page begins, by a token of the list at this path.
fn read(token: &str, path: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (list, after) = text.split_once('\n')?;
    list.eq_ignore_ascii_case(path).then(|| after.to_owned())
}

/// True when certificates that still wait for their first version are wanted as well.
pub(super) fn includes_pending(work: &Work) -> bool {
    work.parameter(PENDING).is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

/// The answer with a page.
pub(super) fn answer(work: &Work, page: &Page, item: impl Fn(&Found) -> Value) -> Reply {
    answer_of(work, page.items.iter().map(item).collect(), page.next.as_deref())
}

/// The answer with items, and where the next page begins. Its link asks for what this page was asked for.
pub(super) fn answer_of(work: &Work, value: Vec<Value>, next: Option<&str>) -> Reply {
    let next = next.map(|after| {
        let token = URL_SAFE_NO_PAD.encode(format!("{}\n{after}", work.path));
        let size = work.parameter(SIZE).map(|n| format!("&{SIZE}={n}"));
        let pending = includes_pending(work).then(|| format!("&{PENDING}=true"));
        let more = size.unwrap_or_default() + &pending.unwrap_or_default();
        let (origin, path, version) = (&work.origin, &work.path, &work.api_version);
        format!("{origin}{path}?api-version={version}&$skiptoken={token}{more}")
    });
    Reply::json(&json!({ "value": value, "nextLink": next }))
}
