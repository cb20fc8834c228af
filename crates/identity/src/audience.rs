//! Which API a token is for: the resources that clients ask for, and the doors that take them.

use crate::urls::{is_port, split_port};
use crate::{Identity, PublicUrls};

/// A set of doors. A token for a resource opens some; a door takes tokens that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Audiences(u8);

impl Audiences {
    /// No door of ours: a resource of the user's own.
    pub const NONE: Self = Self(0);
    /// Azure Resource Manager, and what Azure serves under its audience.
    pub const RESOURCE_MANAGER: Self = Self(1);
    /// Log Analytics queries.
    pub const LOG_ANALYTICS: Self = Self(2);
    /// Logs Ingestion.
    pub const INGESTION: Self = Self(4);
    /// Kusto queries and ingestion.
    pub const KUSTO: Self = Self(8);
    /// Key Vault data plane.
    pub const KEY_VAULT: Self = Self(16);
    /// Microsoft Graph.
    pub const GRAPH: Self = Self(32);
    /// What VEDETTE_URL itself stands for: every door but the vault's.
    pub const OWN_URL: Self = Self::RESOURCE_MANAGER
        .or(Self::LOG_ANALYTICS)
        .or(Self::INGESTION)
        .or(Self::KUSTO)
        .or(Self::GRAPH);

