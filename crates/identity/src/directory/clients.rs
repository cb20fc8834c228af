//! Clients that are known everywhere without being registered: Azure's command line tools, and our own portal. They
//! have no secrets and no rights of their own; they act for the person who signs in.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::{Application, Directory, RedirectUris};

/// Client id of the portal.
pub const PORTAL_CLIENT: &str = "9b6d2f6e-3c1a-4d7e-8f52-70cb5b1c9e44";

const LOOPBACK: &[&str] = &["http://localhost", "http://127.0.0.1", "http://[::1]"];

/// Id, name, redirect addresses of native applications.
const CLIENTS: &[(&str, &str, &[&str])] = &[
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Microsoft Azure CLI", LOOPBACK),
    ("1950a258-227b-4e31-a9cf-717495945fc2", "Microsoft Azure PowerShell", LOOPBACK),
    ("aebc6443-996d-45c2-90f0-388ff96faa56", "Visual Studio Code", LOOPBACK),
    (PORTAL_CLIENT, "vedette portal", &[]),
];

static KNOWN: LazyLock<HashMap<&str, Arc<Application>>> = LazyLock::new(|| {
    let make = |(app_id, name, redirects): &(&'static str, &str, &[&str])| {
        let mut client =
            Application::named((*app_id).to_owned(), (*app_id).to_owned(), (*name).to_owned(), 0);
        client.is_fallback_public_client = *app_id != PORTAL_CLIENT;
        client.redirects = RedirectUris {
            public_client: redirects.iter().map(|uri| (*uri).to_owned()).collect(),
            ..RedirectUris::default()
        };
        (*app_id, Arc::new(client))
    };
    CLIENTS.iter().map(make).collect()
});

impl Directory {
    /// A client by its id: a registered application, or one that is known everywhere.
    pub(crate) fn client(&self, app_id: &str) -> Option<&Arc<Application>> {
        self.application(app_id).or_else(|| KNOWN.get(app_id.to_ascii_lowercase().as_str()))
    }
}

/// The portal's pages are at this instance itself, under whatever name it was reached.
pub(crate) fn is_portal_redirect(app_id: &str, asked: &str, origin: &str) -> bool {
    let path = asked.strip_prefix(origin);
    app_id == PORTAL_CLIENT && path.is_some_and(|path| matches!(path, "/" | "/signin" | "/portal/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_comes_home_and_nowhere_else() {
        let origin = "https://localhost:8443";
        assert!(is_portal_redirect(PORTAL_CLIENT, "https://localhost:8443/", origin));
        for bad in [
            "https://localhost:8443",
            "https://localhost:84430/",
            "https://evil.example/",
            "https://localhost:8443/x",
        ] {
            assert!(!is_portal_redirect(PORTAL_CLIENT, bad, origin), "{bad}");
        }
        assert!(!is_portal_redirect("other", "https://localhost:8443/", origin));
    }
}
