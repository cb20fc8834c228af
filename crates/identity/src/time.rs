//! Instants as tokens, Entra and Graph write them.

use model::DateTime;

/// Seconds since 1970, fractions cut off.
pub(crate) fn unix_seconds(at: DateTime) -> i64 {
    const TICKS_PER_SECOND: i64 = 10_000_000;
    const UNIX_EPOCH_SECONDS: i64 = 62_135_596_800; // from 0001-01-01 to 1970-01-01
    at.ticks() / TICKS_PER_SECOND - UNIX_EPOCH_SECONDS
}

/// `2026-11-22 07:08:09Z`, the form of Entra's error bodies.
pub(crate) fn entra_text(at: DateTime) -> String {
    let t = at.civil();
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// `2026-11-22T07:08:09Z`, the form of Microsoft Graph; `seconds` since 1970.
pub(crate) fn graph_text(seconds: i64) -> String {
    let at = DateTime::from_unix_seconds(seconds).unwrap_or(DateTime::MAX);
    entra_text(at).replacen(' ', "T", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_texts_agree() {
        let at = DateTime::from_unix_seconds(1_795_331_289).unwrap_or(DateTime::MIN);
        assert_eq!(unix_seconds(at), 1_795_331_289);
        assert_eq!(entra_text(at), "2026-11-22 07:08:09Z");
        assert_eq!(graph_text(1_795_331_289), "2026-11-22T07:08:09Z");
    }
}
