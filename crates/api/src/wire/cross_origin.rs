//! Cross-origin requests (CORS): which pages of other sites may read answers. Documents that are open to all may be read
//! by all; tokens and everything that takes one, by the single-page applications that are registered, from the places
//! where they are. Vaults take none, as in Azure.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{Doors, Incoming, entra, key_vault};

/// How long a browser may remember, in seconds.
const REMEMBERED: &str = "3600";

/// A request of a page that may read the answer.
pub(crate) struct CrossOrigin {
    origin: HeaderValue,
    asks: bool,
    headers: Option<HeaderValue>,
}

impl CrossOrigin {
    /// None for requests of other programs than browsers, and for pages that may not read.
    pub(crate) fn of(doors: &Doors, incoming: &Incoming) -> Option<Self> {
        let origin = incoming.headers.get(header::ORIGIN)?;
        if key_vault::vault_of(doors, incoming).is_some() {
            return None;
        }
        let open = entra::is_open_document(incoming);
        let registered =
            || doors.identity.is_single_page_origin(origin.to_str().ok()?).then_some(());
        let allowed = match open {
            true => HeaderValue::from_static("*"),
            false => registered().map(|()| origin.clone())?,
        };
        let asks = incoming.method == Method::OPTIONS
            && incoming.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let headers = incoming.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        Some(Self { origin: allowed, asks, headers: headers.filter(|_| asks).cloned() })
    }

    /// The answer to a browser that asks beforehand.
    pub(crate) fn preflight(&self) -> Option<Response> {
        if !self.asks {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        let methods = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let age = HeaderValue::from_static(REMEMBERED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, age);
        if let Some(asked) = &self.headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        self.write(headers);
        Some(response)
    }

    /// Lets the page read an answer, errors too, and the headers that clients look at.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let shown = HeaderValue::from_static("x-ms-request-id, client-request-id, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
}
