//! `id_token_hint`: an id token of ours by which an application says whom it means. It proves nothing but that; that its
//! time is over does not matter.

use crypto::RsaAlgorithm;

use crate::Identity;
use crate::jwt::Jwt;
use crate::token::OAuthError;

impl Identity {
    /// Object id of the person that an id token tells the application about.
    pub(super) fn hinted_by(&self, token: &str, app_id: &str) -> Result<String, OAuthError> {
        let jwt = Jwt::parse(token).ok_or_else(|| wrong("it is no JSON Web Token"))?;
        let keys = self.key_set();
        let key = jwt.header("kid").and_then(|kid| keys.find(kid));
        let algorithm = RsaAlgorithm::Rs256;
        let is_signed = jwt.algorithm() == Some(algorithm)
            && key.is_some_and(|key| jwt.is_signed_by(key.public(), algorithm));
        if !is_signed {
            return Err(wrong("no key of this server signed it"));
        }
        if !jwt.text("iss").is_some_and(|issuer| self.is_own_issuer(issuer)) {
            return Err(wrong("it is of another issuer"));
        }
        if ["appid", "azp", "scp"].iter().any(|name| jwt.claim(name).is_some()) {
            return Err(wrong("it is an access token"));
        }
        if jwt.text("aud") != Some(app_id) {
            return Err(wrong("it is for another application"));
        }
        let user = jwt.text("oid").ok_or_else(|| wrong("it does not say who it is"))?;
        Ok(user.to_owned())
    }

    /// True for our tenant's issuers, of both versions, under any of our names.
    fn is_own_issuer(&self, issuer: &str) -> bool {
        let parts = issuer.strip_prefix("https://").and_then(|rest| rest.split_once('/'));
        let is_tenant = |path: &str| {
            let rest = path.strip_prefix(self.tenant().id.as_str());
            rest.is_some_and(|rest| matches!(rest, "/" | "/v2.0"))
        };
        parts.is_some_and(|(host, path)| self.urls().is_own_host(host) && is_tenant(path))
    }
}

fn wrong(why: &str) -> OAuthError {
    OAuthError::id_token_hint(why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use crate::jwt;
    use crate::testing::{house, now_seconds, stranger};

    #[test]
    fn hints_are_id_tokens_of_ours_for_the_application() {
        let house = house();
        let identity = &house.identity;
        let tenant = identity.tenant().id.clone();
        let own = format!("https://localhost:8443/{tenant}");
        // what is changed of a good one; null takes away
        for (change, right) in [
            (json!({}), true),
            (json!({ "exp": 1 }), true),
            (json!({ "iss": format!("{own}/"), "ver": "1.0" }), true),
            (json!({ "iss": format!("https://box.example/{tenant}/v2.0") }), true),
            (json!({ "iss": format!("https://evil.example/{tenant}/v2.0") }), false),
            (json!({ "iss": own }), false),
            (json!({ "iss": "https://localhost:8443/other/v2.0" }), false),
            (json!({ "iss": null }), false),
            (json!({ "aud": "other" }), false),
            (json!({ "aud": ["app", "other"] }), false),
            (json!({ "scp": "User.Read" }), false),
            (json!({ "azp": "app" }), false),
            (json!({ "oid": null }), false),
        ] {
            let mut claims = json!({ "iss": format!("{own}/v2.0"), "aud": "app", "oid": "alice",
                "exp": now_seconds() + 600 });
            for (name, value) in change.as_object().unwrap() {
                claims[name] = value.clone();
                claims.as_object_mut().unwrap().retain(|_, value| *value != Value::Null);
            }
            let token = identity.sign(&claims, now_seconds()).unwrap();
            let told = identity.hinted_by(&token, "app");
            assert_eq!(told.is_ok(), right, "{change}: {told:?}");
            // the same by somebody else
            let kid = jwt::Jwt::parse(&token).unwrap().header("kid").unwrap().to_owned();
            for kid in [kid.as_str(), "unknown"] {
                let forged = jwt::sign(stranger(), kid, None, &claims).unwrap();
                assert!(identity.hinted_by(&forged, "app").is_err(), "{change}");
            }
        }
        for junk in ["", "abc", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(identity.hinted_by(junk, "app").is_err(), "{junk}");
        }
    }
}
