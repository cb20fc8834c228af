//! Object identifiers: dotted text to DER and back.

/// An object identifier in the bytes of DER, without tag and length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(Vec<u8>);

impl Oid {
    /// From dotted text, `1.2.840.10045.2.1`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let arcs: Option<Vec<u64>> = text.split('.').map(arc).collect();
        let arcs = arcs?;
        let (&first, &second) = (arcs.first()?, arcs.get(1)?);
        if first > 2 || (first < 2 && second > 39) {
            return None;
        }
        let mut out = Vec::new();
        push(&mut out, first.checked_mul(40)?.checked_add(second)?);
        for &arc in arcs.iter().skip(2) {
            push(&mut out, arc);
        }
        Some(Self(out))
    }

    /// From the bytes of DER.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let whole = bytes.last().is_some_and(|b| b & 0x80 == 0) && bytes.len() <= 128;
        whole.then(|| Self(bytes.to_vec()))
    }

    /// The bytes of DER.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn arc(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn push(out: &mut Vec<u8>, arc: u64) {
    let mut groups = [0u8; 10];
    let mut rest = arc;
    let mut count = 0;
    for group in groups.iter_mut().rev() {
        *group = (rest & 0x7f) as u8 | if count == 0 { 0 } else { 0x80 };
        rest >>= 7;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend(groups.iter().skip(10 - count));
}

impl std::fmt::Display for Oid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut value, mut first) = (0u64, true);
        for byte in &self.0 {
            value = (value << 7) | u64::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if first {
                let top = (value / 40).min(2);
                write!(f, "{top}.{}", value.wrapping_sub(top * 40))?;
                first = false;
            } else {
                write!(f, ".{value}")?;
            }
            value = 0;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Oid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
