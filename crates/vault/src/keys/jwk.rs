//! JSON web keys with their private members, as imports bring them.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crypto::{JoseKey, RsaNumbers, SecretBytes};
use serde::Deserialize;

use super::{Family, KeyType, curve_by_name};
use crate::{VaultError, Wiped};

/// Base64url with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The members of a JWK. Private ones are wiped when it is let go.
#[derive(Deserialize)]
pub struct Jwk {
    /// Kind.
    pub kty: Option<String>,
    /// Operations.
    pub key_ops: Option<Vec<String>>,
    /// Curve.
    pub crv: Option<String>,
    n: Option<Wiped>,
    e: Option<Wiped>,
    d: Option<Wiped>,
    p: Option<Wiped>,
    q: Option<Wiped>,
    dp: Option<Wiped>,
    dq: Option<Wiped>,
    qi: Option<Wiped>,
    x: Option<Wiped>,
    y: Option<Wiped>,
    k: Option<Wiped>,
    /// A key encrypted for an HSM's transfer: not supported.
    pub key_hsm: Option<String>,
}

/// Longest member: RSA with 4096 bits needs 683 characters.
const MEMBER_MAX: usize = 2048;

fn member(value: &Option<Wiped>, name: &str) -> Result<SecretBytes, VaultError> {
    let bad = |what: &str| VaultError::bad_parameter(format!("Property key.{name} {what}."));
    let text = value.as_ref().ok_or_else(|| bad("is required for this kind of key"))?.0.expose();
    if text.len() > MEMBER_MAX {
        return Err(bad("is too long"));
    }
    BASE64URL.decode(text).map(SecretBytes::new).map_err(|_| bad("is not base64url"))
}

/// The key in a JWK, its numbers checked against one another, and its kind.
pub fn jwk_key(jwk: &Jwk) -> Result<(KeyType, JoseKey), VaultError> {
    let kty = jwk.kty.as_deref().and_then(KeyType::from_name).ok_or_else(|| {
        VaultError::bad_parameter("Property key.kty is RSA, RSA-HSM, EC, EC-HSM, oct or oct-HSM.")
    })?;
    if jwk.key_hsm.as_ref().is_some_and(|text| !text.is_empty()) {
        return Err(VaultError::bad_parameter(
            "Keys that are wrapped for an HSM (key_hsm) cannot be imported; send the JWK itself.",
        ));
    }
    let key = match kty.family {
        Family::Rsa => {
            let [n, e, d] = [member(&jwk.n, "n")?, member(&jwk.e, "e")?, member(&jwk.d, "d")?];
            let [p, q] = [member(&jwk.p, "p")?, member(&jwk.q, "q")?];
            let [dp, dq, qi] =
                [member(&jwk.dp, "dp")?, member(&jwk.dq, "dq")?, member(&jwk.qi, "qi")?];
            JoseKey::from_rsa(&RsaNumbers {
                n: n.expose(),
                e: e.expose(),
                d: d.expose(),
                p: p.expose(),
                q: q.expose(),
                dp: dp.expose(),
                dq: dq.expose(),
                qi: qi.expose(),
            })
        }
        Family::Ec => {
            let curve = jwk.crv.as_deref().and_then(curve_by_name).ok_or_else(|| {
                VaultError::bad_parameter("Property key.crv is P-256, P-384, P-521 or P-256K.")
            })?;
            let [d, x, y] = [member(&jwk.d, "d")?, member(&jwk.x, "x")?, member(&jwk.y, "y")?];
            JoseKey::from_ec(curve, d.expose(), x.expose(), y.expose())
        }
        Family::Oct => JoseKey::from_oct(member(&jwk.k, "k")?.expose()),
    };
    let key =
        key.map_err(|e| VaultError::bad_parameter(format!("Property key is not valid: {e}.")))?;
    Ok((kty, key))
}
