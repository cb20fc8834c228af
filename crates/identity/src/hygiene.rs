//! No secret where it can be read: not in a document, an error, a log line or a `Debug` text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use state::Store;

use crate::testing::{SOURCE, house, now};
use crate::{AuthError, Holder, NewPassword};

/// Fails to compile when the type implements the trait.
macro_rules! never {
    ($($secret:ty),+ => $forbidden:path) => {
        $(const _: fn() = || {
            trait Ambiguous<Mark> { fn here() {} }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implements;
            impl<T: ?Sized + $forbidden> Ambiguous<Implements> for T {}
            let _ = <$secret as Ambiguous<_>>::here;
        };)+
    };
}

never!(
    crate::AdminCredentials, crate::Application, crate::ServicePrincipal, crate::PasswordCredential, crate::PasswordAnswer, crate::TokenAnswer,
    crate::TokenRequest<'static>, crate::Identity, crate::User, crate::NewUser, crate::TotpAnswer,
    crate::BrowserRequest<'static>, crate::BrowserAnswer, crate::Redirect, crate::Page, crate::IdentityProvider
    => std::fmt::Debug
);
never!(
    crate::AdminCredentials, crate::PasswordAnswer, crate::TokenAnswer, crate::NewUser, crate::TotpAnswer,
    crate::BrowserAnswer, crate::Redirect
    => serde::Serialize
);

#[test]
fn stored_documents_hold_no_secret() {
    let house = house();
    let app = house.app("canary");
    let made = house
        .identity
        .add_password(Holder::Application(&app.object_id), NewPassword::default(), now())
        .unwrap();
    let mut all = String::new();
    for collection in ["identity/applications", "identity/servicePrincipals", "identity/tenant"] {
        for document in house.store.list_all(collection, "").unwrap() {
            all += &document.value.to_string();
        }
    }
    all += &made.value.to_string();
    all += &serde_json::to_string(&house.identity.list_applications()).unwrap();
    assert!(all.contains("hmac-sha256$"), "the digests are there");
    for secret in [house.admin.client_secret.expose(), app.secret.expose(), made.secret.expose()] {
        assert!(!all.contains(secret));
        assert!(!all.contains(&secret[..20]));
    }
    assert!(!all.contains("PRIVATE KEY"));
}

#[test]
fn documents_of_people_hold_no_secret() {
    let house = house();
    let identity = &house.identity;
    let password = "canary-Wq8-password";
    let new = crate::NewUser {
        user_principal_name: "alice".into(),
        display_name: "Alice".into(),
        account_enabled: true,
        password: Some(crypto::SecretText::new(password.into())),
        ..crate::NewUser::default()
    };
    let user = identity.create_user(new, now()).unwrap();
    let id = user["id"].as_str().unwrap();
    let app = identity.add_totp(id, now()).unwrap();
    let provider = serde_json::json!({
        "displayName": "p", "clientId": "c", "clientSecret": "canary-provider-secret",
        "metadataUrl": "https://p.example/.well-known/openid-configuration",
    });
    let shown = identity.create_identity_provider(&provider).unwrap();
    let mut all = format!("{user}{}{shown}", app.value);
    for value in identity.list_users() {
        all += &value.to_string();
    }
    for value in identity.list_identity_providers().unwrap() {
        all += &value.to_string();
    }
    for collection in ["identity/users", "identity/providers"] {
        for document in house.store.list_all(collection, "").unwrap() {
            all += &document.value.to_string();
        }
    }
    assert!(all.contains("$argon2id$") && all.contains("a256gcm$"), "hashed and sealed");
    for secret in [password, app.secret.expose(), "canary"] {
        assert!(!all.contains(secret));
    }
}

#[test]
fn answers_and_sign_ins_repeat_no_proof() {
    let house = house();
    let canary = "canary-Zk3vQ9wXr7Lm2Tn8Bc5Yh1Jf6Dp4Gs0Ka-canary";
    for form in [
        &[("client_secret", canary)][..],
        &[("client_secret", canary), ("client_id", "11111111-1111-1111-1111-111111111111")],
        &[("client_secret", ""), ("client_assertion", canary), ("client_assertion_type", "x")],
        &[("client_secret", canary), ("grant_type", "password")],
        &[("client_secret", canary), ("scope", "nonsense")],
    ] {
        let answer = house.ask(form);
        assert!(answer.status >= 400);
        let shown = format!("{}{:?}", answer.body, answer.sign_in);
        assert!(!shown.contains("canary"), "{shown}");
    }
    let good = house.ask(&[]);
    assert!(!format!("{:?}", good.sign_in).contains(house.admin.client_secret.expose()));

    let basic = format!("Basic {}", "Y2FuYXJ5OmNhbmFyeS1jYW5hcnktY2FuYXJ5");
    let error = house.identity.authenticate_basic(&basic, SOURCE, now()).unwrap_err();
    assert_eq!(error, AuthError::BadCredentials);
    assert!(!format!("{error:?}{error}").contains("canary"));
}

#[test]
fn a_damaged_administrator_file_is_named_without_its_content() {
    let house = house();
    let path = crate::AdminCredentials::path(house.folder.path());
    std::fs::write(&path, r#"{"tenantId":"t","clientSecret":"canary-secret","oops"}"#).unwrap();
    let error = crate::AdminCredentials::load(house.folder.path()).err().unwrap();
    let shown = format!("{error:?} {error}");
    assert!(shown.contains("admin.json") && !shown.contains("canary"), "{shown}");
}
