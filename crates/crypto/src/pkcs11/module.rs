//! The token's library at work: loaded once and kept, set up and wound down around each use, one use at a time. Every use
//! runs on a thread of its own and is waited for so long and no longer, since a token in a network may never answer.
//!
//! A PIN that a token refused is not shown to it again while the process lives, and none is when the token has one try
//! left: tokens lock themselves, and what they hold is lost then.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::{TokenAccess, TokenKey, TokenMechanism};
use crate::{
    CryptoError, SEALING_KEY_BYTES, SealingKey, SecretBytes, SecretText, constant_time_eq,
    random_bytes, sha256,
};

/// How long a token may take for one use.
const PATIENCE: Duration = Duration::from_secs(20);
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
/// What CBC encrypts: two blocks.
const SEED_BYTES: usize = 32;
/// Sets keys that follow from a seed apart from others.
const PURPOSE: &str = "token";

/// The library, once it is loaded.
static MODULE: Mutex<Option<Module>> = Mutex::new(None);

struct Module {
    path: PathBuf,
    library: Pkcs11,
    /// Digests of PINs that were refused, with the token's serial number.
    refused: Vec<[u8; 32]>,
}

/// What was found where the PIN should be.
struct GivenPin {
    text: Option<SecretText>,
    place: String,
}

fn trouble(text: impl Into<String>) -> CryptoError {
    CryptoError::Token(text.into())
}

/// A failure in few words: the function and the code, which manuals explain.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function} gave {code:?}"),
        other => other.to_string(),
    }
}

pub(super) fn wrap(
    access: &TokenAccess,
    under: &TokenKey,
    make: bool,
    key: &SealingKey,
    context: &str,
) -> Result<(TokenMechanism, Vec<u8>), CryptoError> {
    let (under, context) = (under.clone(), context.to_owned());
    let plain = SecretBytes::new(key.expose().to_vec());
    with_module(access, move |module, pin| {
        use_key(module, &under, &pin, make, |desk| desk.wrap(plain.expose(), &context))
    })
}

pub(super) fn unwrap_key(
    access: &TokenAccess,
    under: &TokenKey,
    mechanism: TokenMechanism,
    wrapped: &[u8],
    context: &str,
) -> Result<SealingKey, CryptoError> {
    let (under, context, wrapped) = (under.clone(), context.to_owned(), wrapped.to_vec());
    with_module(access, move |module, pin| {
        use_key(module, &under, &pin, false, |desk| {
            let plain = desk.open(mechanism, &wrapped, &context)?;
            SealingKey::from_bytes(plain.expose()).ok_or_else(|| trouble("the token opened no key"))
        })
    })
}

/// Does the work with the library, on a thread of its own.
fn with_module<T: Send + 'static>(
    access: &TokenAccess,
    work: impl FnOnce(&mut Module, GivenPin) -> Result<T, CryptoError> + Send + 'static,
) -> Result<T, CryptoError> {
    let pin = GivenPin { text: access.pin.read()?, place: access.pin.place() };
    let path = access.module.clone();
    let late = || {
        let (path, seconds) = (access.module.display(), PATIENCE.as_secs());
        trouble(format!(
            "the token behind {path} did not answer within {seconds} s; see that it is there and reachable, then \
             try again, or restart the server when it does not come back"
        ))
    };
    let done = within(PATIENCE, move |given_up| {
        let mut loaded = MODULE.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.load(Ordering::Relaxed) {
            return Err(trouble("nobody waits any more"));
        }
        work(load(&mut loaded, &path)?, pin)
    });
    done.unwrap_or_else(|| Err(late()))
}

/// Runs the work and waits for its result; none when it takes longer. It is told when nobody waits any more.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce(&AtomicBool) -> Result<T, CryptoError> + Send + 'static,
) -> Option<Result<T, CryptoError>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let given_up = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&given_up);
    let thread = thread::Builder::new().name("pkcs11".into()).spawn(move || {
        let _ = sender.send(work(&told)); // nobody waits after the time is over
    });
    if let Err(error) = thread {
        return Some(Err(trouble(format!("no thread for the token could be started: {error}"))));
    }
    match receiver.recv_timeout(patience) {
        Ok(done) => Some(done),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Some(Err(trouble("the token's library failed in the middle of its work")))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            given_up.store(true, Ordering::Relaxed);
            None
        }
    }
}

