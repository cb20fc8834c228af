//! Cloud discovery, `/metadata/endpoints`: how az, msticpy and Terraform learn where everything is.

use serde_json::{Value, json};

use crate::{PublicUrls, Tenant};

/// The name under which az registers this cloud when asked for none.
const NAME: &str = "vedette";

/// The answer for an api-version. From 2022-09-01 on (and for `latest`) it is one object: a list makes
/// `az cloud register` fail. 2019-05-01 is a list. Before that only the login part existed.
pub(crate) fn metadata_endpoints(
    urls: &PublicUrls,
    tenant: &Tenant,
    origin: &str,
    api_version: Option<&str>,
) -> Value {
    let version = api_version.unwrap_or("latest");
    let dated = version.get(..10).filter(|v| v.starts_with("20")).unwrap_or("9999-99-99");
    if dated < "2018-01-01" {
        return json!({
            "galleryEndpoint": origin,
            "graphEndpoint": origin,
            "portalEndpoint": origin,
            "graphAudience": origin,
            "authentication": { "loginEndpoint": origin, "audiences": audiences(origin) },
        });
    }
    let cloud = cloud(urls, tenant, origin);
    if dated < "2022-01-01" { json!([cloud]) } else { cloud }
}

/// The first one is what az asks tokens for.
fn audiences(origin: &str) -> Value {
    json!([origin, "https://management.core.windows.net/", "https://management.azure.com/"])
}

fn cloud(urls: &PublicUrls, tenant: &Tenant, origin: &str) -> Value {
    json!({
        "name": NAME,
        "portal": origin,
        "authentication": {
            "loginEndpoint": origin,
            "audiences": audiences(origin),
            "tenant": tenant.id,
            "identityProvider": "AAD",
        },
        "resourceManager": origin,
        "gallery": origin,
        "graph": origin,
        "graphAudience": origin,
        "microsoftGraphResourceId": origin,
        "logAnalyticsResourceId": origin,
        // twice the same word, as az's log-analytics extension reads it
        "logAnalyticslogAnalyticsResourceId": origin,
        "appInsightsResourceId": origin,
        "suffixes": {
            "keyvaultDns": urls.vault_suffix(),
            // Azure's own spelling, last: readers that ignore case take the last one, msticpy puts a dot before it
            "keyVaultDns": urls.vault_suffix().trim_start_matches('.'),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms() {
        let urls = PublicUrls::new("localhost", 8443, []);
        let tenant = Tenant { id: "t".into(), display_name: "n".into(), domain: "d".into() };
        let get = |version| metadata_endpoints(&urls, &tenant, "https://localhost:8443", version);
        for version in [
            None,
            Some("latest"),
            Some("2022-09-01"),
            Some("2024-01-01-preview"),
            Some("x"),
            Some("€€€€€"),
        ] {
            let one = get(version);
            assert_eq!(
                one["authentication"]["audiences"][0], "https://localhost:8443",
                "{version:?}"
            );
            assert_eq!(one["suffixes"]["keyvaultDns"], ".vault.localhost:8443", "{version:?}");
            assert_eq!(one["resourceManager"], "https://localhost:8443", "{version:?}");
            // read by az's log-analytics extension: azure-cli-extensions#10124
            assert_eq!(one["logAnalyticslogAnalyticsResourceId"], one["logAnalyticsResourceId"]);
        }
        let list = get(Some("2019-05-01"));
        assert_eq!(list.as_array().map(Vec::len), Some(1));
        assert_eq!(list[0]["name"], "vedette");
        assert_eq!(list[0]["authentication"]["loginEndpoint"], "https://localhost:8443");
        let old = get(Some("2015-01-01"));
        assert_eq!(old["authentication"]["loginEndpoint"], "https://localhost:8443");
        assert!(old.get("resourceManager").is_none());
    }
}
