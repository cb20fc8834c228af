//! People who sign in with a browser: authorization requests, the steps of a sign-in, device codes, sessions.
//!
//! Everything under way is in memory, bounded, and forgotten in time; what lasts (refresh tokens) is kept by
//! `token::refresh`. A step is believed when it names its flow (an unguessable id in the form) from the browser that
//! began it (a cookie): neither a foreign page nor a stolen link can go on with somebody's sign-in. Each looks at the
//! application again (`standing`): it may have gone since.

mod answer;
mod assigned;
mod authorize;
mod complete;
mod consent;
mod device;
mod expiring;
mod federate;
mod grant;
mod hint;
mod passkey;
mod request;
mod standing;
mod steps;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

pub use answer::{
    BrowserAnswer, BrowserRequest, OwnChange, Page, PageKind, PasskeyQuestion, Redirect,
    ResponseMode, SecurityInfo, Show, ShownPasskey,
};
pub(crate) use consent::{EVERYTHING, QUERY_LOGS};
pub use federate::IdentityProvider;
use grant::Vouched;
pub(crate) use grant::{Code, Granted, Place, Proof, Wanted};
pub(crate) use request::{AuthorizationRequest, redirect_kind};

use crate::token::{OAuthError, Throttle};
use device::Device;
use expiring::Expiring;

/// How long a sign-in may take, in seconds.
const FLOW_SECONDS: i64 = 15 * 60;
/// How long a browser stays signed in.
const SESSION_SECONDS: i64 = 12 * 60 * 60;
/// How long a code may wait to be redeemed.
const CODE_SECONDS: i64 = 10 * 60;
/// How long a device may wait for its person.
const DEVICE_SECONDS: i64 = 15 * 60;
/// Entries of each kind; an attacker cannot make them grow.
const ENTRIES_MAX: usize = 10_000;
/// Sign-ins under way: each may keep some ten thousand bytes of what its application sent.
const FLOWS_MAX: usize = 4_000;
/// Checks of passwords that may wait for their turn; each costs memory and time on purpose.
const CHECKS_WAITING_MAX: usize = 16;

/// Everything that is under way.
pub(crate) struct Interactive {
    flows: Expiring<Flow>,
    codes: Expiring<Code>,
    devices: Expiring<Device>,
    sessions: Expiring<Session>,
    /// Wrong passwords and codes, by person and source.
    guesses: Throttle,
    checking: Mutex<()>,
    waiting: AtomicUsize,
}

impl Default for Interactive {
    fn default() -> Self {
        Self {
            flows: Expiring::new(FLOWS_MAX),
            codes: Expiring::new(ENTRIES_MAX),
            devices: Expiring::new(ENTRIES_MAX),
            sessions: Expiring::new(ENTRIES_MAX),
            guesses: Throttle::default(),
            checking: Mutex::new(()),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// A browser that is signed in.
#[derive(Clone)]
struct Session {
    proof: Proof,
}

/// A sign-in under way.
#[derive(Clone)]
struct Flow {
    /// Digest of the cookie of the browser that began it.
    browser: [u8; 32],
    /// Scheme, host and port that it was begun at: passkeys answer to no other.
    origin: String,
    goal: Goal,
    stage: Stage,
    /// What a passkey must sign now; each page has its own, and it is taken out with the first answer.
    challenge: Option<[u8; 32]>,
    /// Address of the browser.
    source: IpAddr,
    /// Codes of the authenticator app that were wrong.
    wrong_codes: u8,
    /// What the page that is shown asks the person to agree to.
    permissions: Vec<String>,
}

/// What the sign-in is for.
#[derive(Clone)]
enum Goal {
    /// An application that sent the browser here.
    Application(Box<AuthorizationRequest>),
    /// A device that shows a code.
    Device { user_code: String },
    /// The person's own passkeys.
    SecurityInfo,
}

/// What is asked for next.
#[derive(Clone)]
enum Stage {
    /// Name and password.
    Start,
    /// Whether to go on as who is signed in.
    Confirm(Proof),
    /// A code of the authenticator app; the password was right.
    Code(Proof),
    /// A new password; everything else was right.
    NewPassword(Proof),
    /// The outside provider's answer.
    Outside(federate::Errand),
    /// What to change about passkeys; the person proved itself on the way here.
    SecurityInfo(Proof),
}

impl Interactive {
    /// Runs a costly check of a password alone; refused when too many wait already.
    fn check<R>(&self, work: impl FnOnce() -> R) -> Result<R, OAuthError> {
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= CHECKS_WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(OAuthError::throttled(2));
        }
        let one_at_a_time = self.checking.lock();
        let result = work();
        drop(one_at_a_time);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Ok(result)
    }

    /// Refuses a guess that comes before its time. The delay is for the pair of person and source, so nobody is locked
    /// out from elsewhere.
    fn may_guess(&self, who: &str, source: IpAddr, now: i64) -> Result<(), OAuthError> {
        match self.guesses.wait(who, source, now) {
            Some(seconds) => Err(OAuthError::account_throttled(seconds)),
            None => Ok(()),
        }
    }

    /// Takes a code out, or tells who redeemed it before.
    pub(crate) fn code(&self, code: &str, now: i64) -> Option<Code> {
        self.codes.get(code, now)
    }

    /// Marks a code as redeemed for a family of refresh tokens; false when somebody was faster.
    pub(crate) fn redeem(&self, code: &str, now: i64, family: &str) -> bool {
        let mut first = false;
        self.codes.change(code, now, |code| {
            first = code.redeemed.is_none();
            if first {
                code.redeemed = Some(family.to_owned());
            }
        });
        first
    }

    /// Ends all that waits to be redeemed by an application.
    pub(crate) fn forget_application(&self, app_id: &str) {
        self.codes.retain(|c| !c.granted.app_id.eq_ignore_ascii_case(app_id));
        self.devices.retain(|d| !d.is_for(app_id));
    }

    /// Ends all that a person has under way.
    pub(crate) fn forget(&self, user: &str) {
        self.sessions.retain(|s| s.proof.user_id != user);
        self.codes.retain(|c| c.granted.proof.user_id != user);
        self.devices.retain(|d| !d.is_of(user));
        self.flows.retain(|f| match &f.stage {
            Stage::Confirm(p) | Stage::Code(p) | Stage::NewPassword(p) | Stage::SecurityInfo(p) => {
                p.user_id != user
            }
            Stage::Start | Stage::Outside(_) => true,
        });
    }
}

#[cfg(test)]
mod tests;
