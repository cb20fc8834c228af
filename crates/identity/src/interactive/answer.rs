//! What a browser asks and gets, as values: the wire form is made elsewhere.

use std::net::IpAddr;

use crypto::SecretText;
use model::{Clock, DateTime};

use crate::Caller;
use crate::directory::User;
use crate::token::{OAuthError, SignIn};

/// A request of a browser. No `Debug`: it may hold a password.
pub struct BrowserRequest<'a> {
    /// The tenant segment of the path.
    pub tenant: &'a str,
    /// Scheme, host and port as the browser sees them.
    pub origin: &'a str,
    /// Query or form, decoded.
    pub parameters: &'a [(String, String)],
    /// The first parameter whose name or value cannot be decoded, as sent.
    pub malformed: Option<&'a str>,
    /// The session cookie.
    pub session: Option<&'a str>,
    /// The browser cookie.
    pub browser: Option<&'a str>,
    /// Address of the browser.
    pub source: IpAddr,
    /// The client-request-id.
    pub correlation_id: Option<&'a str>,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// When it came.
    pub now: DateTime,
    /// The clock, for what takes long.
    pub clock: &'a dyn Clock,
}

impl BrowserRequest<'_> {
    /// The first parameter of that name that is not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        found.filter(|v| !v.is_empty())
    }
}

/// An answer to a browser. No `Debug`: it holds cookies and codes.
pub struct BrowserAnswer {
    /// What it shows.
    pub show: Show,
    /// The session cookie to set; an empty one ends the session.
    pub session: Option<SecretText>,
    /// The browser cookie to set.
    pub browser: Option<SecretText>,
    /// The attempt, for the sign-in log.
    pub sign_in: Option<Box<SignIn>>,
    /// What a person changed, or tried to, for the directory's log.
    pub changes: Vec<OwnChange>,
}

/// A change that a person makes on a page: to its own proofs, to what applications may do.
pub struct OwnChange {
    /// The person.
    pub caller: Caller,
    /// What was done, in Entra's words.
    pub operation: &'static str,
    /// Entra's category of it.
    pub category: &'static str,
    /// `Add`, `Update`, `Delete`, `Assign`.
    pub kind: &'static str,
    /// What it was done to, by object id; the person itself when absent.
    pub target: Option<String>,
    /// Property, value before, value after: never a secret.
    pub changes: Vec<(&'static str, String, String)>,
    /// Why it was refused; empty for success.
    pub failure: String,
}

impl OwnChange {
    /// A change of the person, made at an application.
    pub(super) fn of(
        user: &User,
        app_id: &str,
        operation: &'static str,
        kind: &'static str,
    ) -> Self {
        Self {
            caller: Caller {
                object_id: user.id.as_str().into(),
                app_id: app_id.into(),
                display_name: user.display_name.as_str().into(),
                user_name: Some(user.user_principal_name.as_str().into()),
                scopes: None,
                token_id: "".into(),
            },
            operation,
            category: "UserManagement",
            kind,
            target: None,
            changes: Vec::new(),
            failure: String::new(),
        }
    }
}

impl BrowserAnswer {
    pub(crate) fn new(show: Show) -> Self {
        Self { show, session: None, browser: None, sign_in: None, changes: Vec::new() }
    }

    pub(crate) fn refused(error: OAuthError) -> Self {
        Self::new(Show::Refused(error))
    }
}

/// What a browser shows.
pub enum Show {
    /// A page with a form.
    Page(Box<Page>),
    /// Back to an application, or on to a provider.
    Redirect(Redirect),
    /// A page that says why not. Nothing is sent to whoever asked.
    Refused(OAuthError),
}

/// A page.
pub struct Page {
    /// Which one.
    pub kind: PageKind,
    /// The flow that its form names; empty where none is under way.
    pub flow: SecretText,
    /// The application that is signed in to.
    pub application: String,
    /// Who signs in, once known.
    pub user: Option<String>,
    /// What went wrong the last time.
    pub message: Option<String>,
    /// What the application asks to do in the person's name, where it is to be agreed to.
    pub permissions: Vec<String>,
    /// Outside providers: id, name.
    pub providers: Vec<(String, String)>,
    /// Where the application is, for the person: an origin or scheme.
    pub leads_to: Option<String>,
    /// What to ask the browser's authenticators; none where the page asks nothing, or stands at an address without a
    /// host name.
    pub passkey: Option<PasskeyQuestion>,
    /// What is registered, on the page that shows it.
    pub security_info: Option<SecurityInfo>,
}

/// A question to the browser's authenticators.
pub struct PasskeyQuestion {
    /// The host name that passkeys belong to.
    pub rp_id: String,
    /// Random bytes to be signed, base64url; good once.
    pub challenge: String,
}

/// A person's passkeys.
pub struct SecurityInfo {
    /// What authenticators know the person by, base64url.
    pub handle: String,
    /// The person's name for people.
    pub display_name: String,
    /// COSE algorithms that are taken, the preferred one first.
    pub algorithms: &'static [i16],
    /// What is there.
    pub passkeys: Vec<ShownPasskey>,
    /// What was just done.
    pub done: Option<String>,
}

/// A passkey as its owner sees it.
pub struct ShownPasskey {
    /// Its id in Graph.
    pub id: String,
    /// Its id among authenticators, base64url.
    pub credential_id: String,
    /// Its name.
    pub display_name: String,
    /// The host name that it works at.
    pub rp_id: String,
    /// The day it was added.
    pub created: String,
    /// The day it was last used.
    pub last_used: Option<String>,
}

/// The pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// Name and password.
    SignIn,
    /// Go on as who is signed in?
    Confirm,
    /// Let the device in?
    ConfirmDevice,
    /// The authenticator app's code.
    Code,
    /// A new password.
    NewPassword,
    /// The code that a device shows.
    DeviceCode,
    /// The device is let in.
    DeviceDone,
    /// The device is not let in.
    DeviceRefused,
    /// The person's passkeys: add one, remove one.
    SecurityInfo,
    /// The person is done with them.
    SecurityInfoDone,
    /// Signed out.
    SignedOut,
}

/// How parameters go back to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// Behind the question mark.
    Query,
    /// Behind the hash mark: servers do not see them.
    Fragment,
    /// As a form that the browser posts.
    FormPost,
}

/// The way back to an application.
pub struct Redirect {
    /// Where to.
    pub uri: String,
    /// How.
    pub mode: ResponseMode,
    /// With what.
    pub parameters: Vec<(&'static str, SecretText)>,
}