/// The library at this path; nothing else is ever looked for.
fn load<'m>(loaded: &'m mut Option<Module>, path: &Path) -> Result<&'m mut Module, CryptoError> {
    if loaded.as_ref().is_some_and(|module| module.path != path) {
        *loaded = None;
    }
    let module = match loaded.take() {
        Some(module) => module,
        None => {
            let shown = path.display();
            if !path.is_absolute() || !path.is_file() {
                return Err(trouble(format!(
                    "there is no PKCS#11 module {shown}; give --pkcs11-module the whole path of the token's library"
                )));
            }
            let library = Pkcs11::new(path).map_err(|e| {
                trouble(format!("{shown} could not be loaded as a PKCS#11 module: {}", said(&e)))
            })?;
            Module { path: path.to_path_buf(), library, refused: Vec::new() }
        }
    };
    Ok(loaded.insert(module))
}

/// The library between its start and its end. Each use sees the tokens that are there then.
struct Started<'m>(&'m Pkcs11);

impl<'m> Started<'m> {
    fn new(library: &'m Pkcs11, path: &Path) -> Result<Self, CryptoError> {
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                Ok(Self(library))
            }
            Err(error) => {
                let path = path.display();
                Err(trouble(format!("{path} could not be started: {}", said(&error))))
            }
        }
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let _ = self.0.clone().finalize(); // what is left open is closed with it
    }
}

/// Finds the token, logs in, finds the key and does the work with it.
fn use_key<T>(
    module: &mut Module,
    under: &TokenKey,
    pin: &GivenPin,
    make: bool,
    work: impl FnOnce(&Desk<'_>) -> Result<T, CryptoError>,
) -> Result<T, CryptoError> {
    let Module { path, library, refused } = module;
    let started = Started::new(library, path)?;
    let (slot, token) = find_token(started.0, under)?;
    let named = format!("the token '{}'", token.label().trim_end());
    let opened = if make { library.open_rw_session(slot) } else { library.open_ro_session(slot) };
    let session =
        opened.map_err(|e| trouble(format!("{named} could not be opened: {}", said(&e))))?;
    log_in(&session, &token, &named, pin, refused)?;
    let key = match find_key(&session, under, &named) {
        Err(_) if make && is_missing(&session, under) => make_key(&session, under, &named)?,
        found => found?,
    };
    let done = work(&Desk { library, slot, session: &session, key, named: &named });
    let _ = session.logout(); // ends with the library anyway
    done
}

fn find_token(library: &Pkcs11, under: &TokenKey) -> Result<(Slot, TokenInfo), CryptoError> {
    let slots = library.get_slots_with_token();
    let slots = slots.map_err(|e| trouble(format!("no tokens could be listed: {}", said(&e))))?;
    let tokens =
        slots.into_iter().filter_map(|slot| Some((slot, library.get_token_info(slot).ok()?)));
    let tokens: Vec<_> = tokens.filter(|(_, token)| token.token_initialized()).collect();
    let is =
        |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has.trim_end());
    let fits = |token: &TokenInfo| {
        is(&under.token, token.label()) && is(&under.serial, token.serial_number())
    };
    let names: Vec<String> = tokens
        .iter()
        .map(|(_, token)| {
            let (label, serial) = (token.label().trim_end(), token.serial_number().trim_end());
            format!("'{label}' (serial {serial})")
        })
        .collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let mut found = tokens.into_iter().filter(|(_, token)| fits(token));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(trouble(format!(
            "the token of {under} is not there; tokens that are: {names}. Put it in, or see that the module finds it"
        ))),
        (Some(_), Some(_)) => Err(trouble(format!(
            "{under} fits several tokens: {names}; name the serial number too"
        ))),
    }
}

