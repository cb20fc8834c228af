//! DER, written and read. The reader takes any bytes: lengths are checked before anything is touched, nothing recurses by
//! itself, and BER's open forms are refused.

mod oid;
mod read;
mod write;

pub use oid::Oid;
pub use read::{Node, Reader};
pub use write::Writer;

/// Tags by name.
pub mod tag {
    #![allow(missing_docs)]
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTF8: u8 = 0x0c;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const NUMERIC: u8 = 0x12;
    pub const PRINTABLE: u8 = 0x13;
    pub const TELETEX: u8 = 0x14;
    pub const IA5: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const UNIVERSAL: u8 = 0x1c;
    pub const BMP: u8 = 0x1e;

    /// `[n]` around other values, or in place of a constructed one.
    pub const fn context(n: u8) -> u8 {
        0xa0 | n
    }

    /// `[n]` in place of a primitive value.
    pub const fn implicit(n: u8) -> u8 {
        0x80 | n
    }
}

#[cfg(test)]
mod tests;
