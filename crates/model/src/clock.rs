//! Time as an argument: whoever needs "now" is handed a clock.

use values::DateTime;

/// Tells the time. The system's in the product, one moved by hand in tests.
pub trait Clock: Send + Sync {
    /// The current instant in UTC.
    fn now(&self) -> DateTime;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that asks the machine
    fn now(&self) -> DateTime {
        DateTime::from_system_time(std::time::SystemTime::now())
    }
}
