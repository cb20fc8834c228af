//! A sign-in attempt as a value, for the sign-in log.

use std::net::IpAddr;

use model::DateTime;
use uuid::Uuid;

use super::{OAuthError, TokenRequest};
use crate::interactive::BrowserRequest;

/// Who signed in, and whether somebody sat before it: each kind has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInKind {
    /// An application with its own credential.
    ServicePrincipal,
    /// An identity of this machine.
    ManagedIdentity,
    /// A person at a browser.
    InteractiveUser,
    /// A client in a person's name.
    NonInteractiveUser,
}

/// How a client proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// It did not.
    None,
    /// A client secret.
    Secret,
    /// An assertion signed with a certificate's key.
    Certificate,
    /// A token of an outside issuer.
    Federated,
}

/// One attempt to get a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Whose it is.
    pub kind: SignInKind,
    /// Id of the attempt: `trace_id` of error bodies.
    pub id: Uuid,
    /// The client's own id for it.
    pub correlation_id: Uuid,
    /// When.
    pub time: DateTime,
    /// Client id as sent, even when unknown.
    pub app_id: String,
    /// The application's name; empty when unknown.
    pub display_name: String,
    /// Object id of the service principal or the user; empty when unknown.
    pub principal_id: String,
    /// The name that a user signs in with; empty for applications.
    pub user_name: String,
    /// A user's name for people.
    pub user_display_name: String,
    /// How a user was proved: `pwd`, `mfa`, `fed`, `fido`.
    pub methods: Vec<String>,
    /// `deviceCode`, `ssoSession` or `none`.
    pub protocol: &'static str,
    /// The resource asked for; empty when the attempt failed before it was read.
    pub resource: String,
    /// Address of the client.
    pub source: IpAddr,
    /// The client's User-Agent.
    pub user_agent: String,
    /// How it proved itself.
    pub credential: CredentialKind,
    /// Id of the secret, certificate or federated credential used; empty when none fitted.
    pub credential_id: String,
    /// `uti` of the token given; empty when none was.
    pub token_id: String,
    /// AADSTS number; 0 for success.
    pub result_code: u32,
    /// Why it failed; empty for success.
    pub result: String,
}

/// One step of proving who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInStep {
    /// `pwd`, `mfa`, `fed`, `fido`.
    pub method: &'static str,
    /// Whether it proved them.
    pub succeeded: bool,
    /// How it went, in Entra's words.
    pub detail: &'static str,
}

const fn step(method: &'static str, succeeded: bool, detail: &'static str) -> SignInStep {
    SignInStep { method, succeeded, detail }
}

/// What each method says where it proved somebody.
const PROVED: &[SignInStep] = &[
    step("pwd", true, "Correct password"),
    step("mfa", true, "MFA successfully completed"),
    step("fed", true, ""),
];

/// The step at which an attempt of this AADSTS number ended; what was proved before it was proved.
const ENDED: &[(u32, SignInStep)] = &[
    (WRONG_PASSWORD, step("pwd", false, "Incorrect password")),
    (SECOND_FACTOR, step("mfa", false, "MFA required in Azure AD")),
    (WRONG_CODE, step("mfa", false, "MFA denied; invalid mobile app verification code")),
];

const PASSKEY: SignInStep = step("fido", true, "MFA successfully completed");
const PASSKEY_REFUSED: SignInStep = step("fido", false, "MFA denied; invalid authentication");

const WRONG_PASSWORD: u32 = 50_126;
const SECOND_FACTOR: u32 = 50_074;
const WRONG_CODE: u32 = 500_121;
const UNKNOWN_USER: u32 = 50_034;

impl SignIn {
    /// The steps of a person's attempt, in order. None where a name was unknown: there was nothing to prove.
    pub fn steps(&self) -> Vec<SignInStep> {
        let has = |method: &str| self.methods.iter().any(|m| m == method);
        if has("fido") {
            // both factors in one step, and told of before it is looked at
            return vec![if self.result_code == 0 { PASSKEY } else { PASSKEY_REFUSED }];
        }
        let proved = PROVED.iter().filter(|step| has(step.method)).copied();
        let ended = ENDED.iter().filter(|(code, _)| *code == self.logged_code());
        proved.chain(ended.map(|(_, step)| *step)).collect()
    }

