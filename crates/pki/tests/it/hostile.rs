//! Readers take any bytes: chance, truncation, and single bits of good files turned over.

use crypto::{KeyKind, KeyPair};
use pki::crl::RevocationList;
use pki::pkcs12::{self, Strength};
use pki::{Certificate, SigningRequest, ocsp, pem, self_signed};
use proptest::prelude::*;

use crate::{leaf, root};

fn read_all(bytes: &[u8], authority: &Certificate) {
    let _ = Certificate::from_der(bytes).map(|c| format!("{c:?} {:?}", c.names()));
    let _ = SigningRequest::from_der(bytes);
    let _ = RevocationList::read(bytes, authority);
    let _ = ocsp::Request::from_der(bytes);
    let _ = pkcs12::decrypt_key(bytes, "");
    let _ = KeyPair::from_der(bytes);
}

/// Good bytes of every kind.
fn samples() -> (Certificate, Vec<Vec<u8>>) {
    let root = root(KeyKind::P256);
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let template = leaf("CN=h.example", &["h.example"]);
    let certificate = self_signed(&template, &key, &[1]).unwrap();
    let list = RevocationList {
        number: 1,
        this_update: 0,
        next_update: 1,
        revoked: vec![pki::crl::Revoked { serial: vec![1], at: 0, reason: 1 }],
    };
    let samples = vec![
        certificate.der().to_vec(),
        SigningRequest::create(&template, &key).unwrap(),
        list.sign(&root).unwrap(),
        ocsp::Request::create(&certificate, root.certificate(), &[7; 16]),
        key.to_pkcs8().unwrap().expose().to_vec(),
    ];
    (root.certificate().clone(), samples)
}

#[test]
fn every_bit_and_every_length() {
    let (authority, samples) = samples();
    for sample in samples {
        for length in 0..sample.len() {
            read_all(&sample[..length], &authority);
        }
        for at in 0..sample.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut bent = sample.clone();
                bent[at] ^= bit;
                read_all(&bent, &authority);
            }
        }
    }
}

#[test]
fn damaged_key_files() {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let certificate = self_signed(&leaf("CN=h.example", &[]), &key, &[1]).unwrap();
    let file = pkcs12::write(&key, &[certificate], "pw", Strength::Modern).unwrap();
    for at in 0..file.len() {
        let mut bent = file.clone();
        bent[at] ^= 0x41;
        if let Ok(bundle) = pkcs12::read(&bent, "pw") {
            assert!(bundle.key.is_none_or(|k| k.spki() == key.spki()), "byte {at}");
        }
        assert!(pkcs12::read(&file[..at], "pw").is_err());
    }
}

#[test]
fn deep_nesting_ends() {
    let (authority, _) = samples();
    let mut deep = Vec::new();
    for _ in 0..20_000 {
        let mut outer = vec![0x30, 0x83];
        outer.extend(&(deep.len() as u32).to_be_bytes()[1..]);
        outer.extend(&deep[..deep.len().min(100)]);
        deep = outer;
    }
    read_all(&deep, &authority);
    read_all(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &authority);
    read_all(&vec![0x30; 100_000], &authority);
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>, text: String) {
        let (authority, _) = samples();
        read_all(&bytes, &authority);
        let _ = pkcs12::read(&bytes, "");
        let _ = pem::read(&text, "");
        let _ = pem::read(&format!("-----BEGIN {text}-----\n{text}\n-----END {text}-----"), "");
    }
}
