//! PATCH: JSON merge patch (RFC 7396) with Azure's own rule for tags.

use serde_json::{Map, Value};

/// Deepest nesting that a patch reaches into; what lies deeper is replaced.
const DEPTH_MAX: usize = 128;

/// The resource after a patch: members merge, null removes, `tags` are replaced as a whole.
pub(super) fn merge(stored: &Value, patch: &Value) -> Value {
    let mut merged = stored.clone();
    let (Value::Object(target), Value::Object(patch)) = (&mut merged, patch) else {
        return merged;
    };
    for (name, value) in patch {
        if name == "tags" {
            target.insert(name.clone(), value.clone());
        } else {
            put(target, name, value, 0);
        }
    }
    merged
}

fn put(target: &mut Map<String, Value>, name: &str, value: &Value, depth: usize) {
    match value {
        Value::Null => {
            target.remove(name);
        }
        Value::Object(patch) if depth < DEPTH_MAX => {
            let slot = target.entry(name).or_insert(Value::Null);
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            if let Value::Object(inner) = slot {
                for (name, value) in patch {
                    put(inner, name, value, depth + 1);
                }
            }
        }
        other => {
            target.insert(name.to_owned(), other.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patches_merge_as_rfc_7396_says_but_for_tags() {
        let cases = [
            (json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 2, "b": 3})),
            (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
            (
                json!({"a": {"x": 1, "y": 2}}),
                json!({"a": {"x": null, "z": [1]}}),
                json!({"a": {"y": 2, "z": [1]}}),
            ),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": 1}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
            (json!({"tags": {"a": "1"}}), json!({"tags": {"b": "2"}}), json!({"tags": {"b": "2"}})),
            (
                json!({"p": {"tags": {"a": 1}}}),
                json!({"p": {"tags": {"b": 2}}}),
                json!({"p": {"tags": {"a": 1, "b": 2}}}),
            ),
            (json!({"a": 1}), json!([1]), json!({"a": 1})),
        ];
        for (stored, patch, wanted) in cases {
            assert_eq!(merge(&stored, &patch), wanted, "{stored} + {patch}");
        }
    }
}
