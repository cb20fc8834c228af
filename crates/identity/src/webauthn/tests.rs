#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::OnceLock;

use crypto::KeyKind;
use proptest::prelude::*;

use super::software::{
    ATTESTED, Authenticator, EXTENSIONS, FLAGS, Registration, SignedIn, attestation, bytes, int,
    map, text,
};
use super::*;

const ORIGIN: &str = "https://localhost:8443";
const CHALLENGE: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const EXPECTED: Expected<'_> =
    Expected { challenge: CHALLENGE, origin: ORIGIN, rp_id: "localhost" };
const UP: u8 = 1;
const UV: u8 = 1 << 2;
const BE: u8 = 1 << 3;
const BS: u8 = 1 << 4;

fn authenticator(kind: KeyKind) -> Authenticator {
    Authenticator::new(kind, b"credential one", ORIGIN)
}

fn register(sent: &Registration) -> Result<NewCredential, WebAuthnError> {
    verify_registration(&EXPECTED, &sent.client_data, &sent.attestation)
}

fn check(key: &[u8], sent: &SignedIn) -> Result<Asserted, WebAuthnError> {
    let assertion = Assertion {
        client_data: &sent.client_data,
        authenticator_data: &sent.data,
        signature: &sent.signature,
    };
    verify_assertion(&EXPECTED, key, &assertion)
}

#[test]
fn keys_of_each_kind_register_and_sign_in() {
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa(2048)] {
        let mut device = authenticator(kind);
        device.flags |= BE | BS;
        device.count = 4;
        let made = register(&device.register(CHALLENGE)).unwrap();
        assert_eq!((made.id.as_slice(), made.aaguid), (&b"credential one"[..], [7; 16]));
        assert_eq!(
            (made.sign_count, made.backup_eligible, made.backed_up),
            (4, true, true),
            "{kind:?}"
        );
        assert_eq!(made.public_key, device.cose());
        let asserted = check(&made.public_key, &device.sign_in(CHALLENGE)).unwrap();
        assert_eq!(asserted, Asserted { sign_count: 5, backed_up: true }, "{kind:?}");
    }
}

#[test]
fn attestation_of_any_format_is_read_over() {
    let device = authenticator(KeyKind::P256);
    let data = device.attested(&device.cose());
    let statement = map(&[(text("alg"), int(-7)), (text("sig"), bytes(b"believe me"))]);
    for format in ["none", "packed", "tpm", "apple", "of tomorrow"] {
        let sent = Registration {
            attestation: attestation(format, &statement, &data),
            ..device.register(CHALLENGE)
        };
        assert!(register(&sent).is_ok(), "{format}");
    }
}

