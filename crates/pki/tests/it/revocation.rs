//! Revocation lists and OCSP answers, judged by `openssl`.

use crypto::{KeyKind, KeyPair};
use pki::crl::{RevocationList, Revoked};
use pki::{Certificate, Issuer, PublicKey, new_serial, ocsp};

use crate::{Bench, leaf, now, pem, root};

fn issue(root: &Issuer) -> Certificate {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let public = PublicKey::from_der(key.spki()).unwrap();
    root.issue(&leaf("CN=x.example", &["x.example"]), &public, &new_serial().unwrap()).unwrap()
}

#[test]
fn lists() {
    let bench = Bench::new();
    for kind in [KeyKind::P256, KeyKind::Rsa(2048), KeyKind::P384] {
        let root = root(kind);
        let (good, bad) = (issue(&root), issue(&root));
        let list = RevocationList {
            number: 7,
            this_update: now() - 10,
            next_update: now() + 3600,
            revoked: vec![Revoked { serial: bad.serial().to_vec(), at: now() - 20, reason: 1 }],
        };
        let der = list.sign(&root).unwrap();
        assert_eq!(RevocationList::read(&der, root.certificate()).unwrap(), list);
        assert!(RevocationList::read(&der, &bad).is_err());
        bench.write("crl.der", &der).write("root.pem", pem(root.certificate()));
        bench.openssl("crl -inform DER -in crl.der -CAfile root.pem -out crl.pem");
        let text = bench.openssl("crl -in crl.pem -noout -text");
        assert!(text.contains("Key Compromise") && text.contains(&bad.serial_hex().to_uppercase()));
        for (certificate, expected) in [(&good, true), (&bad, false)] {
            bench.write("c.pem", pem(certificate));
            let words = "verify -crl_check -CAfile root.pem -CRLfile crl.pem c.pem";
            let (verified, said) = bench.try_openssl(words);
            assert_eq!(verified, expected, "{said}");
        }
        let empty = RevocationList { revoked: Vec::new(), ..list };
        bench.write("crl.der", empty.sign(&root).unwrap());
        bench.openssl("crl -inform DER -in crl.der -CAfile root.pem -noout");
    }
}

#[test]
fn ocsp_by_openssl() {
    let bench = Bench::new();
    for (kind, digest) in [(KeyKind::P256, "sha1"), (KeyKind::Rsa(2048), "sha256")] {
        let root = root(kind);
        let (good, bad, other) = (issue(&root), issue(&root), issue(&root));
        bench.write("root.pem", pem(root.certificate()));
        let status = |id: &ocsp::CertificateId| {
            assert!(id.is_of(root.certificate()));
            match &id.serial {
                s if s == good.serial() => ocsp::Status::Good,
                s if s == bad.serial() => ocsp::Status::Revoked { at: now() - 5, reason: 1 },
                _ => ocsp::Status::Unknown,
            }
        };
        let cases = [(&good, ": good"), (&bad, ": revoked"), (&other, ": unknown")];
        for (certificate, expected) in cases {
            bench.write("c.pem", pem(certificate));
            let ask = format!("ocsp -issuer root.pem -{digest} -cert c.pem -reqout q.der");
            bench.openssl(&ask);
            let request = ocsp::Request::from_der(&bench.read("q.der")).unwrap();
            assert!(request.nonce.is_some());
            let answer = ocsp::answer(&root, &request, status, now() - 1, now() + 600).unwrap();
            bench.write("a.der", &answer);
            let judge = format!(
                "ocsp -no_nonce -issuer root.pem -{digest} -cert c.pem -CAfile root.pem -respin a.der"
            );
            let said = bench.openssl(&judge);
            assert!(said.contains(expected) && said.contains("Response verify OK"), "{said}");
            let said =
                bench.openssl("ocsp -CAfile root.pem -VAfile root.pem -respin a.der -reqin q.der");
            assert!(said.contains("Response verify OK"), "{said}"); // looks at the nonce as well
            assert!(!said.contains("WARNING"), "{said}");
        }
    }
    let (one, another) = (root(KeyKind::P256), root(KeyKind::P256));
    let certificate = issue(&one);
    let der = ocsp::Request::create(&certificate, one.certificate(), &[1; 16]);
    let request = ocsp::Request::from_der(&der).unwrap();
    assert!(request.certificates[0].is_of(one.certificate()));
    assert!(!request.certificates[0].is_of(another.certificate()));
    bench.write("f.der", ocsp::failure(ocsp::Failure::Malformed));
    let said = bench.try_openssl("ocsp -respin f.der -text").1;
    assert!(said.contains("malformed"), "{said}");
}
