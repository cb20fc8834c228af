//! A vault's settings as Resource Manager keeps them: retention, rights, network.

use std::net::IpAddr;

use model::ResourceId;
use serde_json::Value;

use crate::Kind;

/// How a vault behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name, in the casing it was created with.
    pub name: String,
    /// The resource: rights are asked for here and below.
    pub resource: ResourceId,
    /// Days that deleted objects, and the vault itself, can be recovered: 7 to 90.
    pub retention_days: i64,
    /// Nothing deleted goes before its days are over.
    pub purge_protection: bool,
    /// Roles decide; else `access_policies`.
    pub role_based: bool,
    /// Who may do what, where roles do not decide.
    pub access_policies: Vec<AccessPolicy>,
    /// Who may reach it.
    pub network: Network,
    /// Premium vaults take -HSM kinds of keys.
    pub premium: bool,
}

/// What one principal may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPolicy {
    /// Tenant.
    pub tenant_id: String,
    /// Principal.
    pub object_id: String,
    /// Permissions by kind, lower case; `all` stands for every one but purge.
    pub secrets: Vec<String>,
    /// The same for keys.
    pub keys: Vec<String>,
    /// The same for certificates.
    pub certificates: Vec<String>,
}

/// What may be done with issuers, each by its own permission or by `manageissuers`.
const ISSUERS: [&str; 4] = ["getissuers", "listissuers", "setissuers", "deleteissuers"];

impl AccessPolicy {
    /// True when it grants a permission such as `get`.
    pub fn grants(&self, kind: Kind, permission: &str) -> bool {
        let list = match kind {
            Kind::Secret => &self.secrets,
            Kind::Key => &self.keys,
            Kind::Certificate => &self.certificates,
        };
        list.iter().any(|granted| match granted.as_str() {
            "all" => permission != "purge",
            "manageissuers" => ISSUERS.contains(&permission),
            "getissuers" => ["getissuers", "listissuers"].contains(&permission),
            one => one == permission,
        })
    }

    fn from_json(value: &Value) -> Self {
        let text = |name: &str| {
            value.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase()
        };
        let list = |kind: &str| -> Vec<String> {
            let list = value.get("permissions").and_then(|p| p.get(kind)).and_then(Value::as_array);
            let texts = list.into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_ascii_lowercase).collect()
        };
        Self {
            tenant_id: text("tenantId"),
            object_id: text("objectId"),
            secrets: list("secrets"),
            keys: list("keys"),
            certificates: list("certificates"),
        }
    }
}

/// Who may reach a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Nobody, over this address.
    pub closed: bool,
    /// Those alone that a rule names.
    pub denies_others: bool,
    /// Addresses and ranges let in.
    pub rules: Vec<IpRange>,
}

impl Network {
    /// True when a caller from this address is let in.
    pub fn admits(&self, source: IpAddr) -> bool {
        !self.closed && (!self.denies_others || self.rules.iter().any(|rule| rule.holds(source)))
    }
}

/// An address, or a range in the form `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    address: IpAddr,
    bits: u8,
}

impl IpRange {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse().ok()?)),
            None => (text.trim().parse::<IpAddr>().ok()?, None),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(&self, source: IpAddr) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
            IpAddr::V6(v6) => u128::from(v6),
        };
        let source = source.to_canonical();
        let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
        source.is_ipv4() == self.address.is_ipv4()
            && (wide(source) ^ wide(self.address)) & mask == 0
    }
}