/// What an authenticator or a browser may do wrong, in both ceremonies.
#[test]
fn one_thing_wrong_is_enough() {
    use WebAuthnError::*;
    type Spoil = fn(&mut Authenticator);
    let cases: &[(&str, Spoil, Option<WebAuthnError>)] = &[
        ("nothing wrong", |_| (), None),
        ("no word of frames", |d| d.client_more.clear(), None),
        ("words of later standards", |d| d.client_more = r#","new":{"a":[1]}"#.into(), None),
        ("extensions", |d| (d.flags, d.extensions) = (FLAGS | EXTENSIONS, map(&[])), None),
        ("another origin", |d| d.origin = "https://localhost:9443".into(), Some(WrongOrigin)),
        ("another scheme", |d| d.origin = "http://localhost:8443".into(), Some(WrongOrigin)),
        ("a longer origin", |d| d.origin += ".evil.example", Some(WrongOrigin)),
        ("a frame", |d| d.client_more = r#","crossOrigin":true"#.into(), Some(CrossOrigin)),
        ("a frame's top", |d| d.client_more = r#","topOrigin":"x""#.into(), Some(CrossOrigin)),
        ("another host", |d| d.rp_id = "evil.example".into(), Some(WrongRpId)),
        ("nobody there", |d| d.flags = UV, Some(NotPresent)),
        ("nobody recognized", |d| d.flags = UP, Some(NotVerified)),
        ("backed up against its word", |d| d.flags |= BS, Some(BackupState)),
        (
            "extensions that are none",
            |d| (d.flags, d.extensions) = (FLAGS | EXTENSIONS, int(1)),
            Some(Malformed("the authenticator's extensions are no map")),
        ),
        (
            "extensions announced",
            |d| d.flags |= EXTENSIONS,
            Some(Malformed("the authenticator's extensions are no map")),
        ),
        (
            "something behind",
            |d| d.extensions = vec![0],
            Some(Malformed("something follows the authenticator data")),
        ),
        (
            "a member twice",
            |d| d.client_more = r#","origin":"https://evil.example""#.into(),
            Some(Malformed("clientDataJSON")),
        ),
    ];
    for (name, spoil, error) in cases {
        let mut device = authenticator(KeyKind::P256);
        spoil(&mut device);
        assert_eq!(register(&device.register(CHALLENGE)).err(), *error, "registering: {name}");
        let signed = device.sign_in(CHALLENGE);
        assert_eq!(check(&device.cose(), &signed).err(), *error, "signing in: {name}");
    }
}

#[test]
fn registrations_that_are_none() {
    use WebAuthnError::*;
    let device = authenticator(KeyKind::P256);
    let good = device.register(CHALLENGE);
    let object = |data: &[u8]| attestation("none", &map(&[]), data);
    let no_map = || Malformed("the attestation object is no map of fmt, attStmt and authData");
    let entry = |name: &str, value: &[u8]| (text(name), value.to_vec());
    let data = bytes(&device.attested(&device.cose()));
    let (none, empty) = (text("none"), map(&[]));
    let cases = [
        ("an assertion's words", device.client_data("webauthn.get", CHALLENGE), None, WrongType),
        ("another challenge", device.client_data("webauthn.create", b"x"), None, WrongChallenge),
        ("no challenge", device.client_data("webauthn.create", b""), None, WrongChallenge),
        ("no JSON", b"{".to_vec(), None, Malformed("clientDataJSON")),
        ("a list", b"[1]".to_vec(), None, Malformed("clientDataJSON")),
        ("too long", vec![b' '; 40_000], None, Malformed("clientDataJSON")),
        ("empty", vec![], Some(vec![]), no_map()),
        ("no map", vec![], Some(int(1)), no_map()),
        ("nothing in it", vec![], Some(map(&[])), no_map()),
        (
            "no statement",
            vec![],
            Some(map(&[entry("fmt", &none), entry("authData", &data)])),
            no_map(),
        ),
        (
            "data twice",
            vec![],
            Some(map(&[
                entry("fmt", &none),
                entry("attStmt", &empty),
                entry("authData", &data),
                entry("authData", &data),
            ])),
            no_map(),
        ),
        ("something behind", vec![], Some([good.attestation.clone(), vec![0]].concat()), no_map()),
        (
            "too long",
            vec![],
            Some(vec![0; 40_000]),
            Malformed("the attestation object is longer than 32 KB"),
        ),
        (
            "no credential",
            vec![],
            Some(object(&{
                let mut data = device.attested(&[]);
                data.truncate(37);
                data[32] &= !ATTESTED;
                data
            })),
            Malformed("it holds no credential"),
        ),
        (
            "an id without length",
            vec![],
            Some(object(&Authenticator::new(KeyKind::P256, b"", ORIGIN).attested(&device.cose()))),
            Malformed("the credential id has not 1 to 1023 bytes"),
        ),
        (
            "an id too long",
            vec![],
            Some(object(
                &Authenticator::new(KeyKind::P256, &[1; 1024], ORIGIN).attested(&device.cose()),
            )),
            Malformed("the credential id has not 1 to 1023 bytes"),
        ),
        ("indefinite depth", vec![], Some(vec![0x81; 1000]), no_map()),
    ];
    for (name, client_data, attestation, error) in cases {
        let sent = Registration {
            client_data: if client_data.is_empty() {
                good.client_data.clone()
            } else {
                client_data
            },
            attestation: attestation.unwrap_or_else(|| good.attestation.clone()),
        };
        assert_eq!(register(&sent).err(), Some(error), "{name}");
    }
}

/// COSE keys that no passkey has, or that are no keys.
#[test]
fn keys_that_are_not_taken() {
    let device = authenticator(KeyKind::P256);
    let public = device.key.public_bytes();
    let (x, y) = (&public[1..33], &public[33..]);
    let ec = |alg: i64, curve: i64, x: &[u8], y: &[u8]| {
        map(&[
            (int(1), int(2)),
            (int(3), int(alg)),
            (int(-1), int(curve)),
            (int(-2), bytes(x)),
            (int(-3), bytes(y)),
        ])
    };
    let rsa = |n: &[u8]| {
        map(&[
            (int(1), int(3)),
            (int(3), int(-257)),
            (int(-1), bytes(n)),
            (int(-2), bytes(&[1, 0, 1])),
        ])
    };
    for (name, key) in [
        ("another algorithm", ec(-35, 1, x, y)),
        ("another curve", ec(-7, 2, x, y)),
        ("a short x", ec(-7, 1, &x[1..], y)),
        ("a point beside the curve", ec(-7, 1, y, x)),
        ("a compressed point", ec(-7, 1, x, &[1])),
        ("RSA of 1024 bits", rsa(&[0xff; 128])),
        ("no number", text("key")),
        ("an empty map", map(&[])),
        (
            "a label twice",
            map(&[
                (int(1), int(2)),
                (int(3), int(-7)),
                (int(3), int(-7)),
                (int(-1), int(1)),
                (int(-2), bytes(x)),
                (int(-3), bytes(y)),
            ]),
        ),
        ("the type of another", {
            let mut key = device.cose();
            key[2] = 1;
            key
        }),
        ("cut off", device.cose()[..20].to_vec()),
        ("nothing", vec![]),
    ] {
        let sent = Registration {
            attestation: attestation("none", &map(&[]), &device.attested(&key)),
            ..device.register(CHALLENGE)
        };
        assert_eq!(register(&sent).err(), Some(WebAuthnError::UnsupportedKey), "{name}");
    }
}

#[test]
fn signatures_of_others_and_of_other_words() {
    use WebAuthnError::*;
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa(2048)] {
        let (mut device, other) = (authenticator(kind), authenticator(kind));
        let key = device.cose();
        let good = device.sign_in(CHALLENGE);
        assert!(check(&key, &good).is_ok());
        assert_eq!(check(&other.cose(), &good).err(), Some(WrongSignature), "{kind:?}");
        let mut spoiled = good.signature.clone();
        *spoiled.last_mut().unwrap() ^= 1;
        let cases = [
            ("one bit", good.data.clone(), spoiled, WrongSignature),
            ("none", good.data.clone(), vec![], WrongSignature),
            ("long", good.data.clone(), vec![1; 2000], WrongSignature),
            (
                "another count",
                {
                    let mut data = good.data.clone();
                    data[36] ^= 1;
                    data
                },
                good.signature.clone(),
                WrongSignature,
            ),
            (
                "nothing",
                vec![],
                good.signature.clone(),
                Malformed("the authenticator data is cut off"),
            ),
        ];
        for (name, data, signature, error) in cases {
            let sent = SignedIn { client_data: good.client_data.clone(), data, signature };
            assert_eq!(check(&key, &sent).err(), Some(error), "{kind:?}: {name}");
        }
    }
    // signed, but not for this ceremony
    let mut device = authenticator(KeyKind::P256);
    let key = device.cose();
    let replay = device.sign_in(b"of an earlier page, also 32 bytes");
    assert_eq!(check(&key, &replay).err(), Some(WrongChallenge));
    let nobody = Expected { challenge: b"", ..EXPECTED };
    let sent = device.sign_in(b"");
    let assertion = Assertion {
        client_data: &sent.client_data,
        authenticator_data: &sent.data,
        signature: &sent.signature,
    };
    assert_eq!(verify_assertion(&nobody, &key, &assertion).err(), Some(WrongChallenge));
    let client_data = device.client_data("webauthn.create", CHALLENGE);
    let signature = device.sign(&sent.data, &client_data);
    let sent = SignedIn { client_data, data: sent.data, signature };
    assert_eq!(check(&key, &sent).err(), Some(WrongType));
}

#[test]
fn counters_grow_or_are_not_kept() {
    for (stored, presented, good) in [
        (0, 0, true),
        (0, 1, true),
        (5, 6, true),
        (5, 5, false),
        (5, 4, false),
        (5, 0, false),
        (u32::MAX, 0, false),
        (u32::MAX - 1, u32::MAX, true),
    ] {
        assert_eq!(counter_goes_on(stored, presented), good, "{stored} -> {presented}");
    }
}

/// A valid registration and sign-in, made once.
fn messages() -> &'static (Registration, SignedIn, Vec<u8>) {
    static MESSAGES: OnceLock<(Registration, SignedIn, Vec<u8>)> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let mut device = authenticator(KeyKind::P256);
        (device.register(CHALLENGE), device.sign_in(CHALLENGE), device.cose())
    })
}

