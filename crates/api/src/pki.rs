//! `/pki/{vault}/{authority}/...`: what an authority publishes to everybody: `crl`, `ocsp`, `issuer`, `root`, `chain`.
//! Clients of these ask without tokens, as the standards have it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, header};
use vault::{Vault, VaultError};

use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

/// Longest OCSP request.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// What is asked for.
enum Wanted {
    List { pem: bool },
    RootList { pem: bool },
    Ocsp(Vec<u8>),
    Issuer,
    Root,
    Chain,
}

const CERTIFICATE: &str = "application/pkix-cert";
const PEM: &str = "application/x-pem-file";

impl Wanted {
    fn answer(
        self,
        vault: &Vault,
        authority: &str,
        now: i64,
    ) -> Result<(&'static str, Vec<u8>), VaultError> {
        let one = |at: usize| {
            let chain = vault.authority_chain(authority)?;
            let der = chain.get(at).map(|c| c.der().to_vec());
            Ok((CERTIFICATE, der.unwrap_or_default()))
        };
        match self {
            Self::List { pem } => Ok(list(vault.revocation_list(authority, now)?, pem)),
            Self::RootList { pem } => Ok(list(vault.root_list(authority, now)?, pem)),
            Self::Ocsp(request) => {
                Ok(("application/ocsp-response", vault.ocsp(authority, &request, now)?))
            }
            Self::Issuer => one(0),
            Self::Root => one(1),
            Self::Chain => Ok((PEM, vault.authority_pem(authority)?)),
        }
    }
}

fn list(der: Vec<u8>, pem: bool) -> (&'static str, Vec<u8>) {
    if pem { (PEM, vault::pem_of_list(&der)) } else { ("application/pkix-crl", der) }
}

pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let missing = ApiError::not_found(&incoming);
    let [_, name, authority, what, rest @ ..] = incoming.segments.as_slice() else {
        return Err(missing);
    };
    let Some(vault) = doors.vaults.vault(name) else { return Err(missing) };
    if doors.vaults.keyring().is_sealed() {
        return Err(
            ApiError::new(503, "VaultSealed", "The vault is sealed.").header("retry-after", "5")
        );
    }
    let (authority, what) = (authority.clone(), what.to_ascii_lowercase());
    let asked = rest.join("/");
    let get = matches!(incoming.method, Method::GET | Method::HEAD);
    let wanted = match what.as_str() {
        "ocsp" if incoming.method == Method::POST => {
            Wanted::Ocsp(body::read(doors, &mut incoming, REQUEST_BYTES_MAX).await?)
        }
        // RFC 6960, appendix A: base64 in the path, whose slashes may stand as they are
        "ocsp" if get => Wanted::Ocsp(STANDARD.decode(asked.replace(' ', "+")).unwrap_or_default()),
        "crl" | "crl.der" if get => Wanted::List { pem: false },
        "crl.pem" if get => Wanted::List { pem: true },
        "root-crl" | "root-crl.der" if get => Wanted::RootList { pem: false },
        "root-crl.pem" if get => Wanted::RootList { pem: true },
        "issuer" | "issuer.cer" if get => Wanted::Issuer,
        "root" | "root.cer" if get => Wanted::Root,
        "chain" | "chain.pem" if get => Wanted::Chain,
        "ocsp" => return Err(ApiError::method(&incoming, "GET, POST")),
        "crl" | "crl.der" | "crl.pem" | "root-crl" | "issuer" | "root" | "chain" => {
            return Err(ApiError::method(&incoming, "GET"));
        }
        _ => return Err(missing),
    };
    let now = doors.clock.now().unix_seconds();
    let done = blocking(move || wanted.answer(&vault, &authority, now)).await?;
    match done {
        Ok((kind, bytes)) => {
            let mut response = Response::new(Body::from(bytes));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            Ok(response)
        }
        Err(error) if error.status == 404 => Err(missing),
        Err(error) => Err(ApiError::new(error.status, error.code, error.message)),
    }
}
