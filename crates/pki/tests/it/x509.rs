//! Certificates and requests, ours read by `openssl` and its own read by us.

use crypto::{KeyKind, KeyPair};
use pki::{AlternativeNames, Certificate, PublicKey, SigningRequest, new_serial, self_signed};

use crate::{Bench, leaf, pem, root};

const KINDS: [KeyKind; 6] = [
    KeyKind::Rsa(2048),
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::P521,
    KeyKind::P256K,
    KeyKind::Ed25519,
];

#[test]
fn self_signed_of_every_kind_verifies() {
    let bench = Bench::new();
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        let template = leaf("cn=a.example, O=\"Example, Inc.\"", &["a.example", "*.a.example"]);
        let made = self_signed(&template, &key, &new_serial().unwrap()).unwrap();
        assert!(made.belongs_to(&key) && made.is_signed_by(&made), "{kind:?}");
        bench.write("c.pem", pem(&made));
        assert!(bench.openssl("verify -CAfile c.pem c.pem").contains("OK"), "{kind:?}");
        let text = bench.openssl("x509 -in c.pem -noout -text -nameopt RFC2253");
        assert!(text.contains("DNS:a.example, DNS:*.a.example"), "{text}");
        assert!(text.contains("CN=a.example,O=Example\\, Inc."), "{text}");
        assert!(text.contains("Digital Signature, Key Encipherment"), "{text}");
    }
}

#[test]
fn every_name_is_read_back() {
    let bench = Bench::new();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let mut template = leaf("", &["b.example"]);
    template.names = AlternativeNames {
        dns: vec!["b.example".into()],
        emails: vec!["ann@b.example".into()],
        upns: vec!["ann@corp.example".into()],
        addresses: vec!["10.1.2.3".parse().unwrap(), "fe80::1".parse().unwrap()],
        uris: vec!["https://b.example/x".into()],
    };
    let made = self_signed(&template, &key, &[1, 2, 3]).unwrap();
    assert_eq!(made.names(), &template.names);
    assert_eq!((made.serial_hex().as_str(), made.subject().is_empty()), ("010203", true));
    assert_eq!(made.usage().names(), ["digitalSignature", "keyEncipherment"]);
    let text = bench.write("c.pem", pem(&made)).openssl("x509 -in c.pem -noout -text");
    for part in
        ["email:ann@b.example", "IP Address:10.1.2.3", "URI:https://b.example/x", "critical"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("ann@corp.example") || text.contains("othername"), "{text}");
}

#[test]
fn an_authority_issues_and_a_chain_verifies() {
    let bench = Bench::new();
    for kind in [KeyKind::P384, KeyKind::Rsa(2048)] {
        let root = root(kind);
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let public = PublicKey::from_der(key.spki()).unwrap();
        let mut template = leaf("CN=leaf.example", &["leaf.example"]);
        template.not_after = i64::from(u32::MAX) * 2; // never longer than the authority
        template.crl_url = Some("http://ca.example/crl".into());
        template.ocsp_url = Some("http://ca.example/ocsp".into());
        template.issuer_url = Some("http://ca.example/issuer".into());
        let made = root.issue(&template, &public, &new_serial().unwrap()).unwrap();
        assert_eq!(made.not_after(), root.certificate().not_after());
        assert!(made.is_signed_by(root.certificate()) && !made.is_signed_by(&made));
        assert_eq!(made.authority_key_id(), root.certificate().subject_key_id());
        bench.write("root.pem", pem(root.certificate())).write("c.pem", pem(&made));
        bench.openssl("verify -x509_strict -CAfile root.pem c.pem");
        let text = bench.openssl("x509 -in c.pem -noout -text");
        for part in ["URI:http://ca.example/crl", "OCSP - URI:http://ca.example/ocsp", "CA Issuers"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let chain =
            Certificate::chain(vec![root.certificate().clone(), made.clone()], &key).unwrap();
        assert_eq!(chain, [made, root.certificate().clone()]);
    }
}

#[test]
fn requests_go_both_ways() {
    let bench = Bench::new();
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        let der = SigningRequest::create(&leaf("CN=r.example", &["r.example"]), &key).unwrap();
        bench.write("r.der", &der);
        let text = bench.openssl("req -inform DER -in r.der -verify -noout -text");
        assert!(text.contains("verify OK") && text.contains("DNS:r.example"), "{kind:?}: {text}");
        let read = SigningRequest::from_der(&der).unwrap();
        assert_eq!(read.names().dns, ["r.example"]);
        assert_eq!(read.public_key().der(), key.spki());
        let mut bent = der.clone();
        if let Some(byte) = bent.get_mut(12) {
            *byte ^= 1;
        }
        assert!(SigningRequest::from_der(&bent).is_err());
    }
}

#[test]
fn what_openssl_makes_is_read() {
    let bench = Bench::new();
    let keys = [
        ("rsa:2048", KeyKind::Rsa(2048), ""),
        (
            "rsa:3072",
            KeyKind::Rsa(3072),
            " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1",
        ),
        ("ec -pkeyopt ec_paramgen_curve:P-256", KeyKind::P256, ""),
        ("ec -pkeyopt ec_paramgen_curve:P-384", KeyKind::P384, " -sha512"),
        ("ec -pkeyopt ec_paramgen_curve:P-521", KeyKind::P521, ""),
        ("ec -pkeyopt ec_paramgen_curve:secp256k1", KeyKind::P256K, ""),
        ("ed25519", KeyKind::Ed25519, ""),
    ];
    for (new_key, kind, more) in keys {
        let names = "-addext subjectAltName=DNS:o.example,IP:10.0.0.1,email:a@o.example";
        let common = format!(
            "-newkey {new_key} -nodes -keyout k.pem -subj /C=DE/O=Ex,ample/CN=o.example {names}{more}"
        );
        bench.openssl(&format!("req -x509 {common} -out c.pem -days 10"));
        bench.openssl(&format!("req -new {common} -out r.pem"));
        let request = pki::pem::blocks(&String::from_utf8(bench.read("r.pem")).unwrap()).unwrap();
        let request = SigningRequest::from_der(&request[0].1).unwrap();
        assert_eq!(request.names().dns, ["o.example"]);
        assert_eq!(request.public_key().kind(), Some(kind));
        bench.openssl(&format!("req -x509 {common} -out c.pem -days 10"));
        let both = [bench.read("c.pem"), bench.read("k.pem")].concat();
        let bundle = pki::pem::read(&String::from_utf8(both).unwrap(), "").unwrap();
        let (key, certificate) = (bundle.key.unwrap(), &bundle.certificates[0]);
        assert_eq!(key.kind(), kind);
        assert!(certificate.belongs_to(&key), "{new_key}");
        assert!(certificate.is_signed_by(certificate), "{new_key}");
        assert_eq!(certificate.subject().to_string(), "CN=o.example, O=\"Ex,ample\", C=DE");
        assert_eq!(certificate.names().addresses.len(), 1);
        let print = bench.openssl("x509 -in c.pem -noout -fingerprint -sha1");
        let print = print.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
        assert_eq!(hex::encode(certificate.thumbprint()), print);
        assert_eq!(certificate.x5t().len(), 27);
    }
}
