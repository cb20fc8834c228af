//! A vault as a resource: its settings checked, its shelf and key following its document.

use std::net::IpAddr;
use std::sync::Arc;

use arm::{
    Arm, ArmError, Default, Field, Hook, Index, Kind, Location, NameRule, Place, PutContext,
    ResourceType,
};
use async_trait::async_trait;
use model::{Clock, ResourceId};
use serde_json::{Map, Value, json};
use state::Condition;

use super::access_policies::check_policies;
use crate::settings::{IpRange, Settings};
use crate::vaults::deleted_vault;
use crate::{VaultError, Vaults};

/// Finds a vault by its name (lower case): names are unique in an instance.
pub(super) const BY_NAME: &str = "vault-names";

/// 3 to 24 letters, digits and hyphens, beginning with a letter: a host name's label.
pub(super) const NAMES: NameRule = NameRule {
    min: 3,
    max: 24,
    allowed: |c| c.is_ascii_alphanumeric() || c == '-',
    at_ends: |c| c.is_ascii_alphanumeric(),
    says: "3 to 24 letters, digits and hyphens, a letter first, no hyphen at the end",
};

/// A vault.
pub const VAULT: ResourceType = ResourceType::new("Microsoft.KeyVault/vaults")
    .api_versions(super::API_VERSIONS)
    .location(Location::Required)
    .names(NAMES)
    .name_code(BAD_NAME)
    .invalid_code("BadRequest")
    .indexes(&[Index {
        collection: BY_NAME,
        key: |value| value.get("name").and_then(Value::as_str).map(str::to_ascii_lowercase),
    }])
    .members(FIELDS)
    .check(check);

/// Code of the answers to names that no vault can have.
const BAD_NAME: &str = "VaultNameNotValid";
/// The first version that lets roles decide unless told otherwise.
const ROLES_BY_DEFAULT_SINCE: &str = "2026-02-01";

const FIELDS: &[Field] = &[
    Field::required("tenantId", Kind::Guid),
    Field::new("sku/family", Kind::OneOf(&["A"])).or(Default::Text("A")),
    Field::new("sku/name", Kind::OneOf(&["standard", "premium"])).or(Default::Text("standard")),
    Field::new("accessPolicies", Kind::Array(1024)).or(Default::EmptyArray),
    Field::new("enabledForDeployment", Kind::Bool).or(Default::Bool(false)),
    Field::new("enabledForDiskEncryption", Kind::Bool),
    Field::new("enabledForTemplateDeployment", Kind::Bool),
    Field::new("enableSoftDelete", Kind::Bool).or(Default::Bool(true)),
    Field::new("softDeleteRetentionInDays", Kind::Integer(7, 90)).or(Default::Integer(90)),
    Field::new("enableRbacAuthorization", Kind::Bool),
    Field::new("enablePurgeProtection", Kind::Bool),
    Field::new("publicNetworkAccess", Kind::Text(32)).or(Default::Text("Enabled")),
    Field::new("networkAcls", Kind::Object),
    Field::new("createMode", Kind::OneOf(&["default", "recover"])),
    Field::read_only("hsmPoolResourceId"),
];

fn check(vault: &mut PutContext<'_>) -> Result<(), ArmError> {
    let name = vault.id.name().to_owned();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.contains("--") {
        return Err(ArmError::bad_request(
            BAD_NAME,
            format!("the vault name '{name}' is invalid: {}, no two hyphens in a row", NAMES.says),
        ));
    }
    match vault.existing {
        None => require_free_name(vault, &name)?,
        Some(stored) if recovers(vault) => back_as_it_was(vault, stored),
        Some(_) => {}
    }
    let by_default = vault.call.api_version.as_str() >= ROLES_BY_DEFAULT_SINCE
        && vault.call.api_version.starts_with('2');
    if vault.get("enablePurgeProtection").is_null() {
        vault.properties.remove("enablePurgeProtection"); // null says nothing, as in Azure
    }
    let says_policies = !vault.get("accessPolicies").is_null();
    vault.check_fields(FIELDS)?;
    vault.properties.remove("createMode");
    check_permission_model(vault, by_default)?;
    if vault.existing.is_none()
        && !says_policies
        && vault.get("enableRbacAuthorization") != &json!(true)
    {
        let message = "The parameter accessPolicies is not specified.";
        return Err(vault.invalid("properties.accessPolicies", message));
    }
    check_tenant(vault)?;
    check_protection(vault)?;
    check_network(vault)?;
    let policies = vault.get("accessPolicies").clone();
    vault.set(
        "accessPolicies",
        check_policies(&policies).map_err(|why| vault.invalid("properties.accessPolicies", why))?,
    );
    vault.set("vaultUri", vault_uri(&vault.settings.public_url, &name));
    vault.succeeded();
    Ok(())
}

