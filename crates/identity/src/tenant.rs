//! The one tenant of an instance, and which path segments name it.

use serde::{Deserialize, Serialize};

/// The tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// GUID, lower case.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// Its domain name, another way to write the tenant in a path.
    pub domain: String,
}

/// What the tenant segment of a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantSegment {
    /// The tenant, by GUID or domain.
    Own,
    /// `common` or `organizations`: any tenant, so this one.
    Common,
    /// The AD FS form, for clients that cannot switch instance discovery off.
    Adfs,
}

/// Why a segment names no tenant here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTenant {
    /// Neither a GUID nor a domain name.
    Malformed,
    /// A tenant that is not here.
    Unknown,
}

impl Tenant {
    /// Reads the tenant segment of a path.
    pub fn segment(&self, segment: &str) -> Result<TenantSegment, NoTenant> {
        let is = |name: &str| segment.eq_ignore_ascii_case(name);
        if is(&self.id) || is(&self.domain) {
            Ok(TenantSegment::Own)
        } else if is("common") || is("organizations") {
            Ok(TenantSegment::Common)
        } else if is("adfs") {
            Ok(TenantSegment::Adfs)
        } else if uuid::Uuid::try_parse(segment).is_ok()
            || is("consumers")
            || looks_like_domain(segment)
        {
            Err(NoTenant::Unknown)
        } else {
            Err(NoTenant::Malformed)
        }
    }
}

fn looks_like_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.contains('.') && text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments() {
        let tenant = Tenant {
            id: "0f8fad5b-d9cb-469f-a165-70867728950e".into(),
            display_name: "vedette".into(),
            domain: "vedette.localhost".into(),
        };
        let cases = [
            ("0F8FAD5B-D9CB-469F-A165-70867728950E", Ok(TenantSegment::Own)),
            ("Vedette.Localhost", Ok(TenantSegment::Own)),
            ("organizations", Ok(TenantSegment::Common)),
            ("common", Ok(TenantSegment::Common)),
            ("ADFS", Ok(TenantSegment::Adfs)),
            ("consumers", Err(NoTenant::Unknown)),
            ("11111111-1111-1111-1111-111111111111", Err(NoTenant::Unknown)),
            ("contoso.example", Err(NoTenant::Unknown)),
            ("not a tenant", Err(NoTenant::Malformed)),
            ("..", Err(NoTenant::Malformed)),
            ("", Err(NoTenant::Malformed)),
        ];
        for (segment, expected) in cases {
            assert_eq!(tenant.segment(segment), expected, "{segment}");
        }
    }
}
