//! `timespan`: signed ticks of 100 ns.

/// A length of time, exact to 100 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan(i64);

impl TimeSpan {
    /// From ticks.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }
    /// In ticks.
    pub const fn ticks(self) -> i64 {
        self.0
    }
}