    /// Either set's doors.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when the sets share a door.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A resource as clients name it. Hosts may begin with `*.`; others are application ids.
struct Resource {
    name: &'static str,
    opens: Audiences,
}

const fn resource(name: &'static str, opens: Audiences) -> Resource {
    Resource { name, opens }
}

const RESOURCES: &[Resource] = &[
    resource("management.azure.com", Audiences::RESOURCE_MANAGER),
    resource("management.core.windows.net", Audiences::RESOURCE_MANAGER),
    resource("797f4846-ba00-4fd7-ba43-dac1f8f63013", Audiences::RESOURCE_MANAGER),
    resource("api.loganalytics.io", Audiences::LOG_ANALYTICS),
    resource("*.api.loganalytics.io", Audiences::LOG_ANALYTICS),
    resource("api.loganalytics.azure.com", Audiences::LOG_ANALYTICS),
    resource("ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", Audiences::LOG_ANALYTICS),
    resource("monitor.azure.com", Audiences::INGESTION),
    resource("*.kusto.windows.net", Audiences::KUSTO),
    resource("*.kusto.fabric.microsoft.com", Audiences::KUSTO),
    resource("2746ea77-4702-4b45-80ca-3c97e680e8b7", Audiences::KUSTO),
    resource("vault.azure.net", Audiences::KEY_VAULT),
    resource("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", Audiences::KEY_VAULT),
    resource("graph.microsoft.com", Audiences::GRAPH),
    resource("00000003-0000-0000-c000-000000000000", Audiences::GRAPH),
];

/// What Azure calls the services behind the doors, and their application ids.
const SERVICES: &[(Audiences, &str, &str)] = &[
    (
        Audiences::RESOURCE_MANAGER,
        "Windows Azure Service Management API",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    ),
    (Audiences::LOG_ANALYTICS, "Log Analytics API", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"),
    (Audiences::INGESTION, "Azure Monitor Control Service", "e933bd07-d2ee-4f1d-933c-3752b819567b"),
    (Audiences::KUSTO, "Azure Data Explorer", "2746ea77-4702-4b45-80ca-3c97e680e8b7"),
    (Audiences::KEY_VAULT, "Azure Key Vault", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"),
    (Audiences::GRAPH, "Microsoft Graph", "00000003-0000-0000-c000-000000000000"),
];

impl Identity {
    /// What a resource that a client asked for is called, and its application id, as sign-ins are logged. The server's own
    /// address stands for several services; Resource Manager is the one that clients know by it.
    pub fn resource_names(&self, resource: &str) -> (String, String) {
        let opens = audiences_of(resource, self.urls());
        let service = SERVICES.iter().find(|(door, ..)| opens.is_some_and(|o| o.meets(*door)));
        if let Some((_, name, id)) = service {
            return ((*name).to_owned(), (*id).to_owned());
        }
        match self.directory().application_by_uri(resource.trim_end_matches('/')) {
            Some(application) => (application.display_name.clone(), application.app_id.clone()),
            None => (resource.to_owned(), String::new()),
        }
    }
}

/// The application id of the service behind a set of doors. The server's own address stands for several; Resource
/// Manager is the one that clients know by it.
pub(crate) fn service_id(opens: Audiences) -> Option<&'static str> {
    SERVICES.iter().find(|(door, ..)| opens.meets(*door)).map(|(_, _, id)| *id)
}

/// The doors that a resource opens; none when it is not one of ours. Trailing slashes do not matter: clients send
/// `https://monitor.azure.com//.default`.
pub(crate) fn audiences_of(resource: &str, urls: &PublicUrls) -> Option<Audiences> {
    let resource = resource.trim_end_matches('/').to_ascii_lowercase();
    let Some(rest) = resource.strip_prefix("https://") else {
        return RESOURCES
            .iter()
            .find(|r| r.name == resource && !r.name.contains('.'))
            .map(|r| r.opens);
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (name, port) = split_port(host);
    // all vaults have one resource, as in Azure: no token is for one of them alone
    if name == "vault.localhost" && port.is_none_or(is_port) {
        return Some(Audiences::KEY_VAULT);
    }
    if name.ends_with(".vault.localhost") {
        return None; // before the server's own names, which may hold one of these
    }
    if urls.is_own_host(host) {
        return Some(Audiences::OWN_URL); // with a path too: the logs client's endpoint ends in /v1
    }
    if port.is_some() || !path.is_empty() {
        return None;
    }
    RESOURCES.iter().find(|r| names(r.name, name)).map(|r| r.opens)
}

fn names(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host && pattern.contains('.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_open_their_doors() {
        let urls = PublicUrls::new("localhost", 8443, ["box.example"]);
        let own = Some(Audiences::OWN_URL);
        let cases = [
            ("https://localhost:8443", own),
            ("https://localhost:8443/", own),
            ("https://LOCALHOST:8443/v1", own),
            ("https://127.0.0.1:9000", own),
            ("https://box.example", own),
            ("https://management.azure.com", Some(Audiences::RESOURCE_MANAGER)),
            ("https://management.core.windows.net/", Some(Audiences::RESOURCE_MANAGER)),
            ("797F4846-ba00-4fd7-ba43-dac1f8f63013", Some(Audiences::RESOURCE_MANAGER)),
            ("https://monitor.azure.com//", Some(Audiences::INGESTION)),
            ("https://api.loganalytics.io", Some(Audiences::LOG_ANALYTICS)),
            ("https://westeurope.api.loganalytics.io", Some(Audiences::LOG_ANALYTICS)),
            ("https://api.loganalytics.azure.com", Some(Audiences::LOG_ANALYTICS)),
            ("https://kusto.kusto.windows.net", Some(Audiences::KUSTO)),
            ("https://help.westeurope.kusto.windows.net", Some(Audiences::KUSTO)),
            ("https://vault.azure.net", Some(Audiences::KEY_VAULT)),
            ("https://vault.localhost:8443", Some(Audiences::KEY_VAULT)),
            ("https://default.vault.localhost:8443", None),
            ("https://other.vault.localhost", None),
            ("https://other.vault.azure.net", None),
            ("https://graph.microsoft.com/", Some(Audiences::GRAPH)),
            ("https://.kusto.windows.net", None),
            ("https://vault.azure.net.evil.example", None),
            ("https://vault.azure.net:444", None),
            ("https://evilvault.localhost", None),
            ("https://management.azure.com/x", None),
            ("https://797f4846-ba00-4fd7-ba43-dac1f8f63013", None),
            ("http://localhost:8443", None),
            ("management.azure.com", None),
            ("https://example.com", None),
            ("", None),
        ];
        for (resource, expected) in cases {
            assert_eq!(audiences_of(resource, &urls), expected, "{resource}");
        }
    }

    #[test]
    fn the_own_url_does_not_open_the_vault() {
        assert!(!Audiences::OWN_URL.meets(Audiences::KEY_VAULT));
        assert!(Audiences::OWN_URL.meets(Audiences::RESOURCE_MANAGER));
        assert!(!Audiences::NONE.meets(Audiences::OWN_URL));
    }
}
