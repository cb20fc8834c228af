//! PKCS#12 and PEM files: those of `openssl` in every encryption read, ours read by it.

use crypto::{KeyKind, KeyPair};
use pki::pkcs12::{self, Strength};
use pki::{Certificate, PkiError, PublicKey, new_serial};

use crate::{Bench, leaf, pem, root};

/// A key, its certificate, and the authority's.
fn chain(kind: KeyKind) -> (KeyPair, Vec<Certificate>) {
    let root = root(KeyKind::P256);
    let key = KeyPair::generate(kind).unwrap();
    let public = PublicKey::from_der(key.spki()).unwrap();
    let made = root.issue(&leaf("CN=f.example", &["f.example"]), &public, &new_serial().unwrap());
    (key, vec![made.unwrap(), root.certificate().clone()])
}

#[test]
fn files_of_openssl_in_every_encryption() {
    let bench = Bench::new();
    let (key, chain) = chain(KeyKind::Rsa(2048));
    bench.write("all.pem", pki::pem::bundle(&key, &chain).unwrap().expose());
    let forms = [
        "",
        "-legacy",
        "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40",
        "-legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128",
        "-legacy -certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
        "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512",
        "-keypbe AES-256-CBC -certpbe NONE -iter 5000",
        "-keypbe NONE -certpbe NONE -macalg sha384",
        "-nomac",
        "-keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC",
        "-name friendly -caname root",
    ];
    for form in forms {
        for password in ["", "p\u{e4}ss w\u{f6}rd", "x"] {
            let shown = password.replace(' ', "\u{1}");
            let words =
                format!("pkcs12 -export -in all.pem -out f.p12 {form} -passout pass:{shown}");
            bench.openssl(&words.replace("  ", " "));
            let read = pkcs12::read(&bench.read("f.p12"), password);
            let bundle = read.unwrap_or_else(|e| panic!("{form} '{password}': {e}"));
            assert_eq!(bundle.key.unwrap().spki(), key.spki(), "{form}");
            let found = Certificate::chain(bundle.certificates, &key).unwrap();
            assert_eq!(found, chain, "{form}");
            let wrong = pkcs12::read(&bench.read("f.p12"), "wrong");
            let is_open = form.contains("NONE -certpbe NONE") && form.contains("nomac");
            assert!(is_open || matches!(wrong, Err(PkiError::Password)), "{form}");
        }
    }
}

#[test]
fn files_of_ours_are_read_by_openssl() {
    let bench = Bench::new();
    for kind in [KeyKind::Rsa(2048), KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::P256K] {
        let (key, chain) = chain(kind);
        for (strength, legacy) in [(Strength::Modern, ""), (Strength::Old, "-legacy ")] {
            for password in ["", "geheim"] {
                let file = pkcs12::write(&key, &chain, password, strength).unwrap();
                bench.write("o.p12", &*file);
                let words = format!("pkcs12 {legacy}-in o.p12 -passin pass:{password} -nodes");
                let said = bench.openssl(&words);
                let read = pki::pem::read(&said, "").unwrap();
                assert_eq!(read.key.unwrap().spki(), key.spki(), "{kind:?}");
                assert_eq!(read.certificates, chain);
                let again = pkcs12::read(&file, password).unwrap();
                assert_eq!(again.key.unwrap().spki(), key.spki());
                assert!(matches!(pkcs12::read(&file, "no"), Err(PkiError::Password)));
            }
        }
    }
}

/// Java's TLS reads certificates out of encrypted safes alone, with a password of no bytes; everybody else must, too.
#[test]
fn without_a_password_nothing_stands_in_the_open() {
    let bench = Bench::new();
    let (key, chain) = chain(KeyKind::Rsa(2048));
    let whole = pkcs12::write(&key, &chain, "", Strength::Modern).unwrap();
    let bare = pkcs12::write_certificates(&chain, "", Strength::Modern).unwrap();
    for (file, holds) in [(&whole, true), (&bare, false)] {
        for certificate in &chain {
            let der = certificate.der();
            assert!(!file.windows(der.len()).any(|part| part == der));
        }
        bench.write("n.p12", &**file);
        let said = bench.openssl("pkcs12 -in n.p12 -passin pass: -nodes -info");
        let read = pki::pem::read(&said, "").unwrap();
        assert_eq!((read.certificates, read.key.is_some()), (chain.clone(), holds));
        let again = pkcs12::read(file, "").unwrap();
        assert_eq!((again.certificates, again.key.is_some()), (chain.clone(), holds));
        assert!(matches!(pkcs12::read(file, "no"), Err(PkiError::Password)));
    }
    let named = pkcs12::write(&key, &chain, "pw", Strength::Modern).unwrap();
    let der = chain.first().unwrap().der();
    assert!(named.windows(der.len()).any(|part| part == der));
}

#[test]
fn keys_in_every_pem() {
    let bench = Bench::new();
    let kinds = [
        ("genrsa -out k.pem 2048", "rsa -traditional"),
        ("ecparam -name prime256v1 -genkey -noout -out k.pem", "ec"),
        ("ecparam -name secp384r1 -genkey -out k.pem", "ec"),
    ];
    for (make, old) in kinds {
        bench.openssl(make);
        let plain = String::from_utf8(bench.read("k.pem")).unwrap();
        let key = pki::pem::read(&plain, "").unwrap().key.unwrap();
        bench.openssl(&format!("{old} -in k.pem -out old.pem"));
        bench.openssl("pkcs8 -topk8 -nocrypt -in k.pem -out p8.pem");
        bench.openssl("pkcs8 -topk8 -in k.pem -out e8.pem -passout pass:pw -v2 aes-256-cbc");
        bench.openssl("pkcs8 -topk8 -in k.pem -out d8.pem -passout pass:pw -v1 PBE-SHA1-3DES");
        for file in ["old.pem", "p8.pem", "e8.pem", "d8.pem"] {
            let text = String::from_utf8(bench.read(file)).unwrap();
            let read = pki::pem::read(&text, "pw").unwrap_or_else(|e| panic!("{make} {file}: {e}"));
            assert_eq!(read.key.unwrap().spki(), key.spki(), "{file}");
        }
        let text = String::from_utf8(bench.read("e8.pem")).unwrap();
        assert!(matches!(pki::pem::read(&text, "no"), Err(PkiError::Password)));
    }
}

#[test]
fn bundles_are_written_key_first() {
    let (key, chain) = chain(KeyKind::P256);
    let text = pki::pem::bundle(&key, &chain).unwrap();
    assert!(text.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(text.expose().ends_with(&pem(&chain[1])));
    assert!(text.expose().lines().all(|line| line.len() <= 64));
}