impl Settings {
    /// From the vault's document.
    pub fn from_document(id: &ResourceId, value: &Value) -> Self {
        let properties = value.get("properties").unwrap_or(&Value::Null);
        let get =
            |path: &str| path.split('/').fold(properties, |v, n| v.get(n).unwrap_or(&Value::Null));
        let acls = get("networkAcls");
        let is = |value: &Value, text: &str| {
            value.as_str().is_some_and(|v| v.eq_ignore_ascii_case(text))
        };
        let list = |value: &Value, name: &str| -> Vec<Value> {
            value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        Self {
            name: id.name().to_owned(),
            resource: id.clone(),
            retention_days: get("softDeleteRetentionInDays").as_i64().unwrap_or(90).clamp(7, 90),
            purge_protection: get("enablePurgeProtection").as_bool().unwrap_or(false),
            role_based: get("enableRbacAuthorization").as_bool().unwrap_or(false),
            access_policies: list(properties, "accessPolicies")
                .iter()
                .map(AccessPolicy::from_json)
                .collect(),
            network: Network {
                closed: is(get("publicNetworkAccess"), "Disabled"),
                denies_others: is(acls.get("defaultAction").unwrap_or(&Value::Null), "Deny"),
                rules: list(acls, "ipRules")
                    .iter()
                    .filter_map(|rule| IpRange::parse(rule.get("value")?.as_str()?))
                    .collect(),
            },
            premium: is(get("sku/name"), "premium"),
        }
    }

    /// `Recoverable+Purgeable` and its kin.
    pub fn recovery_level(&self) -> &'static str {
        match (self.purge_protection, self.retention_days < 90) {
            (false, false) => "Recoverable+Purgeable",
            (false, true) => "CustomizedRecoverable+Purgeable",
            (true, false) => "Recoverable",
            (true, true) => "CustomizedRecoverable",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_and_ranges() {
        let cases = [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("192.168.1.7", "::ffff:192.168.1.7", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("10.1.2.3/31", "10.1.2.2", true),
        ];
        for (range, source, expected) in cases {
            assert_eq!(
                IpRange::parse(range).unwrap().holds(source.parse().unwrap()),
                expected,
                "{range} {source}"
            );
        }
        for bad in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "::/129", "x"] {
            assert!(IpRange::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn levels_and_networks_follow_the_document() {
        let id = ResourceId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/V",
        );
        let settings =
            |properties: Value| Settings::from_document(&id, &json!({ "properties": properties }));
        let level = |days: i64, protected: bool| {
            let s = settings(
                json!({ "softDeleteRetentionInDays": days, "enablePurgeProtection": protected }),
            );
            s.recovery_level()
        };
        assert_eq!(level(90, false), "Recoverable+Purgeable");
        assert_eq!(level(7, false), "CustomizedRecoverable+Purgeable");
        assert_eq!(level(90, true), "Recoverable");
        assert_eq!(level(8, true), "CustomizedRecoverable");
        let home: IpAddr = "10.0.0.1".parse().unwrap();
        assert!(settings(json!({})).network.admits(home));
        assert!(!settings(json!({ "publicNetworkAccess": "disabled" })).network.admits(home));
        let rules = json!({ "networkAcls": { "defaultAction": "Deny", "ipRules": [{ "value": "10.0.0.0/24" }] } });
        assert!(settings(rules.clone()).network.admits(home));
        assert!(!settings(rules).network.admits("10.0.1.1".parse().unwrap()));
        let policy = settings(json!({ "accessPolicies": [{
            "tenantId": "T", "objectId": "O", "permissions": { "secrets": ["Get", "LIST"], "keys": ["all"] },
        }] }));
        let policy = policy.access_policies.first().unwrap();
        assert!(policy.grants(Kind::Secret, "get") && !policy.grants(Kind::Secret, "set"));
        assert!(policy.grants(Kind::Key, "sign") && !policy.grants(Kind::Key, "purge"));
    }

    #[test]
    fn permissions_for_issuers() {
        let all =
            ["get", "getissuers", "listissuers", "setissuers", "deleteissuers", "managecontacts"];
        for (granted, allowed) in [
            ("ManageIssuers", &["getissuers", "listissuers", "setissuers", "deleteissuers"][..]),
            ("getissuers", &["getissuers", "listissuers"]),
            ("listissuers", &["listissuers"]),
            ("setissuers", &["setissuers"]),
            ("deleteissuers", &["deleteissuers"]),
            ("all", &all),
            ("get", &["get"]),
        ] {
            let policy = AccessPolicy::from_json(&json!({
                "tenantId": "T", "objectId": "O", "permissions": { "certificates": [granted] },
            }));
            let grants: Vec<&str> =
                all.into_iter().filter(|p| policy.grants(Kind::Certificate, p)).collect();
            assert_eq!(grants, allowed, "{granted}");
            assert!(!all.iter().any(|p| policy.grants(Kind::Secret, p)), "{granted}");
        }
    }
}
