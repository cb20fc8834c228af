//! The readers and writers against the `openssl` command, and against hostile bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod hostile;
mod revocation;
mod x509;

use std::path::{Path, PathBuf};
use std::process::Command;

use crypto::{KeyKind, KeyPair};
use pki::{
    AlternativeNames, Authority, Certificate, Issuer, KeyUsage, Name, Template, self_signed,
};

/// The time of all tests: now, since `openssl` looks at the machine's own clock.
pub(crate) fn now() -> i64 {
    #[allow(clippy::disallowed_methods)]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A folder in which `openssl` works.
pub(crate) struct Bench(tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs `openssl` with these words; what it said, and whether it was content.
    pub(crate) fn try_openssl(&self, words: &str) -> (bool, String) {
        let mut parts: Vec<String> = Vec::new();
        for word in words.split(' ') {
            parts.push(word.replace('\u{1}', " "));
        }
        let folder: &Path = self.0.path();
        let done = Command::new("openssl").args(parts).current_dir(folder).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) fn openssl(&self, words: &str) -> String {
        let (good, said) = self.try_openssl(words);
        assert!(good, "openssl {words}: {said}");
        said
    }
}

/// A leaf for these names.
pub(crate) fn leaf(subject: &str, dns: &[&str]) -> Template {
    Template {
        subject: Name::parse(subject).unwrap(),
        names: AlternativeNames {
            dns: dns.iter().map(|d| (*d).to_owned()).collect(),
            ..AlternativeNames::default()
        },
        usage: KeyUsage::SIGNATURE_AND_ENCIPHERMENT,
        extended_usage: vec![pki::oids::SERVER_AUTH.to_owned(), pki::oids::CLIENT_AUTH.to_owned()],
        not_before: now() - 60,
        not_after: now() + 86_400,
        ..Template::default()
    }
}

/// A root that signs.
pub(crate) fn root(kind: KeyKind) -> Issuer {
    let key = KeyPair::generate(kind).unwrap();
    let template = Template {
        authority: Some(Authority { path_length: Some(1) }),
        usage: KeyUsage::AUTHORITY,
        extended_usage: Vec::new(),
        not_after: now() + 100 * 86_400,
        ..leaf("CN=Test root, O=vedette", &[])
    };
    let certificate = self_signed(&template, &key, &pki::new_serial().unwrap()).unwrap();
    Issuer::new(certificate, key).unwrap()
}

pub(crate) fn pem(certificate: &Certificate) -> String {
    pki::pem::certificates(std::slice::from_ref(certificate))
}
