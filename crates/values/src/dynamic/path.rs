//! The same path into one value after another.

use super::DynamicRef;
use super::read::{Container, Dictionary};

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPart<'p> {
    /// A key of a bag.
    Key(&'p str),
    /// An element of an array; negative positions count from the end.
    Index(i64),
}

/// Follows a path into many values. Values of one origin share their dictionary of keys: where the keys stand in it is
/// looked up once.
#[derive(Debug)]
pub struct PathFinder<'p> {
    parts: &'p [PathPart<'p>],
    /// The dictionary that came last.
    metadata: Vec<u8>,
    /// For each part that is a key, its place in that dictionary; none where the dictionary does not have it.
    ids: Vec<Option<usize>>,
    /// The dictionary names each key once.
    unique: bool,
}

impl<'p> PathFinder<'p> {
    /// Follows these steps, outermost first.
    pub fn new(parts: &'p [PathPart<'p>]) -> Self {
        Self { parts, metadata: Vec::new(), ids: Vec::new(), unique: false }
    }

    /// The end of the path in a stored value; none where it leads nowhere.
    pub fn find<'a>(&mut self, bytes: &'a [u8]) -> Option<DynamicRef<'a>> {
        let root = self.open(bytes);
        let ids = self.ids.iter();
        self.parts.iter().zip(ids).try_fold(root, |at, (part, id)| match part {
            PathPart::Index(position) => at.index(*position),
            PathPart::Key(key) if !self.unique => at.get(key),
            PathPart::Key(_) => slot(at, (*id)?),
        })
    }

    fn open<'a>(&mut self, bytes: &'a [u8]) -> DynamicRef<'a> {
        // the dictionary tells its own length, so the same bytes are the same dictionary
        if !self.metadata.is_empty()
            && bytes.starts_with(&self.metadata)
            && let Some((metadata, value)) = bytes.split_at_checked(self.metadata.len())
        {
            return DynamicRef::from_parts(metadata, value);
        }
        let root = DynamicRef::new(bytes);
        self.metadata.clear();
        self.metadata.extend_from_slice(root.metadata());
        let dictionary = Dictionary::parse(root.metadata()).map(|(d, _)| d);
        let sorted = root.metadata().first().is_some_and(|header| header & 0x10 != 0);
        self.unique = sorted && dictionary.is_some();
        self.ids.clear();
        self.ids.extend(self.parts.iter().map(|part| match part {
            PathPart::Index(_) => None,
            PathPart::Key(key) => {
                dictionary.and_then(|d| (0..d.len).find(|id| d.bytes(*id) == Some(key.as_bytes())))
            }
        }));
        root
    }
}

/// The value of a bag's slot by its key's place in the dictionary.
fn slot(at: DynamicRef<'_>, id: usize) -> Option<DynamicRef<'_>> {
    let container = Container::parse(at.value()).filter(|c| c.id_width > 0)?;
    let index = match (container.id_width, u8::try_from(id)) {
        (1, Ok(id)) => container.ids.iter().position(|known| *known == id),
        _ => (0..container.len).find(|index| container.id(*index) == Some(id)),
    }?;
    Some(DynamicRef::from_parts(at.metadata(), container.field(index)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Dynamic;

    #[test]
    fn finds_what_single_steps_find() {
        let values = [
            r#"{"a":{"b":[1,{"c":"x"}]},"z":1}"#,
            r#"{"a":{"b":[1,{"c":"y"}]},"z":2}"#,
            r#"{"a":{"b":[]},"z":2}"#,
            r#"{"z":{"a":1}}"#,
            r#"{"a":null}"#,
            "[1,2]",
            "7",
        ];
        let parts =
            [PathPart::Key("a"), PathPart::Key("b"), PathPart::Index(-1), PathPart::Key("c")];
        for length in 0..=parts.len() {
            let parts = &parts[..length];
            let mut finder = PathFinder::new(parts);
            for _ in 0..2 {
                for text in values {
                    let value = Dynamic::parse_json(text).unwrap();
                    let step = |at: DynamicRef<'_>, part: &PathPart<'_>| match part {
                        PathPart::Key(key) => at.get(key).map(DynamicRef::to_owned),
                        PathPart::Index(position) => at.index(*position).map(DynamicRef::to_owned),
                    };
                    let mut expected = Some(value.clone());
                    for part in parts {
                        expected = expected.and_then(|at| step(at.as_ref(), part));
                    }
                    let got = finder.find(value.as_bytes()).map(|d| d.to_string());
                    assert_eq!(expected.map(|d| d.to_string()), got, "{text} {parts:?}");
                }
            }
        }
        for bytes in [&[][..], &[0x11], &[0x11, 9, 9, 9], &[0xff; 20]] {
            assert!(PathFinder::new(&parts).find(bytes).is_none());
        }
    }
}
