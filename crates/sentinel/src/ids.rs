//! Names that are made, not given: the same input always makes the same name, so that a repeated step changes nothing.

use uuid::Uuid;

/// Namespace of all names made here.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_2a94_77f0_5c4e_9d35_0b8c_6f21_e7aa);

/// A GUID that is the same for the same parts.
pub fn guid(parts: &[&str]) -> String {
    let mut name = Vec::new();
    for part in parts {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name).to_string()
}

/// True for what Azure takes as the name of a resource: no separators of paths or queries, at most 260 characters.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= 260
        && !text.ends_with(['.', ' '])
        && !text.starts_with(' ')
        && text.chars().all(|c| !c.is_control() && !"<>%&:\\?/#".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_apart() {
        assert_eq!(guid(&["a", "b"]), guid(&["a", "b"]));
        assert_ne!(guid(&["ab", "c"]), guid(&["a", "bc"]));
        assert_ne!(guid(&["a"]), guid(&["a", ""]));
    }
}
