//! Why a method was selected, or none: each slot with what was found there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Method;
use crate::secret::redact;

/// The target of the warnings that a person has to see before the program goes on, such as a foreign host that gets a
/// secret. The library prints nothing: the command prints these events on standard error.
pub const NOTICE: &str = "yandex_cloud_auth::notice";

/// The result for one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The slot was selected.
    Selected,
    /// Nothing is configured there; the slot was skipped.
    Absent,
    /// Something is configured there that does not work. This ends the selection, unless it is lenient.
    Broken,
    /// An earlier slot ended the selection.
    NotTried,
}

impl Outcome {
    /// The name of the outcome, as reports print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::Absent => "absent",
            Self::Broken => "broken",
            Self::NotTried => "not-tried",
        }
    }
}

/// One slot, and what was found there. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The method of the slot.
    pub method: Method,
    /// Where the method looked: a variable, an address, a program.
    pub source: String,
    /// The result.
    pub outcome: Outcome,
    /// Why, in a few words.
    pub reason: String,
    /// How long the slot took.
    pub elapsed: Duration,
}

/// What selection tried, in order. Displays as a table. Cheap to clone.
///
/// With the feature `serde` it serialises as
/// `[{"method","source","outcome":"selected|absent|broken|not-tried","reason","elapsed_ms"}]`.
///
/// ```
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Automatic, System};
///
/// let environment = TestEnvironment::new([("YC_API_KEY", "AQVN-fake-key")]);
/// let credentials = Automatic::new().with_system(System::real().with_environment(environment)).build();
/// let report = credentials.blocking().select()?;
/// assert_eq!(report.selected().unwrap().source, "YC_API_KEY");
/// assert!(report.to_string().starts_with("method"));
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    attempts: Arc<[Attempt]>,
    notes: Arc<[String]>,
}

impl Report {
    /// Redacts the texts of the attempts, because they may come from outside: a path, or the output of a program.
    pub(crate) fn new(attempts: Vec<Attempt>, notes: Vec<String>) -> Self {
        let redacted = |attempt: Attempt| Attempt {
            source: redact(&attempt.source, &[]),
            reason: redact(&attempt.reason, &[]),
            ..attempt
        };
        Self { attempts: attempts.into_iter().map(redacted).collect(), notes: notes.into() }
    }

    /// With one more warning.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self { notes: self.notes.iter().cloned().chain([note]).collect(), ..self }
    }

    /// The slots, in the order of selection.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Warnings for a person, such as an endpoint in the environment that is not one of Yandex Cloud's hosts, a later
    /// slot that was selected because the metadata service of a machine of Yandex Cloud could not be reached, or a clock
    /// that differs from that of IAM.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The slot that was selected.
    #[must_use]
    pub fn selected(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.outcome == Outcome::Selected)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |head: &str, cell: fn(&Attempt) -> usize| {
            self.attempts.iter().map(cell).max().unwrap_or(0).max(head.len())
        };
        let method = width("method", |attempt| attempt.method.name().len());
        let source = width("source", |attempt| attempt.source.chars().count());
        let outcome = width("outcome", |attempt| attempt.outcome.name().len());
        write!(formatter, "{:method$}  {:source$}  {:outcome$}  why", "method", "source", "outcome")?;
        for attempt in &*self.attempts {
            let line = format!(
                "{:method$}  {:source$}  {:outcome$}  {}",
                attempt.method.name(),
                attempt.source,
                attempt.outcome.name(),
                attempt.reason
            );
            write!(formatter, "\n{}", line.trim_end())?;
        }
        for note in &*self.notes {
            write!(formatter, "\nnote: {note}")?;
        }
        Ok(())
    }
}

#[cfg(feature = "serde")]
mod serialize {
    use serde::ser::{Serialize, SerializeStruct, Serializer};

    use super::{Attempt, Report};

    impl Serialize for Attempt {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("Attempt", 5)?;
            fields.serialize_field("method", self.method.name())?;
            fields.serialize_field("source", &self.source)?;
            fields.serialize_field("outcome", self.outcome.name())?;
            fields.serialize_field("reason", &self.reason)?;
            let elapsed = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
            fields.serialize_field("elapsed_ms", &elapsed)?;
            fields.end()
        }
    }

    impl Serialize for Report {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.attempts())
        }
    }
}