fn log_in(
    session: &Session,
    token: &TokenInfo,
    named: &str,
    pin: &GivenPin,
    refused: &mut Vec<[u8; 32]>,
) -> Result<(), CryptoError> {
    if !token.login_required() {
        return Ok(());
    }
    if token.user_pin_locked() {
        return Err(trouble(format!(
            "the PIN of {named} is locked; unlock it with the token's own tool"
        )));
    }
    if token.user_pin_final_try() {
        return Err(trouble(format!(
            "{named} has one try left before it locks, which is not taken here; log in with the token's own tool and \
             the right PIN first"
        )));
    }
    let GivenPin { text, place } = pin;
    let pin = text.as_ref().ok_or_else(|| {
        trouble(format!("no PIN for {named} was found in {place}; put it there and unseal again"))
    })?;
    let mut shown = token.serial_number().as_bytes().to_vec();
    shown.push(0);
    shown.extend_from_slice(pin.expose().as_bytes());
    let shown = sha256(SecretBytes::new(shown).expose());
    if refused.contains(&shown) {
        return Err(trouble(format!(
            "{named} refused the PIN in {place} before; it is not shown again, lest the token locks. Put the right \
             one there and unseal again; restart the server when the token's PIN was changed instead"
        )));
    }
    match session.login(UserType::User, Some(&AuthPin::from(pin.expose()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _,
        )) => {
            refused.push(shown);
            Err(trouble(format!(
                "{named} refused the PIN in {place}; it is not tried again. Put the right one there and unseal again"
            )))
        }
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(trouble(format!(
            "the PIN of {named} is locked; unlock it with the token's own tool"
        ))),
        Err(error) => {
            Err(trouble(format!("{named} does not let the server log in: {}", said(&error))))
        }
    }
}

/// What every key that is looked for or made has.
fn template(under: &TokenKey) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
    ];
    attributes
        .extend(under.object.as_ref().map(|label| Attribute::Label(label.as_bytes().to_vec())));
    attributes.extend(under.id.clone().map(Attribute::Id));
    attributes
}

fn is_missing(session: &Session, under: &TokenKey) -> bool {
    session.find_objects(&template(under)).is_ok_and(|found| found.is_empty())
}

fn find_key(session: &Session, under: &TokenKey, named: &str) -> Result<ObjectHandle, CryptoError> {
    let found = session.find_objects(&template(under));
    let found = found
        .map_err(|e| trouble(format!("the keys of {named} could not be listed: {}", said(&e))))?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(trouble(format!(
            "{named} has no AES key as {under} names it; a new one is made by: vedette vault rekey --pkcs11-make-key"
        ))),
        _ => Err(trouble(format!("{under} fits several keys of {named}; name the id too"))),
    }
}

fn make_key(session: &Session, under: &TokenKey, named: &str) -> Result<ObjectHandle, CryptoError> {
    let mut attributes = template(under);
    attributes.extend([
        Attribute::ValueLen((SEALING_KEY_BYTES as u64).into()),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ]);
    session
        .generate_key(&Mechanism::AesKeyGen, &attributes)
        .map_err(|e| trouble(format!("{named} made no key: {}", said(&e))))
}

/// A key that is ready for use.
struct Desk<'d> {
    library: &'d Pkcs11,
    slot: Slot,
    session: &'d Session,
    key: ObjectHandle,
    named: &'d str,
}

