//! A house for tests: memory, canned tables, a subscription, a group and a workspace.

use std::sync::Arc;

use arm::{
    Answer, Arm, ArmBuilder, ArmError, BootstrapNames, Call, Installation, Settings, Verb,
    bootstrap,
};
use model::{DateTime, ResourceId};
use serde_json::{Value, json};
use state::{MemoryStore, Store};
use testkit::CannedTables;

pub(crate) const URL: &str = "https://localhost:8443";

pub(crate) fn now() -> DateTime {
    DateTime::parse("2026-01-02T03:04:05.6789012Z").unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings { public_url: URL.into(), location: "local".into() }
}

pub(crate) struct House {
    pub(crate) arm: Arc<Arm>,
    pub(crate) tables: Arc<CannedTables>,
    pub(crate) installation: Installation,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// A house with more types in it.
    pub(crate) async fn with(add: impl FnOnce(ArmBuilder) -> ArmBuilder) -> Self {
        Self::over(Arc::new(MemoryStore::new()), add).await
    }

    pub(crate) async fn over(
        store: Arc<dyn Store>,
        add: impl FnOnce(ArmBuilder) -> ArmBuilder,
    ) -> Self {
        let tables = Arc::new(CannedTables::new());
        let arm = add(arm::builder(store, settings(), tables.clone())).build().unwrap();
        let names = BootstrapNames {
            resource_group: "Main".into(),
            workspace: "Logs-1".into(),
            ..BootstrapNames::default()
        };
        let installation = bootstrap(&arm, &names, now()).await.unwrap();
        Self { arm, tables, installation }
    }

    /// An id: `~` is the subscription, `#` the resource group, `@` the workspace.
    pub(crate) fn id(&self, path: &str) -> ResourceId {
        let (start, rest) = (path.chars().next(), path.get(1..).unwrap_or(""));
        let base = match start {
            Some('~') => format!("/subscriptions/{}", self.installation.subscription_id),
            Some('#') => self.installation.resource_group.to_string(),
            Some('@') => self.installation.workspace.to_string(),
            _ => return ResourceId::new(path),
        };
        ResourceId::new(&format!("{base}{rest}"))
    }

    /// A call; `?name=value&...` behind the path are query parameters.
    pub(crate) fn call(&self, path: &str, body: Value) -> Call {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter_map(|p| p.split_once('='));
        let query = pairs.map(|(n, v)| (n.to_owned(), v.replace("%20", " "))).collect();
        Call { query, ..Call::system(self.id(path), body, now()) }
    }

    pub(crate) async fn send(
        &self,
        verb: Verb,
        path: &str,
        body: Value,
    ) -> Result<Answer, ArmError> {
        self.arm.answer(verb, &self.call(path, body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Verb::Put, path, body).await.unwrap_or_else(|e| panic!("{path}: {e:?}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Verb::Get, path, Value::Null)
            .await
            .unwrap_or_else(|e| panic!("{path}: {e:?}"))
            .value()
    }

    /// Status and code of a call that must fail.
    pub(crate) async fn fail(&self, verb: Verb, path: &str, body: Value) -> (u16, String) {
        match self.send(verb, path, body.clone()).await {
            Err(error) => {
                assert!(!error.message.is_empty());
                (error.status, error.code.to_string())
            }
            Ok(answer) => panic!("{verb:?} {path} {body} gave {answer:?}"),
        }
    }

    /// Names in a list, all pages.
    pub(crate) async fn names(&self, path: &str) -> Vec<String> {
        let (mut names, mut call) = (Vec::new(), self.call(path, Value::Null));
        loop {
            let body = self.arm.answer(Verb::Get, &call).await.unwrap().value();
            let page = body["value"].as_array().unwrap();
            names.extend(page.iter().map(|v| v["name"].as_str().unwrap_or("?").to_owned()));
            let Some(next) = body["nextLink"].as_str() else { return names };
            let (link, query) = next.strip_prefix(URL).unwrap().split_once('?').unwrap();
            let pairs = query.split('&').map(|p| p.split_once('=').unwrap());
            call.id = ResourceId::new(link);
            call.query = pairs.map(|(n, v)| (n.to_owned(), decode(v))).collect();
        }
    }
}

/// A good saved search.
pub(crate) fn search(query: &str) -> Value {
    json!({"properties": {"category": "c", "displayName": "d", "query": query}})
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|p| std::str::from_utf8(p).ok());
        match (first, pair.and_then(|p| u8::from_str_radix(p, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}