#[test]
fn messages_cut_off_anywhere_are_refused() {
    let (registration, signed, key) = messages();
    for cut in 0..registration.attestation.len() {
        let sent = Registration {
            client_data: registration.client_data.clone(),
            attestation: registration.attestation[..cut].to_vec(),
        };
        assert!(register(&sent).is_err(), "attestation object of {cut} bytes");
    }
    // inside the object, whole around it
    let device = authenticator(KeyKind::P256);
    let data = device.attested(&device.cose());
    for cut in 0..data.len() {
        let sent = Registration {
            attestation: attestation("none", &map(&[]), &data[..cut]),
            ..device.register(CHALLENGE)
        };
        assert!(register(&sent).is_err(), "authenticator data of {cut} bytes");
    }
    for cut in 0..signed.data.len() {
        let sent = SignedIn {
            client_data: signed.client_data.clone(),
            data: signed.data[..cut].to_vec(),
            signature: signed.signature.clone(),
        };
        assert!(check(key, &sent).is_err(), "authenticator data of {cut} bytes");
    }
    for cut in 0..key.len() {
        assert!(check(&key[..cut], signed).is_err(), "key of {cut} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn hostile_bytes_are_refused(
        client_data in prop::collection::vec(any::<u8>(), 0..200),
        object in prop::collection::vec(any::<u8>(), 0..400),
        signature in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let (registration, signed, key) = messages();
        let known = &registration.client_data;
        prop_assert!(verify_registration(&EXPECTED, &client_data, &object).is_err());
        prop_assert!(verify_registration(&EXPECTED, known, &object).is_err());
        let inside = attestation("none", &map(&[]), &object);
        prop_assert!(verify_registration(&EXPECTED, known, &inside).is_err());
        for client_data in [&client_data, &signed.client_data] {
            for data in [&object, &signed.data] {
                for key in [&object, key] {
                    let assertion = Assertion { client_data, authenticator_data: data, signature: &signature };
                    prop_assert!(verify_assertion(&EXPECTED, key, &assertion).is_err());
                }
            }
        }
    }

    /// One byte of a good message changed: refused, or a registration of something else, never a sign-in.
    #[test]
    fn spoiled_messages(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let (registration, signed, key) = messages();
        let mut sent = registration.attestation.clone();
        *at.get_mut(&mut sent) = with;
        let _ = verify_registration(&EXPECTED, &registration.client_data, &sent);
        let mut data = signed.data.clone();
        *at.get_mut(&mut data) = with;
        prop_assume!(data != signed.data);
        let sent = SignedIn { client_data: signed.client_data.clone(), data, signature: signed.signature.clone() };
        prop_assert!(check(key, &sent).is_err());
    }
}
