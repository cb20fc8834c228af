#![allow(clippy::unwrap_used)]
use super::*;

const ORIGIN: &str = "https://localhost:8443";
const ID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn tenant() -> Tenant {
    Tenant { id: ID.into(), display_name: "vedette".into(), domain: "vedette.localhost".into() }
}

#[test]
fn endpoints_and_issuer_by_segment_and_generation() {
    let own = format!("{ORIGIN}/{ID}");
    let cases = [
        (
            ID,
            Generation::V2,
            format!("{own}/v2.0"),
            format!("{own}/oauth2/v2.0/token"),
            format!("{own}/discovery/v2.0/keys"),
        ),
        (
            "vedette.localhost",
            Generation::V2,
            format!("{own}/v2.0"),
            format!("{own}/oauth2/v2.0/token"),
            format!("{own}/discovery/v2.0/keys"),
        ),
        (
            ID,
            Generation::V1,
            format!("{own}/"),
            format!("{own}/oauth2/token"),
            format!("{own}/discovery/keys"),
        ),
        (
            "common",
            Generation::V2,
            format!("{ORIGIN}/{{tenantid}}/v2.0"),
            format!("{ORIGIN}/common/oauth2/v2.0/token"),
            format!("{ORIGIN}/common/discovery/v2.0/keys"),
        ),
        (
            "adfs",
            Generation::V1,
            format!("{ORIGIN}/adfs"),
            format!("{ORIGIN}/adfs/oauth2/token"),
            format!("{ORIGIN}/adfs/discovery/keys"),
        ),
    ];
    for (segment, generation, issuer, token, keys) in cases {
        let document = openid_configuration(&tenant(), segment, generation, ORIGIN).unwrap();
        assert_eq!(document["issuer"], issuer, "{segment}");
        assert_eq!(document["token_endpoint"], token, "{segment}");
        assert_eq!(document["jwks_uri"], keys, "{segment}");
        assert!(document["authorization_endpoint"].is_string(), "clients insist on it");
    }
}

#[test]
fn every_url_has_the_origin_that_the_client_asked() {
    for segment in [ID, "common", "organizations", "adfs"] {
        for generation in [Generation::V1, Generation::V2] {
            let document =
                openid_configuration(&tenant(), segment, generation, "https://127.0.0.1:9000")
                    .unwrap();
            for (name, value) in document.as_object().unwrap() {
                if let Some(url) = value.as_str().filter(|v| v.starts_with("http")) {
                    assert!(url.starts_with("https://127.0.0.1:9000"), "{name}: {url}");
                }
            }
        }
    }
}

#[test]
fn strangers_are_not_vouched_for() {
    for segment in ["11111111-1111-1111-1111-111111111111", "contoso.example", "x y"] {
        assert!(
            openid_configuration(&tenant(), segment, Generation::V2, ORIGIN).is_err(),
            "{segment}"
        );
    }
    let known =
        instance_discovery(&tenant(), ORIGIN, &format!("{ORIGIN}/{ID}/oauth2/v2.0/authorize"))
            .unwrap();
    assert_eq!(
        known["tenant_discovery_endpoint"],
        format!("{ORIGIN}/{ID}/v2.0/.well-known/openid-configuration")
    );
    assert_eq!(known["metadata"][0]["aliases"][0], "localhost:8443");
    let v1 = instance_discovery(&tenant(), ORIGIN, &format!("{ORIGIN}/common/oauth2/authorize"))
        .unwrap();
    assert_eq!(
        v1["tenant_discovery_endpoint"],
        format!("{ORIGIN}/common/.well-known/openid-configuration")
    );
    for foreign in [
        "https://login.example/common/oauth2/v2.0/authorize",
        "https://localhost:8443",
        "",
        "https://localhost:8443/x y/",
    ] {
        assert!(instance_discovery(&tenant(), ORIGIN, foreign).is_none(), "{foreign}");
    }
}
