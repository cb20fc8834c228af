//! Certificate assertions with the quirks of real clients.

use base64::engine::general_purpose::STANDARD;
use crypto::{RsaAlgorithm, RsaBits, RsaPrivateKey};

use super::*;
use crate::testing::{App, stranger};

pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A self-signed RSA certificate (DER) with `key`, valid over the test's time; assembled by hand, as no library is
/// at hand that makes RSA ones.
fn certificate(key: &RsaPrivateKey) -> Vec<u8> {
    let sequence = |parts: &[Vec<u8>]| tagged(0x30, &parts.concat());
    let algorithm =
        sequence(&[vec![6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b], vec![5, 0]]);
    let name_part = sequence(&[vec![6, 3, 0x55, 4, 3], tagged(0x0c, b"client")]);
    let name = sequence(&[tagged(0x31, &name_part)]);
    let validity = sequence(&[tagged(0x17, b"250101000000Z"), tagged(0x17, b"300101000000Z")]);
    let pem = key.public().to_spki_pem().unwrap();
    let body: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    let spki = STANDARD.decode(body).unwrap();
    let version = tagged(0xa0, &[2, 1, 2]);
    let signed =
        sequence(&[version, vec![2, 1, 1], algorithm.clone(), name.clone(), validity, name, spki]);
    let signature = key.sign(RsaAlgorithm::Rs256, &signed).unwrap();
    sequence(&[signed, algorithm, tagged(3, &[vec![0], signature].concat())])
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..128 => vec![tag, u8::try_from(length).unwrap()],
        _ => vec![
            tag,
            0x82,
            u8::try_from(length >> 8).unwrap(),
            u8::try_from(length & 0xff).unwrap(),
        ],
    };
    [header, content.to_vec()].concat()
}

struct Client {
    house: House,
    app: App,
    key: RsaPrivateKey,
    certificate: crypto::Certificate,
}

fn client() -> Client {
    let house = house();
    let app = house.app("client");
    let key = RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap();
    let der = certificate(&key);
    house.identity.add_certificate(&app.object_id, &der, None).unwrap();
    let certificate = crypto::Certificate::from_der(&der).unwrap();
    Client { house, app, key, certificate }
}

impl Client {
    fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(self.certificate.thumbprint_sha1()) })
    }

    fn claims(&self) -> Value {
        json!({
            "aud": format!("{ORIGIN}/{}/oauth2/v2.0/token", self.house.admin.tenant_id),
            "iss": self.app.app_id, "sub": self.app.app_id, "jti": "1",
            "iat": now_seconds(), "exp": now_seconds() + 600,
        })
    }

    fn present(&self, assertion: &str) -> TokenAnswer {
        self.house.ask(&[
            ("client_id", &self.app.app_id),
            ("client_secret", ""),
            ("client_assertion", assertion),
            ("client_assertion_type", TYPE),
        ])
    }

    fn code(&self, header: &Value, claims: &Value) -> u64 {
        codes(&self.present(&sign(header, claims, &self.key))).2
    }

    /// The client's certificate in the name of another application.
    fn code_as(&self, app: &App) -> u64 {
        let claims = with(self.claims(), json!({ "iss": app.app_id, "sub": app.app_id }));
        let assertion = sign(&self.header(), &claims, &self.key);
        let form = [
            ("client_id", app.app_id.as_str()),
            ("client_secret", ""),
            ("client_assertion", &assertion),
            ("client_assertion_type", TYPE),
        ];
        codes(&self.house.ask(&form)).2
    }
}

