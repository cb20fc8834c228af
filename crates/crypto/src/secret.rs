//! Secret material that is wiped when dropped and cannot be printed, copied or serialised.

use zeroize::Zeroizing;

/// Secret bytes, wiped when dropped. [`SecretBytes::expose`] is the one way to read them.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Secret text, wiped when dropped. [`SecretText::expose`] is the one way to read it.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
