//! Writing DER from the inside out: a closure writes the content, the header goes before it.

use zeroize::Zeroize;

use super::{Oid, tag};

/// Bytes of DER under construction; wiped when dropped, since keys pass through here.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Writer {
    /// What `fill` writes.
    pub fn build(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        fill(&mut writer);
        std::mem::take(&mut writer.0)
    }

    /// A value of one tag whose content `fill` writes.
    pub fn wrap(&mut self, tag: u8, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.value(tag, &inner.0);
    }

    /// SEQUENCE.
    pub fn sequence(&mut self, fill: impl FnOnce(&mut Self)) {
        self.wrap(tag::SEQUENCE, fill);
    }

    /// A value of one tag.
    pub fn value(&mut self, tag: u8, content: &[u8]) {
        self.0.push(tag);
        let length = content.len();
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => self.0.push(short),
            _ => {
                let bytes = length.to_be_bytes();
                let zeros = bytes.iter().take_while(|b| **b == 0).count();
                self.0.push(0x80 | (bytes.len() - zeros) as u8);
                self.0.extend(bytes.iter().skip(zeros));
            }
        }
        self.0.extend_from_slice(content);
    }

    /// DER that is written already.
    pub fn raw(&mut self, der: &[u8]) {
        self.0.extend_from_slice(der);
    }

    /// INTEGER from unsigned bytes, big endian.
    pub fn unsigned(&mut self, bytes: &[u8]) {
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        let used = bytes.get(zeros..).unwrap_or_default();
        let mut content = Vec::with_capacity(used.len() + 1);
        if used.first().is_none_or(|b| *b >= 0x80) {
            content.push(0);
        }
        content.extend_from_slice(used);
        self.value(tag::INTEGER, &content);
    }

    /// INTEGER.
    pub fn number(&mut self, number: u64) {
        self.unsigned(&number.to_be_bytes());
    }

    /// OBJECT IDENTIFIER from dotted text; text that is none is a fault of the caller and writes nothing.
    pub fn oid(&mut self, dotted: &str) {
        if let Some(oid) = Oid::parse(dotted) {
            self.value(tag::OID, oid.bytes());
        }
    }

    /// BOOLEAN.
    pub fn boolean(&mut self, value: bool) {
        self.value(tag::BOOLEAN, &[if value { 0xff } else { 0 }]);
    }

    /// NULL.
    pub fn null(&mut self) {
        self.value(tag::NULL, &[]);
    }

    /// OCTET STRING.
    pub fn octets(&mut self, bytes: &[u8]) {
        self.value(tag::OCTET_STRING, bytes);
    }

    /// BIT STRING of whole bytes.
    pub fn bits(&mut self, bytes: &[u8]) {
        let mut content = Vec::with_capacity(bytes.len() + 1);
        content.push(0);
        content.extend_from_slice(bytes);
        self.value(tag::BIT_STRING, &content);
    }

    /// BIT STRING of named bits, bit 0 first; trailing zeros left out as DER wants.
    pub fn named_bits(&mut self, bits: u16) {
        let width = 16 - bits.trailing_zeros().min(16);
        let bytes = bits.to_be_bytes();
        let used = width.div_ceil(8) as usize;
        let mut content = vec![(used as u32 * 8 - width) as u8];
        content.extend(bytes.iter().take(used));
        self.value(tag::BIT_STRING, &content);
    }

    /// UTCTime until 2049, GeneralizedTime from then on, as X.509 wants.
    pub fn time(&mut self, unix_seconds: i64) {
        let (y, mo, d, h, mi, s) = crate::time::civil(unix_seconds);
        if (1950..2050).contains(&y) {
            let text = format!("{:02}{mo:02}{d:02}{h:02}{mi:02}{s:02}Z", y % 100);
            self.value(tag::UTC_TIME, text.as_bytes());
        } else {
            self.generalized_time(unix_seconds);
        }
    }

    /// GeneralizedTime.
    pub fn generalized_time(&mut self, unix_seconds: i64) {
        let (y, mo, d, h, mi, s) = crate::time::civil(unix_seconds);
        let text = format!("{y:04}{mo:02}{d:02}{h:02}{mi:02}{s:02}Z");
        self.value(tag::GENERALIZED_TIME, text.as_bytes());
    }

    /// SET OF: the members, each one whole, in the order of DER.
    pub fn set_of(&mut self, mut members: Vec<Vec<u8>>) {
        members.sort();
        self.wrap(tag::SET, |w| members.iter().for_each(|m| w.raw(m)));
    }
}
