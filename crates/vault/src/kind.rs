//! What a vault holds: secrets, keys, certificates, told apart by kind everywhere.

use crate::VaultError;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A text under a name.
    Secret,
    /// A key that works inside.
    Key,
    /// A certificate with its policy; its secret and its key are twins of the same name.
    Certificate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Secret, Self::Key, Self::Certificate];

    /// The word in stored keys and in what is sealed: never changes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Key => "key",
            Self::Certificate => "certificate",
        }
    }

    /// The collection in ids, `secrets`.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Key => "keys",
            Self::Certificate => "certificates",
        }
    }

    /// The collection of deleted ones in ids, `deletedsecrets`.
    pub const fn deleted_collection(self) -> &'static str {
        match self {
            Self::Secret => "deletedsecrets",
            Self::Key => "deletedkeys",
            Self::Certificate => "deletedcertificates",
        }
    }

    /// From the word in stored keys.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// `SecretNotFound` and its kin.
    pub const fn not_found_code(self) -> &'static str {
        match self {
            Self::Secret => "SecretNotFound",
            Self::Key => "KeyNotFound",
            Self::Certificate => "CertificateNotFound",
        }
    }

    /// `SecretDisabled` and its kin.
    pub const fn disabled_code(self) -> &'static str {
        match self {
            Self::Secret => "SecretDisabled",
            Self::Key => "KeyDisabled",
            Self::Certificate => "CertificateDisabled",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Key => "Key",
            Self::Certificate => "Certificate",
        }
    }

    /// 404 for a name or a version.
    pub fn not_found(self, name: &str, version: Option<&str>) -> VaultError {
        let (word, version) = (self.word(), version.filter(|v| !v.is_empty()));
        let id = version.map_or_else(|| name.to_owned(), |version| format!("{name}/{version}"));
        let message = format!(
            "A {word} with (name/id) {id} was not found in this key vault. If you recently deleted this {word} you may be able to recover it using the correct recovery command."
        );
        VaultError::not_found(self.not_found_code(), message)
    }

    /// 404 for a name among the deleted.
    pub fn deleted_not_found(self, name: &str) -> VaultError {
        let message = format!("Deleted {} not found: {name}", self.title());
        VaultError::not_found(self.not_found_code(), message)
    }

    /// 403 for a version that is switched off.
    pub fn disabled(self, operation: &str) -> VaultError {
        let message =
            format!("Operation {operation} is not allowed on a disabled {}.", self.word());
        VaultError::forbidden(self.disabled_code(), message)
    }
}

/// Refuses what is no object name: 1 to 127 letters, digits and hyphens.
pub fn check_name(name: &str) -> Result<(), VaultError> {
    let fits = (1..=127).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        return Ok(());
    }
    Err(VaultError::bad_parameter(
        "The request URI contains an invalid name: names are 1 to 127 letters, digits and hyphens.",
    ))
}