    /// True where more than one factor was asked for.
    pub fn is_multi_factor(&self) -> bool {
        self.methods.iter().any(|m| m == "mfa")
            || matches!(self.result_code, SECOND_FACTOR | WRONG_CODE)
    }

    /// The AADSTS number for the log: whoever guesses at a page is not told that there is no such person, whoever reads
    /// the log is.
    pub fn logged_code(&self) -> u32 {
        let is_unknown = self.principal_id.is_empty() && !self.user_name.is_empty();
        match self.result_code {
            WRONG_PASSWORD if is_unknown => UNKNOWN_USER,
            code => code,
        }
    }

    pub(crate) fn new(request: &TokenRequest<'_>, correlation_id: Uuid) -> Self {
        Self {
            user_agent: request.user_agent.unwrap_or_default().chars().take(500).collect(),
            ..Self::empty(SignInKind::ServicePrincipal, correlation_id, request.now, request.source)
        }
    }

    /// An attempt in a browser.
    pub(crate) fn of_browser(request: &BrowserRequest<'_>, kind: SignInKind) -> Self {
        let correlation_id = request.correlation_id.and_then(|id| Uuid::try_parse(id).ok());
        let correlation_id = correlation_id.unwrap_or_else(Uuid::new_v4);
        Self {
            user_agent: request.user_agent.unwrap_or_default().chars().take(500).collect(),
            ..Self::empty(kind, correlation_id, request.now, request.source)
        }
    }

    pub(crate) fn empty(
        kind: SignInKind,
        correlation_id: Uuid,
        time: DateTime,
        source: IpAddr,
    ) -> Self {
        Self {
            kind,
            id: Uuid::new_v4(),
            correlation_id,
            time,
            app_id: String::new(),
            display_name: String::new(),
            principal_id: String::new(),
            user_name: String::new(),
            user_display_name: String::new(),
            methods: Vec::new(),
            protocol: "none",
            resource: String::new(),
            source,
            user_agent: String::new(),
            credential: CredentialKind::None,
            credential_id: String::new(),
            token_id: String::new(),
            result_code: 0,
            result: String::new(),
        }
    }

    pub(crate) fn failed(&mut self, error: &OAuthError) {
        self.result_code = error.code;
        self.result.clone_from(&error.message);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn steps_say_what_was_proved_and_what_was_not() {
        // methods proved, AADSTS number; steps, whether two factors were asked for
        let cases: &[(&[&str], u32, &[(&str, bool)], bool)] = &[
            (&[], 50_126, &[("pwd", false)], false),
            (&["pwd"], 50_074, &[("pwd", true), ("mfa", false)], true),
            (&["pwd"], 500_121, &[("pwd", true), ("mfa", false)], true),
            (&["pwd"], 50_055, &[("pwd", true)], false),
            (&["pwd", "mfa"], 0, &[("pwd", true), ("mfa", true)], true),
            (&["pwd"], 0, &[("pwd", true)], false),
            (&["fed"], 0, &[("fed", true)], false),
            (&["fido", "mfa"], 0, &[("fido", true)], true),
            (&["fido", "mfa"], 500_121, &[("fido", false)], true),
            (&[], 50_057, &[], false),
        ];
        for (methods, code, steps, two) in cases {
            let source = Ipv4Addr::LOCALHOST.into();
            let kind = SignInKind::InteractiveUser;
            let mut sign_in = SignIn::empty(kind, Uuid::nil(), DateTime::MIN, source);
            sign_in.methods = methods.iter().map(|m| (*m).to_owned()).collect();
            (sign_in.result_code, sign_in.principal_id) = (*code, "id".to_owned());
            let told: Vec<_> = sign_in.steps().iter().map(|s| (s.method, s.succeeded)).collect();
            assert_eq!((&*told, sign_in.is_multi_factor()), (*steps, *two), "{methods:?} {code}");
            (sign_in.principal_id, sign_in.user_name) = (String::new(), "nobody".to_owned());
            let logged = if *code == 50_126 { 50_034 } else { *code };
            assert_eq!(sign_in.logged_code(), logged, "a name that is not known");
        }
    }
}
