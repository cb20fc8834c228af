//! Printing datetimes: always seven digits of a second, as the query services do.

use std::fmt;

use super::DateTime;

/// English names that the RFC forms use, also for parsing.
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Names of days, Sunday first.
pub(super) const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Writes `value` with leading zeros over all of `out`.
fn digits(out: &mut [u8], mut value: u32) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

impl DateTime {
    /// `2024-02-29T12:34:56.7891234Z` as bytes, without allocation.
    pub fn to_ascii(self) -> [u8; 28] {
        let c = self.civil();
        let mut out = *b"0000-00-00T00:00:00.0000000Z";
        digits(&mut out[0..4], c.year.unsigned_abs());
        digits(&mut out[5..7], c.month);
        digits(&mut out[8..10], c.day);
        digits(&mut out[11..13], c.hour);
        digits(&mut out[14..16], c.minute);
        digits(&mut out[17..19], c.second);
        digits(&mut out[20..27], c.ticks);
        out
    }

    /// Appends `2024-02-29T12:34:56.7891234Z`.
    pub fn write_to(self, out: &mut String) {
        out.push_str(std::str::from_utf8(&self.to_ascii()).unwrap_or_default());
    }

    /// `Thu, 29 Feb 2024 12:34:56 GMT`, for HTTP headers.
    pub fn to_rfc1123(self) -> String {
        let c = self.civil();
        let day = DAYS.get(self.day_of_week() as usize).copied().unwrap_or_default();
        let month = MONTHS.get(c.month as usize - 1).copied().unwrap_or_default();
        format!(
            "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
            c.day, c.year, c.hour, c.minute, c.second
        )
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_ascii()).unwrap_or_default())
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