/// Who decides in a vault: roles or access policies. Whoever changes that gives rights away or takes them, so it wants
/// the right to assign roles; the right to write vaults is not enough.
fn check_permission_model(vault: &mut PutContext<'_>, by_default: bool) -> Result<(), ArmError> {
    const ACTION: &str = "Microsoft.Authorization/roleAssignments/write";
    // defaults are for vaults that are made: one that stands keeps its way until it is told another
    let stands = vault.existing.map(|_| vault.stored("enableRbacAuthorization") == &json!(true));
    let wanted = vault.get("enableRbacAuthorization").as_bool();
    let wanted = wanted.unwrap_or(stands.unwrap_or(by_default));
    let changes = stands.is_some_and(|stands| stands != wanted);
    if changes && !vault.call.permits(ACTION, &vault.id) {
        return Err(ArmError::bad_request(
            "InsufficientPermissions",
            format!(
                "Caller is not allowed to change permission model. Details: oid={}; action={ACTION}; resource={}; decision=NotAllowed",
                vault.call.caller.name, vault.id
            ),
        ));
    }
    vault.set("enableRbacAuthorization", wanted);
    Ok(())
}

/// `https://name.vault.localhost:8443/`
fn vault_uri(public_url: &str, name: &str) -> String {
    let authority = public_url.trim_start_matches("https://");
    let port = match authority.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|b| b.is_ascii_digit()) => format!(":{port}"),
        _ => String::new(),
    };
    format!("https://{}.vault.localhost{port}/", name.to_ascii_lowercase())
}

/// True where a vault is to come back as it was.
fn recovers(vault: &PutContext<'_>) -> bool {
    vault.text("createMode").is_some_and(|mode| mode.eq_ignore_ascii_case("recover"))
}

/// What was: settings, tags and location. Templates say `recover` of vaults that stand, to leave their policies alone.
fn back_as_it_was(vault: &mut PutContext<'_>, document: &Value) {
    let old = document.get("properties").and_then(Value::as_object);
    for (name, value) in old.into_iter().flatten() {
        vault.properties.insert(name.clone(), value.clone());
    }
    for member in ["tags", "location"] {
        if let Some(value) = document.get(member) {
            vault.top.insert(member.into(), value.clone());
        }
    }
}

/// A new vault's name must be free; or the deleted vault of that name is brought back.
fn require_free_name(vault: &mut PutContext<'_>, name: &str) -> Result<(), ArmError> {
    if let Some(other) = vault.store.get(BY_NAME, &name.to_ascii_lowercase())? {
        let owner = other.value.get("id").and_then(Value::as_str).unwrap_or_default();
        if ResourceId::new(owner).key() != vault.id.key() {
            return Err(ArmError::new(
                409,
                "VaultAlreadyExists",
                format!("the vault name '{name}' is already in use; choose another"),
            ));
        }
    }
    let deleted = deleted_vault(vault.store, name).map_err(ArmError::from)?;
    match (recovers(vault), deleted) {
        (false, None) => Ok(()),
        (true, None) => Err(ArmError::new(
            404,
            "VaultNotFound",
            format!("there is no deleted vault '{name}' to recover"),
        )),
        (false, Some(_)) => Err(ArmError::new(
            409,
            "ConflictError",
            format!(
                "a vault with the same name already exists in deleted state: recover '{name}' (createMode recover) or purge it"
            ),
        )),
        (true, Some(deleted)) => {
            if deleted.resource().key() != vault.id.key() {
                return Err(ArmError::new(
                    409,
                    "ConflictError",
                    format!(
                        "the deleted vault '{name}' comes back where it was: {}",
                        deleted.resource()
                    ),
                ));
            }
            back_as_it_was(vault, &deleted.document);
            Ok(())
        }
    }
}

