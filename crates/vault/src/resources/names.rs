//! `checkNameAvailability`: may a vault be called this?

use arm::{Action, Answer, Arm, ArmError, Call, Place};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::vaults::{BY_NAME, NAMES};
use crate::vaults::deleted_vault;

pub(super) struct NameAvailability;

#[async_trait]
impl Action for NameAvailability {
    async fn run(&self, arm: &Arm, call: &Call, _place: &Place) -> Result<Answer, ArmError> {
        let name = call.body.get("name").and_then(Value::as_str).unwrap_or_default();
        let good = NAMES.allows(name)
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && !name.contains("--");
        let key = name.to_ascii_lowercase();
        let is_taken = arm.store().get(BY_NAME, &key)?.is_some()
            || deleted_vault(&**arm.store(), &key)?.is_some();
        Ok(Answer::ok(match (good, is_taken) {
            (false, _) => json!({
                "nameAvailable": false, "reason": "AccountNameInvalid",
                "message": format!("'{name}' is no name for a vault: {}", NAMES.says),
            }),
            (true, true) => json!({
                "nameAvailable": false, "reason": "AlreadyExists",
                "message": format!("the vault name '{name}' is already in use, perhaps by a deleted vault"),
            }),
            (true, false) => json!({ "nameAvailable": true }),
        }))
    }
}
