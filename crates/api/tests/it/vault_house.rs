//! A house whose default vault is asked by its administrator.

use serde_json::Value;

use crate::house::{Fixture, Told, house};

pub const RESOURCE: &str = "https://vault.azure.net";
pub const V: &str = "api-version=7.4";

pub struct Vault {
    pub house: Fixture,
    pub token: String,
}

pub async fn vault() -> Vault {
    let house = house().await;
    let (id, secret) = (&house.admin.client_id, house.admin.client_secret.expose());
    let token = house.token_of(id, secret, RESOURCE).await;
    Vault { house, token }
}

impl Vault {
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Told {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.house.call(method, &format!("{path}{mark}{V}"), &self.token, body).await
    }

    /// What comes of a call that is to be answered well.
    pub async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let told = self.ask(method, path, body).await;
        assert!(
            (200..300).contains(&told.status),
            "{method} {path}: {} {}",
            told.status,
            told.json()
        );
        told.json()
    }

    /// Status, code and inner code of a call that is to be refused.
    pub async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String, String) {
        let told = self.ask(method, path, body).await;
        let error = told.json()["error"].clone();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (told.status, text(&error["code"]), text(&error["innererror"]["code"]))
    }

    /// Resource Manager, in the administrator's name.
    pub async fn manage(&self, method: &str, path: &str, body: Value) -> Told {
        let token = self.house.admin_token().await;
        self.house.call(method, &format!("{path}?api-version=2023-07-01"), &token, body).await
    }

    /// A call of another vault, by its host name.
    pub async fn on_host(
        &self,
        host: &str,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> Told {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = self.house.request(method, path, token, &[], text);
        request.headers_mut().insert("host", host.parse().unwrap());
        self.house.send(request).await
    }
}