/// A vault is of its subscription's tenant: tokens of another are not taken here.
fn check_tenant(vault: &PutContext<'_>) -> Result<(), ArmError> {
    let subscription = vault.id.subscription().unwrap_or_default();
    let subscription = ResourceId::new(&format!("/subscriptions/{subscription}"));
    let subscription = vault.resource(arm::SUBSCRIPTIONS, &subscription)?;
    let served = subscription.as_ref().and_then(|s| s.get("tenantId")).and_then(Value::as_str);
    let (sent, stored) = (vault.text("tenantId").unwrap_or_default(), vault.stored("tenantId"));
    match served {
        Some(served) if !sent.eq_ignore_ascii_case(served) && stored.as_str() != Some(sent) => {
            Err(vault.invalid(
                "properties.tenantId",
                format!(
                    "the tenant '{sent}' is not served here; properties.tenantId is '{served}'"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Soft delete is always on, its days are decided once, and protection is never taken away.
fn check_protection(vault: &mut PutContext<'_>) -> Result<(), ArmError> {
    if vault.get("enableSoftDelete") == &json!(false) {
        return Err(vault.invalid(
            "properties.enableSoftDelete",
            "soft delete is always on; leave enableSoftDelete out",
        ));
    }
    let (days, stored) = (
        vault.get("softDeleteRetentionInDays").clone(),
        vault.stored("softDeleteRetentionInDays").clone(),
    );
    if !stored.is_null() && days != stored {
        if vault.call.body.pointer("/properties/softDeleteRetentionInDays").is_some() {
            return Err(vault.invalid(
                "properties.softDeleteRetentionInDays",
                "softDeleteRetentionInDays is decided when the vault is created and cannot change",
            ));
        }
        vault.set("softDeleteRetentionInDays", stored);
    }
    let protected = vault.stored("enablePurgeProtection") == &json!(true);
    match vault.get("enablePurgeProtection").as_bool() {
        Some(false) => Err(vault.invalid(
            "properties.enablePurgeProtection",
            "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.",
        )),
        None if protected => {
            vault.set("enablePurgeProtection", true);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_network(vault: &mut PutContext<'_>) -> Result<(), ArmError> {
    let one_of = |text: &str, names: &[&'static str]| {
        names.iter().find(|n| n.eq_ignore_ascii_case(text)).map(|n| json!(n))
    };
    let access = vault.text("publicNetworkAccess").unwrap_or_default().to_owned();
    match one_of(&access, &["Enabled", "Disabled"]) {
        Some(value) => vault.set("publicNetworkAccess", value),
        None => {
            return Err(vault.invalid(
                "properties.publicNetworkAccess",
                "publicNetworkAccess is Enabled or Disabled",
            ));
        }
    }
    let Some(acls) = vault.get("networkAcls").as_object().cloned() else { return Ok(()) };
    // by the lower case of their names, as Azure reads them
    let acls: Map<String, Value> =
        acls.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let refuse = |vault: &PutContext<'_>, what: &str| {
        vault.invalid("properties.networkAcls", what.to_owned())
    };
    let action = acls.get("defaultaction").and_then(Value::as_str).unwrap_or("Allow");
    let bypass = acls.get("bypass").and_then(Value::as_str).unwrap_or("AzureServices");
    let (Some(action), Some(bypass)) =
        (one_of(action, &["Allow", "Deny"]), one_of(bypass, &["AzureServices", "None"]))
    else {
        return Err(refuse(vault, "defaultAction is Allow or Deny, bypass AzureServices or None"));
    };
    let rules = acls.get("iprules").and_then(Value::as_array).cloned().unwrap_or_default();
    let value = |rule: &Value| rule.get("value").and_then(Value::as_str).map(str::to_owned);
    if let Some(bad) = rules.iter().find(|r| value(r).is_none_or(|v| IpRange::parse(&v).is_none()))
    {
        return Err(refuse(
            vault,
            &format!("{bad} is no rule; give {{\"value\": \"10.0.0.0/24\"}}"),
        ));
    }
    // a single address is told as the range that it is
    let whole = |text: String| match text.parse() {
        Ok(IpAddr::V4(_)) => format!("{text}/32"),
        Ok(IpAddr::V6(_)) => format!("{text}/128"),
        Err(_) => text,
    };
    let rules: Vec<Value> =
        rules.iter().filter_map(|rule| Some(json!({ "value": whole(value(rule)?) }))).collect();
    let networks = acls.get("virtualnetworkrules").and_then(Value::as_array);
    if networks.is_some_and(|list| !list.is_empty()) {
        return Err(refuse(vault, "virtualNetworkRules cannot be enforced here; use ipRules"));
    }
    let acls = json!({
        "bypass": bypass, "defaultAction": action, "ipRules": rules, "virtualNetworkRules": [],
    });
    vault.set("networkAcls", acls);
    Ok(())
}

/// Keeps shelves and keys in step with the documents.
pub(super) struct FollowVaults {
    vaults: Arc<Vaults>,
    clock: Arc<dyn Clock>,
}

impl FollowVaults {
    pub(super) fn new(vaults: Arc<Vaults>, clock: Arc<dyn Clock>) -> Self {
        Self { vaults, clock }
    }
}

#[async_trait]
impl Hook for FollowVaults {
    fn start(&self, arm: &Arm) -> Result<(), ArmError> {
        let collection = VAULT.collection();
        for document in arm.store().list_all(&collection, "")? {
            let text = document.value.get("id").and_then(Value::as_str);
            let id = ResourceId::new(text.unwrap_or(&document.key));
            let uri = vault_uri(&arm.settings().public_url, id.name());
            if document.value.pointer("/properties/vaultUri") != Some(&json!(uri)) {
                let mut value = document.value.clone(); // the port changed since
                value["properties"]["vaultUri"] = json!(uri);
                arm.store().put(&collection, &document.key, value, Condition::Any)?;
            }
            self.vaults.admit(Settings::from_document(&id, &document.value))?;
            self.vaults.forget_deleted(id.name())?; // a delete that was broken off
            let name = id.name().to_ascii_lowercase();
            let is_new = self.vaults.vault(&name).is_some_and(|vault| vault.shelf.is_empty());
            if is_new && !self.vaults.keyring().is_sealed() {
                self.vaults.keyring().ensure_key(&name)?; // a creation that was broken off
            }
        }
        Ok(())
    }

    async fn check(&self, _arm: &Arm, context: &mut PutContext<'_>) -> Result<(), ArmError> {
        if context.existing.is_none() && self.vaults.keyring().is_sealed() {
            return Err(VaultError::sealed().into()); // its key could not be made
        }
        Ok(())
    }

    async fn deleting(&self, _arm: &Arm, id: &ResourceId, value: &Value) -> Result<(), ArmError> {
        let settings = Settings::from_document(id, value);
        Ok(self.vaults.note_deleted(&settings, value, self.clock.now().unix_seconds())?)
    }

    async fn changed(
        &self,
        _arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        let Some(value) = value else {
            self.vaults.dismiss(id.name());
            return Ok(());
        };
        let settings = Settings::from_document(id, value);
        if !self.vaults.keyring().is_sealed() {
            self.vaults.keyring().ensure_key(&settings.name.to_ascii_lowercase())?;
        }
        self.vaults.admit(settings)?;
        Ok(self.vaults.forget_deleted(id.name())?)
    }
}

/// The vault that a place is, or lies in.
pub(super) fn vault_of(place: &Place) -> Option<ResourceId> {
    let mut at = Some(place);
    while let Some(place) = at {
        if place.type_name.eq_ignore_ascii_case(VAULT.name) {
            return Some(place.id.clone());
        }
        at = place.parent.as_deref();
    }
    None
}
