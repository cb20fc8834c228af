//! Any text as a bearer token, as a form at the token endpoint, as parameters of the sign-in pages: refused or answered,
//! never believed.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use identity::{Audiences, BrowserRequest, Identity, IdentityConfig, PublicUrls, Show, TokenEndpoint, TokenRequest};
use libfuzzer_sys::fuzz_target;
use model::{DateTime, ResourceId};
use state::MemoryStore;

const ORIGIN: &str = "https://localhost:8443";

fn now() -> DateTime {
    DateTime::from_unix_seconds(1_795_331_289).expect("a date")
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let keys = std::env::temp_dir().join(format!("vedette-fuzz-{}", std::process::id()));
        let config = IdentityConfig {
            store: Arc::new(MemoryStore::new()),
            keys_directory: &keys,
            urls: PublicUrls::new("localhost", 8443, []),
            subscription: &ResourceId::new("/subscriptions/11111111-2222-3333-4444-555555555555"),
            now: now(),
        };
        Identity::open(config).expect("an identity").0
    })
}

fuzz_target!(|text: &str| {
    let identity = identity();
    assert!(identity.authenticate(text, Audiences::OWN_URL, now()).is_err());
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert!(identity.authenticate_basic(text, source, now()).is_err());
    let pairs: Vec<(String, String)> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let tenant = identity.tenant().id.clone();
    for endpoint in [TokenEndpoint::V1, TokenEndpoint::V2] {
        let request = TokenRequest {
            tenant: &tenant,
            endpoint,
            origin: ORIGIN,
            form: &pairs,
            authorization: Some(text),
            page: Some(text),
            source,
            correlation_id: Some(text),
            user_agent: Some(text),
            now: now(),
        };
        assert!(identity.token(&request).status >= 400);
        let _ = identity.device_code(&request);
    }
    let request = BrowserRequest {
        tenant: &tenant,
        origin: ORIGIN,
        parameters: &pairs,
        malformed: None,
        session: Some(text),
        browser: Some(text),
        source,
        correlation_id: Some(text),
        user_agent: Some(text),
        now: now(),
        clock: &model::SystemClock,
    };
    for answer in [identity.authorize(&request, false), identity.continue_sign_in(&request), identity.device_page(&request)] {
        if let Show::Redirect(redirect) = answer.show {
            assert!(redirect.parameters.iter().all(|(name, _)| *name != "code" && *name != "id_token"));
        }
    }
});
