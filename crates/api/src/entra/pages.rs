//! The pages of a sign-in: plain HTML from the server. They load nothing, need a script for passkeys alone, and their
//! policy allows nothing but their own style, that script by its digest, and where a form leads home alone, that.

mod passkey;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::sha256;
use http::{HeaderValue, StatusCode, header};
use identity::{OAuthError, Page, PageKind, Redirect, ResponseMode};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;background:#f3f4f6;color:#111827;margin:0;display:grid;min-height:100vh;place-items:center}\
main{background:#fff;border:1px solid #d1d5db;border-radius:8px;padding:2rem;width:22rem;max-width:90vw;box-sizing:border-box}\
h1{font-size:1.25rem;margin:0 0 1rem}label{display:block;margin:.75rem 0 .25rem}\
input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #6b7280;border-radius:4px}\
button{margin-top:1rem;padding:.5rem 1rem;font:inherit;border:1px solid #1d4ed8;border-radius:4px;background:#1d4ed8;color:#fff;cursor:pointer}\
button.quiet{background:#fff;color:#1d4ed8}form.side{display:inline}.wrong{color:#b91c1c;margin:.5rem 0}.note{color:#4b5563;font-size:.875rem}\
ul{list-style:none;margin:0;padding:0}li{display:flex;gap:1rem;align-items:center;justify-content:space-between;padding:.5rem 0;border-bottom:1px solid #d1d5db}\
li div{min-width:0;overflow-wrap:anywhere}li button{margin:0}.done{color:#166534;margin:.5rem 0}\
a:focus,button:focus,input:focus{outline:3px solid #93c5fd}\
@media(prefers-color-scheme:dark){body{background:#111827;color:#f3f4f6}main{background:#1f2937;border-color:#374151}input{background:#111827;color:#f3f4f6}\
.wrong{color:#fca5a5}.done{color:#86efac}li{border-color:#374151}.note{color:#9ca3af}button.quiet{background:#1f2937;color:#93c5fd;border-color:#93c5fd}a{color:#93c5fd}}";
/// Sends a form on by itself where scripts run; where they do not, its button does.
const SUBMIT: &str = "document.forms[0].submit()";

/// Where the forms of a page lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forms {
    /// Nowhere but here.
    Home,
    /// Back to an application, and wherever that sends the browser on. Chromium holds every redirect after a form to the
    /// list of its page, and nobody knows where applications lead, so there is no list.
    Away,
}

/// The steps of a sign-in lead away in the end.
fn forms(kind: PageKind) -> Forms {
    match kind {
        PageKind::SignIn
        | PageKind::Confirm
        | PageKind::ConfirmDevice
        | PageKind::Code
        | PageKind::NewPassword => Forms::Away,
        PageKind::DeviceCode
        | PageKind::DeviceDone
        | PageKind::DeviceRefused
        | PageKind::SecurityInfo
        | PageKind::SecurityInfoDone
        | PageKind::SignedOut => Forms::Home,
    }
}

/// A page of a sign-in.
pub(super) fn page(page: &Page, tenant: &str) -> Response {
    let body = match page.kind {
        PageKind::SignIn => sign_in(page, tenant),
        PageKind::Confirm => confirm(page, tenant, &format!("Continue to {}?", application(page))),
        PageKind::ConfirmDevice => {
            let question = format!("Let a device use {} in your name?", application(page));
            let note = "<p class=\"note\">Go on only if you typed the code from a device that is before you. Nobody else may ask you to.</p>";
            confirm(page, tenant, &question).replacen("</h1>", &format!("</h1>{note}"), 1)
        }
        PageKind::Code => code(page, tenant),
        PageKind::NewPassword => new_password(page, tenant),
        PageKind::DeviceCode => device_code(page),
        PageKind::DeviceDone => {
            plain("You are signed in", "The device goes on by itself. You may close this window.")
        }
        PageKind::DeviceRefused => plain("The device was not let in", "You may close this window."),
        PageKind::SecurityInfo => passkey::security_info(page, tenant),
        PageKind::SecurityInfoDone => plain("Done", "You may close this window."),
        PageKind::SignedOut => plain("You are signed out", "You may close this window."),
    };
    let script = page.passkey.as_ref().map(|_| passkey::SCRIPT);
    let body = match script {
        Some(script) => format!("{body}<script>{script}</script>"),
        None => body,
    };
    html(200, &body, forms(page.kind), script)
}

/// A page that says why not.
pub(super) fn refused(error: &OAuthError) -> Response {
    let text = format!("AADSTS{}: {}", error.code, error.message);
    let mut response = html(error.status, &plain("This does not work", &text), Forms::Home, None);
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Back to an application, or on to a provider.
pub(super) fn redirect(redirect: &Redirect) -> Response {
    if redirect.mode == ResponseMode::FormPost {
        return form_post(redirect);
    }
    let mut uri = redirect.uri.clone();
    if !redirect.parameters.is_empty() {
        uri.push(match redirect.mode {
            ResponseMode::Fragment => '#',
            _ if uri.contains('?') => '&',
            _ => '?',
        });
        let parameters = redirect.parameters.iter();
        let pairs: Vec<String> =
            parameters.map(|(name, value)| format!("{name}={}", encoded(value.expose()))).collect();
        uri += &pairs.join("&");
    }
    let mut response = html(303, "", Forms::Away, None);
    match HeaderValue::from_str(&uri) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Err(_) => html(
            400,
            &plain("This does not work", "The redirect address cannot be written into a header."),
            Forms::Home,
            None,
        ),
    }
}

fn form_post(redirect: &Redirect) -> Response {
    let mut fields = String::new();
    for (name, value) in &redirect.parameters {
        fields += &format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escaped(value.expose())
        );
    }
    let body = format!(
        "<h1>Signed in</h1><form method=\"post\" action=\"{}\">{fields}<button>Continue</button></form><script>{SUBMIT}</script>",
        escaped(&redirect.uri)
    );
    html(200, &body, Forms::Away, Some(SUBMIT))
}

fn application(page: &Page) -> String {
    match page.application.as_str() {
        "" => "the application".to_owned(),
        name => escaped(name),
    }
}

fn message(page: &Page) -> String {
    let shown = page
        .message
        .as_ref()
        .map(|m| format!("<p class=\"wrong\" role=\"alert\">{}</p>", escaped(m)));
    shown.unwrap_or_default()
}

/// A form of this flow; `fields` are ours.
fn form(page: &Page, tenant: &str, step: &str, class: &str, fields: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/{tenant}/login\" class=\"{class}\" autocomplete=\"on\">\
         <input type=\"hidden\" name=\"flow\" value=\"{}\"><input type=\"hidden\" name=\"step\" value=\"{step}\">{fields}</form>",
        escaped(page.flow.expose())
    )
}

fn sign_in(page: &Page, tenant: &str) -> String {
    let name = page.user.as_deref().map(escaped).unwrap_or_default();
    let fields = format!(
        "<label for=\"u\">Name</label><input id=\"u\" name=\"username\" value=\"{name}\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"256\" required>\
         <label for=\"p\">Password</label><input id=\"p\" name=\"password\" type=\"password\" autocomplete=\"current-password\" maxlength=\"1024\" required>\
         <button>Sign in</button>"
    );
    let mut providers = String::new();
    for (id, name) in &page.providers {
        providers += &format!(
            "<p><a href=\"/{tenant}/login?flow={}&amp;step=federate&amp;provider={}\">Sign in with {}</a></p>",
            encoded(page.flow.expose()),
            encoded(id),
            escaped(name)
        );
    }
    format!(
        "<h1>Sign in to {}</h1>{}{}{}{providers}{}",
        application(page),
        message(page),
        form(page, tenant, "password", "", &fields),
        passkey::button(page, tenant),
        form(page, tenant, "deny", "side", "<button class=\"quiet\">Cancel</button>"),
    )
}

fn confirm(page: &Page, tenant: &str, question: &str) -> String {
    let user = page.user.as_deref().map(escaped).unwrap_or_default();
    format!(
        "<h1>{question}</h1>{}<p>You are signed in as <strong>{user}</strong>.</p>{}{} {} {}",
        message(page),
        permissions(page),
        form(page, tenant, "continue", "side", "<button>Continue</button>"),
        form(page, tenant, "other", "side", "<button class=\"quiet\">Another account</button>"),
        form(page, tenant, "deny", "side", "<button class=\"quiet\">Cancel</button>"),
    )
}

/// What the person agrees to by going on.
fn permissions(page: &Page) -> String {
    if page.permissions.is_empty() {
        return String::new();
    }
    let lines: String =
        page.permissions.iter().map(|p| format!("<li><div>{}</div></li>", escaped(p))).collect();
    let to = page.leads_to.as_deref().map(|to| format!(" It is at {}.", escaped(to)));
    format!(
        "<p>{} wants to:</p><ul>{lines}</ul><p class=\"note\">Continue only if you know this application.{}</p>",
        application(page),
        to.unwrap_or_default(),
    )
}

fn code(page: &Page, tenant: &str) -> String {
    let fields = "<label for=\"c\">Code of your authenticator app</label>\
        <input id=\"c\" name=\"code\" inputmode=\"numeric\" autocomplete=\"one-time-code\" maxlength=\"10\" required>\
        <button>Verify</button>";
    format!(
        "<h1>One more proof</h1>{}<p>{}</p>{}{}",
        message(page),
        page.user.as_deref().map(escaped).unwrap_or_default(),
        form(page, tenant, "code", "", fields),
        form(page, tenant, "other", "side", "<button class=\"quiet\">Start again</button>"),
    )
}

fn new_password(page: &Page, tenant: &str) -> String {
    let user = page.user.as_deref().map(escaped).unwrap_or_default();
    let fields = format!(
        "<input type=\"hidden\" name=\"username\" value=\"{user}\" autocomplete=\"username\">\
         <label for=\"n\">New password, ten characters or more</label>\
         <input id=\"n\" name=\"newpassword\" type=\"password\" autocomplete=\"new-password\" minlength=\"10\" maxlength=\"256\" required>\
         <label for=\"a\">The same again</label>\
         <input id=\"a\" name=\"again\" type=\"password\" autocomplete=\"new-password\" minlength=\"10\" maxlength=\"256\" required>\
         <button>Change and go on</button>"
    );
    format!(
        "<h1>Choose a new password</h1>{}<p>{user}</p>{}",
        message(page),
        form(page, tenant, "newpassword", "", &fields)
    )
}

fn device_code(page: &Page) -> String {
    format!(
        "<h1>Enter the code</h1>{}<p class=\"note\">Enter it only if a program of your own shows it to you.</p>\
         <form method=\"post\" action=\"/devicelogin\"><label for=\"c\">Code</label>\
         <input id=\"c\" name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"20\" required>\
         <button>Next</button></form>",
        message(page)
    )
}

fn plain(title: &str, text: &str) -> String {
    format!("<h1>{}</h1><p>{}</p>", escaped(title), escaped(text))
}

fn html(status: u16, body: &str, forms: Forms, script: Option<&str>) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>Sign in - vedette</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())));
    let script = script.map(|s| format!("; script-src {}", digest(s))).unwrap_or_default();
    let action = if forms == Forms::Home { "; form-action 'self'" } else { "" };
    let policy = format!(
        "default-src 'none'; style-src {}{script}{action}; base-uri 'none'; frame-ancestors 'none'",
        digest(STYLE)
    );
    let mut response = Response::new(Body::from(page));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // our own forms say where they come from, nobody else learns it
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Text as HTML shows it, also inside quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text as a part of a URI.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