pub(super) fn sign(header: &Value, claims: &Value, key: &RsaPrivateKey) -> String {
    let algorithm =
        header["alg"].as_str().and_then(RsaAlgorithm::from_name).unwrap_or(RsaAlgorithm::Rs256);
    let encode = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(algorithm, signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

#[test]
fn real_clients_are_understood() {
    let client = client();
    let (sha1, sha256) =
        (client.certificate.thumbprint_sha1(), client.certificate.thumbprint_sha256());
    let padded = base64::engine::general_purpose::URL_SAFE.encode(sha1);
    assert!(padded.ends_with('='), "azure-identity sends it so");
    let header = |members: Value| with(json!({ "alg": "RS256" }), members);
    let headers = [
        client.header(),
        header(json!({ "x5t": padded })),
        header(json!({ "alg": "PS256", "x5t#S256": URL_SAFE_NO_PAD.encode(sha256) })),
        header(
            json!({ "alg": "PS256", "x5t#S256": base64::engine::general_purpose::URL_SAFE.encode(sha256) }),
        ),
        header(json!({ "kid": hex::encode_upper(sha1) })),
        header(json!({ "kid": hex::encode(sha1), "x5t": padded })),
        with(client.header(), json!({ "x5c": ["MII..."] })),
    ];
    for header in headers {
        assert_eq!(client.code(&header, &client.claims()), 0, "{header}");
    }
    let seconds = now_seconds() as f64;
    let tenant = &client.house.admin.tenant_id;
    let claims = [
        json!({ "iat": seconds + 0.42, "exp": seconds + 600.42 }),
        json!({ "nbf": now_seconds(), "iat": null }),
        json!({ "aud": [format!("{ORIGIN}/common/oauth2/v2.0/token")] }),
        json!({ "aud": format!("https://127.0.0.1:8443/{tenant}/oauth2/token") }),
        json!({ "aud": format!("{ORIGIN}/{tenant}/v2.0") }),
        json!({ "aud": format!("{ORIGIN}/adfs/oauth2/token") }),
        json!({ "iss": client.app.app_id.to_uppercase() }),
        json!({ "exp": now_seconds() - 200 }),
    ];
    for change in claims {
        assert_eq!(
            client.code(&client.header(), &with(client.claims(), change.clone())),
            0,
            "{change}"
        );
    }
}

#[test]
fn the_token_tells_that_a_certificate_was_used() {
    let client = client();
    let answer = client.present(&sign(&client.header(), &client.claims(), &client.key));
    let (_, claims) = read_token(&access_token(&answer));
    assert_eq!((claims["appidacr"].as_str(), claims["azpacr"].as_str()), (Some("2"), Some("2")));
    assert_eq!(answer.sign_in.credential, CredentialKind::Certificate);
}

#[test]
fn the_client_id_may_stand_in_the_assertion_alone() {
    let client = client();
    let assertion = sign(&client.header(), &client.claims(), &client.key);
    let form = [
        ("client_id", ""),
        ("client_secret", ""),
        ("client_assertion", assertion.as_str()),
        ("client_assertion_type", TYPE),
    ];
    assert_eq!(client.house.ask(&form).status, 200);
}

#[test]
fn assertions_that_prove_nothing() {
    let client = client();
    let thumbprint = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let headers = [
        (json!({ "alg": "RS256" }), 700_027),
        (json!({ "alg": "RS256", "x5t": thumbprint(&[1; 20]) }), 700_027),
        (json!({ "alg": "RS256", "x5t": "***" }), 700_027),
        (with(client.header(), json!({ "alg": "none" })), 700_027),
        (with(client.header(), json!({ "alg": "HS256" })), 700_027),
        (with(client.header(), json!({ "crit": ["x"] })), 50_027),
    ];
    for (header, code) in headers {
        assert_eq!(client.code(&header, &client.claims()), code, "{header}");
        client.house.ask(&[
            ("client_id", &client.app.app_id),
            ("client_secret", client.app.secret.expose()),
        ]);
    }
    let other = client.house.admin.client_id.clone();
    let claims = [
        (json!({ "iss": other }), 700_021),
        (json!({ "sub": other }), 700_021),
        (json!({ "sub": null }), 700_021),
        (json!({ "aud": "https://login.example/common/oauth2/v2.0/token" }), 700_023),
        (
            json!({ "aud": format!("{ORIGIN}/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token") }),
            700_023,
        ),
        (json!({ "aud": format!("{ORIGIN}/common/elsewhere") }), 700_023),
        (json!({ "aud": null }), 700_023),
        (json!({ "exp": now_seconds() - 301 }), 700_024),
        (json!({ "exp": now_seconds() + 100_000 }), 700_024),
        (json!({ "exp": "soon" }), 700_024),
        (json!({ "nbf": now_seconds() + 301 }), 700_024),
    ];
    for (change, code) in claims {
        assert_eq!(
            client.code(&client.header(), &with(client.claims(), change.clone())),
            code,
            "{change}"
        );
        client.house.ask(&[
            ("client_id", &client.app.app_id),
            ("client_secret", client.app.secret.expose()),
        ]);
    }
    let foreign = sign(&client.header(), &client.claims(), stranger());
    assert_eq!(codes(&client.present(&foreign)).2, 700_027);
}

#[test]
fn an_expired_certificate_signs_no_more() {
    let client = client();
    let at = crate::testing::later(4 * 365 * 86_400);
    let seconds = crate::time::unix_seconds(at);
    let claims = with(client.claims(), json!({ "iat": seconds, "exp": seconds + 600 }));
    let assertion = sign(&client.header(), &claims, &client.key);
    let form = [
        ("client_id", client.app.app_id.as_str()),
        ("client_secret", ""),
        ("client_assertion", &assertion),
        ("client_assertion_type", TYPE),
    ];
    let tenant = &client.house.admin.tenant_id;
    assert_eq!(codes(&client.house.ask_at(&form, tenant, TokenEndpoint::V2, at)).2, 700_027);
}

#[test]
fn a_certificate_of_another_application_is_none() {
    let client = client();
    assert_eq!(client.code_as(&client.house.app("other")), 700_027);
}

#[test]
fn a_certificate_comes_in_lines() {
    let client = client();
    let other = client.house.app("other");
    let text = STANDARD.encode(client.certificate.der());
    let (half, rest) = text.split_at(64);
    let body = json!({ "keyCredentials": [{ "key": format!("{half}\n{rest}\n") }] }); // as az sends it
    client.house.identity.update_application(&other.object_id, &body).unwrap();
    assert_eq!(client.code_as(&other), 0);
}

/// `az ad sp credential reset --cert`, then `delete`.
#[test]
fn a_certificate_may_be_the_principals_own() {
    let client = client();
    let other = client.house.app("other");
    let identity = &client.house.identity;
    let put = |keys: Value| identity.put_principal_keys(&other.principal, &keys);
    put(json!([{ "key": STANDARD.encode(client.certificate.der()) }])).unwrap();
    assert_eq!(client.code_as(&other), 0);
    let shown = identity.service_principal(&other.principal).unwrap();
    let (again, _) =
        crate::testing::open(client.house.store.clone(), client.house.folder.path(), now());
    assert_eq!(again.service_principal(&other.principal).unwrap(), shown, "as stored");
    put(shown["keyCredentials"].clone()).unwrap();
    assert_eq!(client.code_as(&other), 0, "named by its key id, it stays");
    put(json!([])).unwrap();
    assert_eq!(client.code_as(&other), 700_027);
    let machine = identity.ensure_managed_identity("box", now()).unwrap();
    assert_eq!(identity.put_principal_keys(&machine.id, &json!([])).unwrap_err().status, 400);
}

#[test]
fn certificates_survive_a_restart() {
    let client = client();
    let (again, _) =
        crate::testing::open(client.house.store.clone(), client.house.folder.path(), now());
    let listed = again.list_applications();
    let listed = listed.iter().find(|a| a["displayName"] == "client").unwrap();
    assert_eq!(listed["keyCredentials"].as_array().unwrap().len(), 1);
    let restarted = Client { house: House { identity: again.into(), ..client.house }, ..client };
    assert_eq!(restarted.code(&restarted.header(), &restarted.claims()), 0);
}
