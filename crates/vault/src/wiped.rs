//! Secret texts inside bodies: read without a copy that stays, and without a way to print them.

use crypto::SecretText;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A secret text in a body: wiped when it is let go, and without `Debug`.
pub struct Wiped(pub SecretText);

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Wiped;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Wiped, E> {
                Ok(Wiped(SecretText::new(text.to_owned())))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Wiped, E> {
                Ok(Wiped(SecretText::new(text)))
            }
        }
        deserializer.deserialize_string(Text)
    }
}
