//! One error type: the kind, the method, the location, the reason, and what to do next.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::Method;
use crate::report::Report;
use crate::secret::redact;

/// What went wrong, for programs that handle the cases differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing to authenticate with was found.
    NotConfigured,
    /// A value, file, address or string that the library refuses.
    Invalid,
    /// A service or program that could not be reached, or gave no readable response. A retry makes sense.
    Unavailable,
    /// A service or program that refused.
    Refused,
    /// A token that has expired, and no newer one is available.
    Expired,
    /// A secret that would have gone where it does not belong.
    Blocked,
}

impl ErrorKind {
    /// The name of the kind, as the command prints it in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotConfigured => "not-configured",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Blocked => "blocked",
        }
    }
}

/// Why there is no header. Cheap to clone: all callers of one fetch share the error.
///
/// Displays as one lower-case line: the method, the location (variable, URL, file), the reason. The line contains no
/// secret: text from outside is redacted, escaped and cut to 1 KiB when the error is made.
///
/// ```
/// use yandex_cloud_auth::{Credentials, ErrorKind};
/// let error = Credentials::from_string("Bearer t1.fake").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert!(error.help().is_some());
/// assert!(!error.to_string().contains("t1.fake"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    method: Option<Method>,
    location: Option<String>,
    reason: String,
    help: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    status: Option<u16>,
    no_retry: bool,
    report: Option<Report>,
    /// The time on the clock of the server that refused.
    date: Option<SystemTime>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with the reason in one lower-case line.
    ///
    /// For a token source of your own. Text in `reason` that has the shape of a secret is masked.
    #[must_use]
    pub fn new(kind: ErrorKind, reason: impl AsRef<str>) -> Self {
        Self(Arc::new(Inner {
            kind,
            method: None,
            location: None,
            reason: redact(reason.as_ref(), &[]),
            help: None,
            retry_after: None,
            status: None,
            no_retry: false,
            report: None,
            date: None,
            source: None,
        }))
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// With the location of the problem: a variable, a URL, a file.
    #[must_use]
    pub fn at(self, location: impl AsRef<str>) -> Self {
        self.change(|inner| inner.location = Some(redact(location.as_ref(), &[])))
    }

    /// With a further fact behind the reason.
    pub(crate) fn with_note(self, note: &str) -> Self {
        let note = redact(note, &[]);
        self.change(|inner| inner.reason = format!("{}; {note}", inner.reason))
    }

    /// With what to do next.
    #[must_use]
    pub fn with_help(self, help: impl Into<Cow<'static, str>>) -> Self {
        let help = match help.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text),
            Cow::Owned(text) => Cow::Owned(redact(&text, &[])),
        };
        self.change(|inner| inner.help = Some(help))
    }

    /// With the time to wait before a retry, as a server requested.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        self.change(|inner| inner.retry_after = Some(wait))
    }

    /// With its cause. The text of the cause is not masked: the caller answers for it.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    /// With the HTTP status of the response.
    pub(crate) fn with_status(self, status: u16) -> Self {
        self.change(|inner| inner.status = Some(status))
    }

    /// For a transient failure that another attempt within seconds would only repeat: a time limit ran out, or a program
    /// has given its reason. Callers that wait are told at once.
    pub(crate) fn without_retry(self) -> Self {
        self.change(|inner| inner.no_retry = true)
    }

    /// Whether an attempt within seconds may succeed.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        self.is_transient() && !self.0.no_retry
    }

    /// With the time on the clock of the server.
    pub(crate) fn with_date(self, date: Option<SystemTime>) -> Self {
        self.change(|inner| inner.date = date)
    }

    pub(crate) fn of(self, method: Method) -> Self {
        self.change(|inner| inner.method = inner.method.or(Some(method)))
    }

    pub(crate) fn with_report(self, report: Report) -> Self {
        self.change(|inner| inner.report = Some(report))
    }

    /// What went wrong, for a program.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without a change in this program.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// How long to wait before a retry, if a server said so (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status of the response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Whether a server refused the request or the secret, and not only led to another server.
    pub(crate) fn is_refusal(&self) -> bool {
        self.kind() == ErrorKind::Refused && !self.status().is_some_and(|status| (300..400).contains(&status))
    }

    /// The time on the clock of the server that refused, if it said so.
    #[cfg(feature = "service-account-key")]
    pub(crate) fn date(&self) -> Option<SystemTime> {
        self.0.date
    }

    /// The method that failed, if one was selected.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        self.0.method
    }

    /// The variable, URL or file of the problem.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The reason, without method and location.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What to do next.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// What the selection tried, if the selection failed.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.0.method {
            write!(formatter, "{method}: ")?;
        }
        if let Some(location) = &self.0.location {
            write!(formatter, "{location}: ")?;
        }
        formatter.write_str(&self.0.reason)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &format_args!("{self}"))
            .field("help", &self.0.help)
            .finish_non_exhaustive()
    }
}

/// A duration as messages show it: in seconds, `0.5 s`, with at most three digits that say something.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::sdk_internals::in_seconds;
///
/// assert_eq!(in_seconds(Duration::from_millis(500)), "0.5 s");
/// assert_eq!(in_seconds(Duration::from_secs(10)), "10 s");
/// ```
#[must_use]
pub fn in_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // Three decimals, and for less than a millisecond as many as the clocks have.
    let text = if duration.is_zero() || seconds >= 0.001 {
        format!("{seconds:.3}")
    } else {
        format!("{seconds:.9}")
    };
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_seconds() {
        for (nanos, text) in [
            (0, "0 s"),
            (1_000, "0.000001 s"),
            (20_000_000, "0.02 s"),
            (500_000_000, "0.5 s"),
            (999_999_999, "1 s"),
            (4_999_123_456, "4.999 s"),
            (10_000_000_000, "10 s"),
            (100_000_000_000, "100 s"),
        ] {
            assert_eq!(in_seconds(Duration::from_nanos(nanos)), text);
        }
    }
}
