//! The ranges Azure sets for a rule's settings.

use model::TimeSpan;
use values::{TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE};

use crate::duration;
use crate::fields::{Fields, Invalid};

const fn minutes(count: i64) -> TimeSpan {
    TimeSpan::from_ticks(count * TICKS_PER_MINUTE)
}

const fn days(count: i64) -> TimeSpan {
    TimeSpan::from_ticks(count * TICKS_PER_DAY)
}

pub(super) const NRT_FREQUENCY: TimeSpan = minutes(1);
pub(super) const FREQUENCY: (TimeSpan, TimeSpan) = (minutes(5), days(14));
pub(super) const PERIOD: (TimeSpan, TimeSpan) = (minutes(5), days(14));
pub(super) const SUPPRESSION: (TimeSpan, TimeSpan) = (minutes(5), days(1));
pub(super) const LOOKBACK: (TimeSpan, TimeSpan) = (minutes(5), days(7));
pub(super) const THRESHOLD: (i64, i64) = (0, 10_000);
/// A period of this length or more ...
pub(super) const LONG_PERIOD: TimeSpan = days(2);
/// ... allows this frequency at most.
pub(super) const LONG_PERIOD_FREQUENCY: TimeSpan = TimeSpan::from_ticks(TICKS_PER_HOUR);
/// Default of suppression and grouping, as the portal writes it.
pub(super) const DEFAULT_PAUSE: TimeSpan = TimeSpan::from_ticks(5 * TICKS_PER_HOUR);

pub(super) const ENTITY_MAPPINGS_MAX: usize = 10;
pub(super) const FIELD_MAPPINGS_MAX: usize = 3;
pub(super) const CUSTOM_DETAILS_MAX: usize = 20;
pub(super) const PLACEHOLDERS_MAX: usize = 3;
pub(super) const DISPLAY_NAME_MAX: usize = 256;
pub(super) const DESCRIPTION_MAX: usize = 5_000;

/// The duration when it lies in its range.
pub(super) fn within(
    fields: &Fields<'_>,
    name: &str,
    value: TimeSpan,
    (least, most): (TimeSpan, TimeSpan),
) -> Result<TimeSpan, Invalid> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let range = format!("{} to {}", duration::to_iso(least), duration::to_iso(most));
    Err(fields.invalid(name, format!("{} is outside the range {range}", duration::to_iso(value))))
}

/// An error when a list is longer than allowed.
pub(super) fn at_most(
    fields: &Fields<'_>,
    name: &str,
    count: usize,
    most: usize,
) -> Result<(), Invalid> {
    if count <= most {
        return Ok(());
    }
    Err(fields.invalid(name, format!("{count} entries; at most {most} are allowed")))
}