impl Desk<'_> {
    /// Seals under the first mechanism that the token has and that opens again: some tokens choose the nonce themselves
    /// and do not say which.
    fn wrap(&self, plain: &[u8], context: &str) -> Result<(TokenMechanism, Vec<u8>), CryptoError> {
        self.check_key()?;
        let has = self.library.get_mechanism_list(self.slot);
        let has = has.map_err(|e| self.failed("does not say what it can do", &e))?;
        let mut why = format!("{} can neither AES-GCM nor AES-CBC", self.named);
        for (mechanism, kind) in [
            (TokenMechanism::AesGcm, MechanismType::AES_GCM),
            (TokenMechanism::AesCbc, MechanismType::AES_CBC),
        ] {
            if !has.contains(&kind) {
                continue;
            }
            let wrapped = self.seal(mechanism, plain, context).and_then(|wrapped| {
                let opened = self.open(mechanism, &wrapped, context)?;
                let same = constant_time_eq(opened.expose(), plain);
                same.then_some(wrapped).ok_or_else(|| self.opens_not())
            });
            match wrapped {
                Ok(wrapped) => return Ok((mechanism, wrapped)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(trouble(why))
    }

    /// Only a key of 256 bits that stays in the token will do.
    fn check_key(&self) -> Result<(), CryptoError> {
        const ASKED: [AttributeType; 3] =
            [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::ValueLen];
        let told = self.session.get_attributes(self.key, &ASKED);
        let told = told.map_err(|e| self.failed("does not describe the key", &e))?;
        let stays = told.contains(&Attribute::Sensitive(true))
            && told.contains(&Attribute::Extractable(false));
        let whole = told.contains(&Attribute::ValueLen((SEALING_KEY_BYTES as u64).into()));
        if stays && whole {
            return Ok(());
        }
        Err(trouble(format!(
            "the key in {} may be taken out of it, or has not 256 bits; use one that is sensitive and not extractable",
            self.named
        )))
    }

    fn seal(
        &self,
        mechanism: TokenMechanism,
        plain: &[u8],
        context: &str,
    ) -> Result<Vec<u8>, CryptoError> {
        match mechanism {
            TokenMechanism::AesGcm => {
                let mut nonce: [u8; NONCE_BYTES] = random_bytes()?;
                let params = gcm(&mut nonce, context)?;
                let sealed = self.session()?.encrypt(&Mechanism::AesGcm(params), self.key, plain);
                let sealed = sealed.map_err(|e| self.failed("seals nothing with AES-GCM", &e))?;
                Ok([&nonce[..], &sealed].concat()) // the token may have put a nonce of its own there
            }
            TokenMechanism::AesCbc => {
                let seed: [u8; SEED_BYTES] = random_bytes()?;
                let sealed = self.key_of_seed(&seed)?.seal(plain, context)?;
                Ok([&seed[..], &sealed].concat())
            }
        }
    }

    fn open(
        &self,
        mechanism: TokenMechanism,
        wrapped: &[u8],
        context: &str,
    ) -> Result<SecretBytes, CryptoError> {
        match mechanism {
            TokenMechanism::AesGcm => {
                let (nonce, sealed) =
                    wrapped.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| self.opens_not())?;
                let mut nonce = *nonce;
                let params = gcm(&mut nonce, context)?;
                let plain = self.session()?.decrypt(&Mechanism::AesGcm(params), self.key, sealed);
                plain.map(SecretBytes::new).map_err(|e| match e {
                    Error::Pkcs11(..) => trouble(format!("{} ({})", self.opens_not(), said(&e))),
                    other => self.failed("opens nothing", &other),
                })
            }
            TokenMechanism::AesCbc => {
                let (seed, sealed) =
                    wrapped.split_first_chunk::<SEED_BYTES>().ok_or_else(|| self.opens_not())?;
                self.key_of_seed(seed)?.open(sealed, context).ok_or_else(|| self.opens_not())
            }
        }
    }

    /// The key that the token, and nobody else, makes of a seed.
    fn key_of_seed(&self, seed: &[u8; SEED_BYTES]) -> Result<SealingKey, CryptoError> {
        let made = self.session()?.encrypt(&Mechanism::AesCbc([0; 16]), self.key, seed);
        let made = made.map_err(|e| self.failed("seals nothing with AES-CBC", &e))?;
        let made = SecretBytes::new(made);
        let key = SealingKey::from_bytes(made.expose()).ok_or_else(|| self.opens_not())?;
        key.derive(PURPOSE)
    }

    /// A session for one operation, so that one that failed halfway does not stand in another's way. The login is shared.
    fn session(&self) -> Result<Session, CryptoError> {
        self.library.open_ro_session(self.slot).map_err(|e| self.failed("could not be opened", &e))
    }

    fn failed(&self, what: &str, error: &Error) -> CryptoError {
        trouble(format!("{} {what}: {}", self.named, said(error)))
    }

    fn opens_not(&self) -> CryptoError {
        trouble(format!(
            "the key in {} does not open the seal: it is another key of that name, or what is stored was changed; \
             unseal with another seal, or restore a backup",
            self.named
        ))
    }
}

fn gcm<'g>(nonce: &'g mut [u8], context: &'g str) -> Result<GcmParams<'g>, CryptoError> {
    GcmParams::new(nonce, context.as_bytes(), TAG_BITS.into()).map_err(|e| trouble(said(&e)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_token_that_never_answers_is_not_waited_for() {
        let (sender, receiver) = mpsc::channel::<()>();
        let (told, heard) = mpsc::channel();
        let done = within(Duration::from_millis(20), move |given_up| {
            let _ = receiver.recv();
            told.send(given_up.load(Ordering::Relaxed)).unwrap();
            Ok(())
        });
        assert!(done.is_none());
        drop(sender);
        assert!(heard.recv().unwrap(), "the work hears that nobody waits");
        let failed: Option<Result<(), _>> = within(PATIENCE, |_| panic!("as a library might"));
        assert!(failed.unwrap().is_err());
        assert_eq!(within(PATIENCE, |_| Ok(7)).unwrap().unwrap(), 7);
    }
}
