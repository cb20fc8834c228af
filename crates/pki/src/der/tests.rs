#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

#[test]
fn identifiers_come_back() {
    let known = [
        ("1.2.840.113549.1.1.11", "2a864886f70d01010b"),
        ("2.5.29.17", "551d11"),
        ("2.999.1", "883701"),
        ("0.9.2342.19200300.100.1.25", "0992268993f22c640119"),
    ];
    for (dotted, bytes) in known {
        let oid = Oid::parse(dotted).unwrap();
        assert_eq!(hex::encode(oid.bytes()), bytes);
        assert_eq!(oid.to_string(), dotted);
    }
    for bad in ["", "1", "3.1", "1.40", "1.2.", "1.-2", "a.b", "1.2.99999999999999999999999"] {
        assert!(Oid::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn values_come_back() {
    let der = Writer::build(|w| {
        w.sequence(|w| {
            w.number(0);
            w.number(128);
            w.unsigned(&[0, 0, 0xff]);
            w.named_bits(0b1010_0000_0000_0000);
            w.named_bits(0);
            w.boolean(true);
            w.octets(&[7; 300]);
            w.time(1_700_000_000);
            w.time(4_000_000_000);
            w.oid("2.5.29.17");
        });
    });
    let mut r = Node::only(&der).unwrap().reader();
    assert_eq!((r.number(), r.number()), (Some(0), Some(128)));
    assert_eq!(r.node().unwrap().whole, [2, 2, 0, 0xff]);
    let bits = r.node().unwrap();
    assert_eq!((bits.whole, bits.named_bits()), (&[3, 2, 5, 0xa0][..], Some(0xa000)));
    assert_eq!(r.node().unwrap().whole, [3, 1, 0]);
    assert_eq!(r.node().unwrap().boolean(), Some(true));
    assert_eq!(r.octets().unwrap().len(), 300);
    assert_eq!(r.node().unwrap().time(), Some(1_700_000_000));
    assert_eq!(r.node().unwrap().time(), Some(4_000_000_000));
    assert_eq!(r.oid().unwrap(), "2.5.29.17");
    assert!(r.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
        let mut reader = Reader::new(&bytes);
        while let Some(node) = reader.node() {
            let _ = (node.oid(), node.number(), node.bits(), node.time(), node.text());
            let _ = (node.named_bits(), node.boolean(), node.reader().all(10));
        }
    }
}
