//! What can be called, as data: method, path, operation, right, and the function that does it.

use std::pin::Pin;

use http::Method;
use vault::{Kind, VaultError, check_name};

use super::work::{Reply, Work};
use super::{certificates, keys, secrets};
use crate::Incoming;

/// One operation.
pub(crate) struct Route {
    /// Method.
    pub(crate) method: Method,
    /// Path below the host. `{name}` is an object's name, `{version?}` may be left out: `/keys/k//sign`.
    pub(crate) path: &'static str,
    /// Name in audit rows.
    pub(crate) operation: &'static str,
    /// Data action, below `Microsoft.KeyVault/vaults/`.
    pub(crate) action: &'static str,
    /// Permission of access policies.
    pub(crate) permission: &'static str,
    /// Does it.
    pub(crate) run: Run,
}

/// How an operation is carried out.
pub(crate) enum Run {
    /// By a call, on the thread that fits.
    Call(fn(&Work) -> Place, fn(&Work) -> Result<Reply, VaultError>),
    /// By a task that waits for the store without a thread of its own; it is polled to its end.
    Task(fn(Work) -> Answer),
}

/// An answer to come.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Reply, VaultError>> + Send>>;

pub(super) const GET: Method = Method::GET;
pub(super) const PUT: Method = Method::PUT;
pub(super) const POST: Method = Method::POST;
pub(super) const PATCH: Method = Method::PATCH;
/// DELETE: tables have other things of that name.
pub(super) const REMOVE: Method = Method::DELETE;

/// A row of a table.
pub(super) const fn route(
    method: Method,
    path: &'static str,
    operation: &'static str,
    action: &'static str,
    permission: &'static str,
    place: fn(&Work) -> Place,
    run: fn(&Work) -> Result<Reply, VaultError>,
) -> Route {
    Route { method, path, operation, action, permission, run: Run::Call(place, run) }
}

/// A row of a table, for [`Run::Task`].
pub(super) const fn task(
    method: Method,
    path: &'static str,
    operation: &'static str,
    action: &'static str,
    permission: &'static str,
    run: fn(Work) -> Answer,
) -> Route {
    Route { method, path, operation, action, permission, run: Run::Task(run) }
}

/// Permissions whose operations leave the vault as it is, whatever their method.
const USES: &[&str] = &[
    "get",
    "list",
    "backup",
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "wrapkey",
    "unwrapkey",
    "release",
];

impl Route {
    /// True when the operation may change what the vault holds.
    pub(crate) fn changes(&self) -> bool {
        self.method != Method::GET && !USES.contains(&self.permission)
    }
}

/// Where a handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thread that took the request: it touches memory alone, for microseconds.
    Here,
    /// Where waiting for disks and computing for long is allowed.
    Blocking,
}

/// [`Place::Here`].
pub(crate) fn here(_: &Work) -> Place {
    Place::Here
}

/// [`Place::Blocking`].
pub(crate) fn elsewhere(_: &Work) -> Place {
    Place::Blocking
}

/// All routes by the kind that they are about. Where two fit, the one that stands first is taken.
const TABLES: &[(Kind, &[Route])] = &[
    (Kind::Secret, secrets::ROUTES),
    (Kind::Key, keys::ROUTES),
    (Kind::Certificate, certificates::ROUTES),
];

/// A route with what the path names.
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) kind: Kind,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// The operation that a request asks for. Empty segments do not count: clients leave them where a version could stand.
pub(crate) fn find(incoming: &Incoming) -> Result<Found, VaultError> {
    let segments: Vec<&str> = incoming.segments.iter().map(String::as_str).collect();
    let mut other_method = false;
    let all = TABLES.iter().flat_map(|(kind, routes)| routes.iter().map(|route| (*kind, route)));
    for (kind, route) in all {
        let Some((name, version)) = fits(route.path, &segments) else { continue };
        if route.method != incoming.method {
            other_method = true;
            continue;
        }
        if let Some(name) = name {
            check_name(name)?;
        }
        if let Some(version) = version.filter(|v| !is_version(v)) {
            return Err(VaultError::bad_parameter(format!(
                "The request URI contains an invalid version: '{version}' is not 32 hexadecimal digits."
            )));
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        return Ok(Found { route, kind, name: own(name), version: own(version) });
    }
    Err(if other_method {
        VaultError::new(405, "MethodNotAllowed", format!("{} is not served here.", incoming.method))
    } else {
        VaultError::not_found(
            "NotFound",
            format!("There is nothing at '{}' in a vault.", incoming.path()),
        )
    })
}

fn is_version(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Name and version, when the segments fit the pattern.
fn fits<'s>(pattern: &str, segments: &[&'s str]) -> Option<(Option<&'s str>, Option<&'s str>)> {
    let count = 1 + pattern.bytes().filter(|byte| *byte == b'/').count();
    let without = segments.len() + 1 == count && pattern.contains("{version?}");
    if segments.len() != count && !without {
        return None;
    }
    let (mut name, mut version) = (None, None);
    let mut rest = segments.iter();
    for part in pattern.split('/') {
        match part {
            "{version?}" if without => {}
            "{version?}" => version = Some(*rest.next()?),
            "{name}" => name = Some(*rest.next()?),
            word if !rest.next()?.eq_ignore_ascii_case(word) => return None,
            _ => {}
        }
    }
    Some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let cases: [(&str, &[&str], Option<(Option<&str>, Option<&str>)>); 7] = [
            ("secrets/{name}/{version?}", &["secrets", "a"], Some((Some("a"), None))),
            ("secrets/{name}/{version?}", &["Secrets", "a", "v"], Some((Some("a"), Some("v")))),
            ("secrets/{name}/{version?}", &["secrets"], None),
            ("keys/{name}/{version?}/sign", &["keys", "a", "sign"], Some((Some("a"), None))),
            (
                "keys/{name}/{version?}/sign",
                &["keys", "a", "v", "sign"],
                Some((Some("a"), Some("v"))),
            ),
            ("keys/{name}/{version?}/sign", &["keys", "a", "verify"], None),
            ("secrets", &["secrets"], Some((None, None))),
        ];
        for (pattern, segments, expected) in cases {
            assert_eq!(fits(pattern, segments), expected, "{pattern} {segments:?}");
        }
    }
}
