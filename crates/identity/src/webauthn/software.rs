//! An authenticator in software, for tests: makes keys, registers, signs in, and can be told to do one thing wrong. It
//! writes its own CBOR, so that the reader is not tested against itself.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{Hash, KeyKind, KeyPair, SignatureForm, sha256};

/// UP, UV.
pub(crate) const FLAGS: u8 = 0b101;
/// AT: a credential follows.
pub(crate) const ATTESTED: u8 = 1 << 6;
/// ED: extensions follow.
pub(crate) const EXTENSIONS: u8 = 1 << 7;

/// A credential with its private key, and how the next message is written.
pub(crate) struct Authenticator {
    pub(crate) key: KeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) aaguid: [u8; 16],
    pub(crate) count: u32,
    pub(crate) flags: u8,
    pub(crate) rp_id: String,
    pub(crate) origin: String,
    pub(crate) user_handle: Vec<u8>,
    /// Further members of clientDataJSON, beginning with a comma.
    pub(crate) client_more: String,
    /// CBOR behind the authenticator data; set the flag too.
    pub(crate) extensions: Vec<u8>,
}

/// What a browser posts after `navigator.credentials.create()`.
pub(crate) struct Registration {
    pub(crate) client_data: Vec<u8>,
    pub(crate) attestation: Vec<u8>,
}

/// What a browser posts after `navigator.credentials.get()`.
pub(crate) struct SignedIn {
    pub(crate) client_data: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Authenticator {
    pub(crate) fn new(kind: KeyKind, id: &[u8], origin: &str) -> Self {
        let host = origin.trim_start_matches("https://");
        Self {
            key: KeyPair::generate(kind).unwrap(),
            id: id.to_vec(),
            aaguid: [7; 16],
            count: 0,
            flags: FLAGS,
            rp_id: host.split(':').next().unwrap().to_owned(),
            origin: origin.to_owned(),
            user_handle: Vec::new(),
            client_more: r#","crossOrigin":false"#.to_owned(),
            extensions: Vec::new(),
        }
    }

    pub(crate) fn client_data(&self, kind: &str, challenge: &[u8]) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        let (origin, more) = (&self.origin, &self.client_more);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#)
            .into_bytes()
    }

    /// The public key as COSE_Key.
    pub(crate) fn cose(&self) -> Vec<u8> {
        let public = self.key.public_bytes();
        match self.key.kind() {
            KeyKind::P256 => map(&[
                (int(1), int(2)),
                (int(3), int(-7)),
                (int(-1), int(1)),
                (int(-2), bytes(&public[1..33])),
                (int(-3), bytes(&public[33..])),
            ]),
            KeyKind::Ed25519 => map(&[
                (int(1), int(1)),
                (int(3), int(-8)),
                (int(-1), int(6)),
                (int(-2), bytes(&public)),
            ]),
            KeyKind::Rsa(_) => {
                let (n, e) = self.key.rsa_components().unwrap();
                map(&[
                    (int(1), int(3)),
                    (int(3), int(-257)),
                    (int(-1), bytes(&n)),
                    (int(-2), bytes(&e)),
                ])
            }
            other => panic!("no passkey has {other:?}"),
        }
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    /// Authenticator data with the credential, `cose` its key.
    pub(crate) fn attested(&self, cose: &[u8]) -> Vec<u8> {
        let mut data = self.head(self.flags | ATTESTED);
        data.extend(self.aaguid);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(cose);
        data.extend_from_slice(&self.extensions);
        data
    }

    pub(crate) fn register(&self, challenge: &[u8]) -> Registration {
        Registration {
            client_data: self.client_data("webauthn.create", challenge),
            attestation: attestation("none", &map(&[]), &self.attested(&self.cose())),
        }
    }

    /// Counts on where it counts at all, and signs.
    pub(crate) fn sign_in(&mut self, challenge: &[u8]) -> SignedIn {
        if self.count > 0 {
            self.count += 1;
        }
        let client_data = self.client_data("webauthn.get", challenge);
        let mut data = self.head(self.flags);
        data.extend_from_slice(&self.extensions);
        let signature = self.sign(&data, &client_data);
        SignedIn { client_data, data, signature }
    }

    pub(crate) fn sign(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let form = match self.key.kind() {
            KeyKind::Rsa(_) => SignatureForm::RsaPkcs1(Hash::Sha256),
            _ => self.key.form(),
        };
        self.key.sign(form, &[data, &sha256(client_data)[..]].concat()).unwrap()
    }
}

/// An attestation object.
pub(crate) fn attestation(format: &str, statement: &[u8], data: &[u8]) -> Vec<u8> {
    map(&[
        (text("fmt"), text(format)),
        (text("attStmt"), statement.to_vec()),
        (text("authData"), bytes(data)),
    ])
}

fn head(major: u8, value: u64) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..24 => vec![major | u8::try_from(value).unwrap()],
        24..256 => vec![major | 24, u8::try_from(value).unwrap()],
        256..65536 => {
            let mut out = vec![major | 25];
            out.extend(u16::try_from(value).unwrap().to_be_bytes());
            out
        }
        _ => {
            let mut out = vec![major | 27];
            out.extend(value.to_be_bytes());
            out
        }
    }
}

pub(crate) fn int(value: i64) -> Vec<u8> {
    match u64::try_from(value) {
        Ok(value) => head(0, value),
        Err(_) => head(1, (-1 - value).unsigned_abs()),
    }
}

pub(crate) fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len() as u64), value.to_vec()].concat()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    [head(3, value.len() as u64), value.as_bytes().to_vec()].concat()
}

pub(crate) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, entries.len() as u64);
    for (name, value) in entries {
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}
