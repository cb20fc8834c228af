//! Reading DER: one value after the other, each with its tag, content and whole bytes.

use super::{Oid, tag};

/// What is left to read of one level.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

/// One value.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    /// Its tag byte.
    pub tag: u8,
    /// Its content.
    pub content: &'a [u8],
    /// Tag, length and content.
    pub whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value; none at the end or where the bytes are no DER.
    pub fn node(&mut self) -> Option<Node<'a>> {
        let (&tag, &first) = (self.0.first()?, self.0.get(1)?);
        if tag & 0x1f == 0x1f {
            return None; // tags of several bytes occur nowhere in what is read here
        }
        let (header, length) = if first < 0x80 {
            (2, usize::from(first))
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None; // open length, or more than 4 GiB
            }
            let bytes = self.0.get(2..2 + count)?;
            (2 + count, bytes.iter().fold(0usize, |sum, b| (sum << 8) | usize::from(*b)))
        };
        let end = header.checked_add(length)?;
        let whole = self.0.get(..end)?;
        self.0 = self.0.get(end..)?;
        Some(Node { tag, content: whole.get(header..)?, whole })
    }

    /// The next value, which has this tag.
    pub fn expect(&mut self, tag: u8) -> Option<Node<'a>> {
        self.node().filter(|node| node.tag == tag)
    }

    /// The next value if it has this tag; else nothing is taken.
    pub fn take(&mut self, tag: u8) -> Option<Node<'a>> {
        if self.0.first() == Some(&tag) { self.node() } else { None }
    }

    /// The inside of the next value, which is a SEQUENCE.
    pub fn sequence(&mut self) -> Option<Reader<'a>> {
        Some(self.expect(tag::SEQUENCE)?.reader())
    }

    /// An OBJECT IDENTIFIER as dotted text.
    pub fn oid(&mut self) -> Option<String> {
        self.expect(tag::OID)?.oid()
    }

    /// An INTEGER that fits.
    pub fn number(&mut self) -> Option<u64> {
        self.expect(tag::INTEGER)?.number()
    }

    /// The content of an OCTET STRING.
    pub fn octets(&mut self) -> Option<&'a [u8]> {
        Some(self.expect(tag::OCTET_STRING)?.content)
    }

    /// All that are left; none when one of them is no DER or there are more than `most`.
    pub fn all(mut self, most: usize) -> Option<Vec<Node<'a>>> {
        let mut found = Vec::new();
        while !self.is_empty() {
            if found.len() == most {
                return None;
            }
            found.push(self.node()?);
        }
        Some(found)
    }
}

impl<'a> Node<'a> {
    /// The one value that these bytes are.
    pub fn only(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        reader.node().filter(|_| reader.is_empty())
    }

    /// Reads the inside.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// Dotted text of an OBJECT IDENTIFIER.
    pub fn oid(&self) -> Option<String> {
        let oid = Oid::from_bytes(self.content).filter(|_| self.tag == tag::OID)?;
        Some(oid.to_string())
    }

    /// An INTEGER that is not negative and fits.
    pub fn number(&self) -> Option<u64> {
        let bytes = self.unsigned()?;
        let fits = bytes.len() <= 8;
        fits.then(|| bytes.iter().fold(0, |sum, b| (sum << 8) | u64::from(*b)))
    }

    /// The bytes of an INTEGER that is not negative, without leading zeros.
    pub fn unsigned(&self) -> Option<&'a [u8]> {
        let negative = self.content.first().is_none_or(|b| *b >= 0x80);
        if negative {
            return None;
        }
        let zeros = self.content.iter().take_while(|b| **b == 0).count();
        self.content.get(zeros..)
    }

    /// The bytes of a BIT STRING of whole bytes.
    pub fn bits(&self) -> Option<&'a [u8]> {
        let (unused, bytes) = self.content.split_first()?;
        (*unused == 0).then_some(bytes)
    }

    /// Named bits of a BIT STRING, bit 0 the highest.
    pub fn named_bits(&self) -> Option<u16> {
        let (unused, bytes) = self.content.split_first()?;
        let at = |i: usize| u16::from(bytes.get(i).copied().unwrap_or_default());
        (*unused < 8).then(|| at(0) << 8 | at(1))
    }

    /// BOOLEAN.
    pub fn boolean(&self) -> Option<bool> {
        match self.content {
            [byte] => Some(*byte != 0),
            _ => None,
        }
    }

    /// UTCTime or GeneralizedTime as seconds since 1970.
    pub fn time(&self) -> Option<i64> {
        let text = std::str::from_utf8(self.content).ok()?;
        match self.tag {
            tag::UTC_TIME => {
                let year: i64 = text.get(..2)?.parse().ok()?;
                let century = if year < 50 { 2000 } else { 1900 };
                crate::time::from_text(century + year, text.get(2..)?)
            }
            tag::GENERALIZED_TIME => {
                crate::time::from_text(text.get(..4)?.parse().ok()?, text.get(4..)?)
            }
            _ => None,
        }
    }

    /// Text of any string type.
    pub fn text(&self) -> Option<String> {
        match self.tag {
            tag::UTF8 | tag::PRINTABLE | tag::IA5 | tag::NUMERIC => {
                std::str::from_utf8(self.content).ok().map(str::to_owned)
            }
            tag::TELETEX => Some(self.content.iter().map(|b| char::from(*b)).collect()),
            tag::BMP => utf16(self.content),
            tag::UNIVERSAL => self
                .content
                .chunks(4)
                .map(|c| char::from_u32(u32::from_be_bytes(c.try_into().ok()?)))
                .collect(),
            _ => None,
        }
    }
}

/// Big-endian UTF-16.
fn utf16(bytes: &[u8]) -> Option<String> {
    let units = bytes.chunks(2).map(|c| Some(u16::from_be_bytes(c.try_into().ok()?)));
    let units: Option<Vec<u16>> = units.collect();
    String::from_utf16(&units?).ok()
}
