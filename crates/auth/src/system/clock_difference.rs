//! How far the clock of this machine is off, by the `Date` of a server that was reached over TLS.
//!
//! The difference only dates a second JWT, after the first one was refused, and stands in reports. Nothing else follows
//! the clock of a server.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A smaller difference does not matter: a JWT is dated back by as much, and `Date` has whole seconds.
const SMALLEST: Duration = Duration::from_secs(60);

/// A larger difference is more likely a mistake of the server than one of this machine.
const LARGEST: Duration = Duration::from_secs(24 * 3600);

/// The clock of this machine, compared with that of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockDifference {
    Ahead(Duration),
    Behind(Duration),
}

impl ClockDifference {
    /// The difference, if it is from 60 s to 24 h. `ours` counts from the epoch.
    pub(crate) fn between(ours: Duration, server: SystemTime) -> Option<Self> {
        let server = server.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let difference = match ours >= server {
            true => Self::Ahead(ours - server),
            false => Self::Behind(server - ours),
        };
        (SMALLEST..=LARGEST).contains(&difference.length()).then_some(difference)
    }

    /// The time of the server, by our clock.
    pub(crate) fn correct(self, ours: Duration) -> Duration {
        match self {
            Self::Ahead(by) => ours.saturating_sub(by),
            Self::Behind(by) => ours.saturating_add(by),
        }
    }

    /// The warning for the log and for reports.
    pub(crate) fn warning(self) -> String {
        format!("{self}: set it")
    }

    fn length(self) -> Duration {
        let (Self::Ahead(by) | Self::Behind(by)) = self;
        by
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.length().as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        formatter.write_str("the clock of this machine is ")?;
        match hours {
            0 => write!(formatter, "{minutes} min {seconds} s")?,
            _ => write!(formatter, "{hours} h {minutes} min")?,
        }
        formatter.write_str(match self {
            Self::Ahead(_) => " ahead",
            Self::Behind(_) => " behind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_difference_that_matters_and_is_credible_counts() {
        let server = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (ours, expected) in [
            (1_800_000_000, None),
            (1_800_000_059, None),
            (1_799_999_941, None),
            (1_800_000_060, Some("1 min 0 s ahead")),
            (1_799_992_500, Some("2 h 5 min behind")),
            (1_800_086_400, Some("24 h 0 min ahead")),
            (1_800_086_401, None),
            (0, None),
        ] {
            let ours = Duration::from_secs(ours);
            let difference = ClockDifference::between(ours, server);
            let text = difference.map(|difference| difference.to_string());
            assert_eq!(
                text.as_deref().and_then(|text| text.strip_prefix("the clock of this machine is ")),
                expected
            );
            if let Some(difference) = difference {
                assert_eq!(difference.correct(ours), Duration::from_secs(1_800_000_000));
            }
        }
    }
}
