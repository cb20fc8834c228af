//! What the commands beside the server know about it: the data folder, and in it the addresses and ids of the last start.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

const FILE: &str = "instance.json";

/// The places in a data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state.db")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Where the reader of this machine's own logs notes how far it got.
    pub(crate) fn host_logs(&self) -> PathBuf {
        self.0.join("host-logs.json")
    }

    /// Where the socket of the machine's own identity is told; absent when it is off.
    pub(crate) fn managed_identity(&self) -> PathBuf {
        self.0.join("managed-identity")
    }

    /// Programs that may be run behind a deployment or for a DNS challenge: what lies here, the operator put here.
    pub(crate) fn hooks(&self) -> PathBuf {
        self.0.join("hooks")
    }

    /// Where deployments with relative paths go.
    pub(crate) fn deployed(&self) -> PathBuf {
        self.0.join("deployed")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.keys().join("ca.pem")
    }
}

/// Addresses and ids of a server, as its last start left them in the data folder. Nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// `https://localhost:8443`
    pub(crate) url: String,
    pub(crate) vault_url: String,
    pub(crate) tenant_id: String,
    pub(crate) subscription_id: String,
    pub(crate) resource_group: String,
    pub(crate) workspace_name: String,
    pub(crate) workspace_id: String,
    pub(crate) workspace_resource_id: String,
    pub(crate) rule_id: String,
}

type Member = (&'static str, fn(&Instance) -> &String, fn(&mut Instance) -> &mut String);

const MEMBERS: &[Member] = &[
    ("url", |i| &i.url, |i| &mut i.url),
    ("vaultUrl", |i| &i.vault_url, |i| &mut i.vault_url),
    ("tenantId", |i| &i.tenant_id, |i| &mut i.tenant_id),
    ("subscriptionId", |i| &i.subscription_id, |i| &mut i.subscription_id),
    ("resourceGroup", |i| &i.resource_group, |i| &mut i.resource_group),
    ("workspaceName", |i| &i.workspace_name, |i| &mut i.workspace_name),
    ("workspaceId", |i| &i.workspace_id, |i| &mut i.workspace_id),
    ("workspaceResourceId", |i| &i.workspace_resource_id, |i| &mut i.workspace_resource_id),
    ("dataCollectionRuleId", |i| &i.rule_id, |i| &mut i.rule_id),
];

impl Instance {
    /// Reads what the last start left.
    pub(crate) fn load(data: &DataFolder) -> anyhow::Result<Self> {
        let path = data.path().join(FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            let data = data.path().display();
            format!("no server has run on {data}; start one with: vedette serve --data {data}")
        })?;
        let damaged =
            || format!("{} is damaged; a restart of the server writes it anew", path.display());
        let value: Value = serde_json::from_str(&text).with_context(damaged)?;
        let mut instance = Self::empty();
        for (name, _, member) in MEMBERS {
            let text = value.get(*name).and_then(Value::as_str).with_context(damaged)?;
            text.clone_into(member(&mut instance));
        }
        Ok(instance)
    }

    /// Leaves it for the other commands.
    pub(crate) fn save(&self, data: &DataFolder) -> anyhow::Result<()> {
        let mut value = json!({});
        for (name, member, _) in MEMBERS {
            value[*name] = member(self).as_str().into();
        }
        let text = serde_json::to_string_pretty(&value)?;
        Ok(crypto::write_private(&data.path().join(FILE), text.as_bytes())?)
    }

    fn empty() -> Self {
        let none = String::new;
        Self {
            url: none(),
            vault_url: none(),
            tenant_id: none(),
            subscription_id: none(),
            resource_group: none(),
            workspace_name: none(),
            workspace_id: none(),
            workspace_resource_id: none(),
            rule_id: none(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_saved_loads_again_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(folder.path());
        let missing = Instance::load(&data).unwrap_err().to_string();
        assert!(missing.contains("vedette serve --data"), "{missing}");
        let mut instance = Instance::empty();
        for (name, _, member) in MEMBERS {
            *member(&mut instance) = format!("a {name}");
        }
        instance.save(&data).unwrap();
        assert_eq!(Instance::load(&data).unwrap(), instance);
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(Instance::load(&data).unwrap_err().to_string().contains("damaged"));
    }
}
