//! `api-version`: 7.0 to 2026-04-01, with the previews between them.

use vault::VaultError;

/// Versions with dates.
const DATED: (&str, &str) = ("2025-01-01", "2026-04-01");

/// The version asked for, when it is one that is served.
pub(super) fn check(sent: Option<&str>) -> Result<String, VaultError> {
    let sent = sent.filter(|v| !v.is_empty()).ok_or_else(|| {
        VaultError::bad_parameter(
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    })?;
    if is_served(sent) {
        return Ok(sent.to_owned());
    }
    Err(VaultError::bad_parameter(format!(
        "The specified version ({sent}) is not recognized. Consider using the latest supported version (2026-04-01)."
    )))
}

fn is_served(version: &str) -> bool {
    let (base, preview) = match version.split_once("-preview") {
        Some((base, rest)) => (base, Some(rest)),
        None => (version, None),
    };
    let numbered = |text: &str| {
        text.is_empty()
            || text.strip_prefix('.').is_some_and(|n| n.len() < 4 && n.parse::<u16>().is_ok())
    };
    if !preview.is_none_or(numbered) {
        return false;
    }
    if let Some(minor) = base.strip_prefix("7.") {
        return matches!(minor, "0" | "1" | "2" | "3" | "4" | "5" | "6");
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = base.split('-').collect();
    let is_date = matches!(parts.as_slice(), [y, m, d] if y.len() == 4 && m.len() == 2 && d.len() == 2 && digits(y) && digits(m) && digits(d));
    is_date && (DATED.0..=DATED.1).contains(&base)
}

/// True from 7.`minor` on, its previews included: members of answers that earlier versions do not have.
pub(super) fn is_since(version: &str, minor: u8) -> bool {
    let number = version.strip_prefix("7.").and_then(|rest| rest.split('-').next()?.parse().ok());
    number.is_none_or(|number: u8| number >= minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        for (version, minor, is) in [
            ("7.0", 3, false),
            ("7.2", 3, false),
            ("7.3-preview", 3, true),
            ("7.5-preview.1", 5, true),
            ("7.5", 6, false),
            ("7.6-preview.2", 6, true),
            ("2025-07-01", 6, true),
        ] {
            assert_eq!(is_since(version, minor), is, "{version} {minor}");
        }
    }

    #[test]
    fn versions_in_the_range_are_served() {
        for good in [
            "7.0",
            "7.1",
            "7.4",
            "7.6",
            "7.6-preview.2",
            "7.5-preview",
            "2025-07-01",
            "2026-04-01",
            "2025-06-01-preview",
        ] {
            assert!(check(Some(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "7",
            "7.7",
            "7.10",
            "8.0",
            "2016-10-01",
            "2026-04-02",
            "2024-12-31",
            "2025-7-1",
            "7.6-previewx",
            "7.6-preview.x",
            "latest",
            "7.0 ",
        ] {
            assert_eq!(check(Some(bad)).map_err(|e| e.code), Err("BadParameter"), "{bad}");
        }
        assert_eq!(check(None).map_err(|e| e.status), Err(400));
    }
}
