//! A fetch that failed, for the processes that wait for it: they share the error, and do not ask one after the other.

use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::entry::{Moment, duration, millis, read, write};
use super::identity::CacheIdentity;
use super::seal::Sealer;
use crate::{Error, ErrorKind};

/// How long other processes believe a transient failure, and a permanent one.
const TRANSIENT: Duration = Duration::from_secs(2);
const PERMANENT: Duration = Duration::from_secs(5);

/// The longest wait that a server may ask for (`Retry-After`).
const LONGEST: Duration = Duration::from_secs(60);

const KINDS: [ErrorKind; 6] = [
    ErrorKind::NotConfigured,
    ErrorKind::Invalid,
    ErrorKind::Unavailable,
    ErrorKind::Refused,
    ErrorKind::Expired,
    ErrorKind::Blocked,
];

/// The record of a failed fetch.
pub(super) struct Failure {
    pub(super) at: Moment,
    /// How long the record counts.
    lasts: Duration,
    pub(super) error: Error,
}

impl Failure {
    pub(super) fn new(error: &Error, at: Moment) -> Self {
        let lasts = match error.retry_after() {
            Some(wait) => wait.min(LONGEST),
            None if error.is_transient() => TRANSIENT,
            None => PERMANENT,
        };
        Self { at, lasts, error: error.clone() }
    }

    /// How long ago the fetch failed, while the record counts.
    pub(super) fn age(&self, now: &Moment) -> Option<Duration> {
        self.at.age(now).filter(|age| *age < self.lasts)
    }

    /// The text of the record. The reason is masked already, and sealed all the same: it may name hosts and files.
    pub(super) fn write(&self, name: &str, identity: &CacheIdentity, sealer: &Sealer) -> Option<Vec<u8>> {
        let error = &self.error;
        let secret = json!({
            "kind": error.kind().name(),
            "location": error.location(),
            "reason": error.reason(),
            "help": error.help(),
            "status": error.status(),
            "retry_after_ms": error.retry_after().map(millis),
            "is_worth_a_retry": error.is_worth_a_retry(),
        });
        let secret = Zeroizing::new(secret.to_string());
        let fields = json!({ "failed": self.at.to_json(), "lasts_ms": millis(self.lasts) });
        write(fields, name, identity, sealer, secret.as_bytes())
    }

    pub(super) fn read(text: &[u8], name: &str, sealer: &Sealer) -> Option<Self> {
        let (fields, secret) = read(text, name, sealer)?;
        let told: Value = serde_json::from_slice(&secret).ok()?;
        let kind = KINDS.into_iter().find(|kind| told["kind"] == kind.name())?;
        let mut error = Error::new(kind, told["reason"].as_str()?);
        if let Some(location) = told["location"].as_str() {
            error = error.at(location);
        }
        if let Some(help) = told["help"].as_str() {
            error = error.with_help(help.to_owned());
        }
        if let Some(status) = told["status"].as_u64().and_then(|status| u16::try_from(status).ok()) {
            error = error.with_status(status);
        }
        if let Some(wait) = duration(&told["retry_after_ms"]) {
            error = error.with_retry_after(wait);
        }
        if told["is_worth_a_retry"] == false {
            error = error.without_retry();
        }
        Some(Self { at: Moment::from_json(&fields["failed"])?, lasts: duration(&fields["lasts_ms"])?, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;

    #[test]
    fn a_record_counts_until_its_time_is_over() {
        let error = |kind| Error::new(kind, "fake");
        let waiting = |wait| error(ErrorKind::Unavailable).with_retry_after(wait);
        for (error, lasts) in [
            (error(ErrorKind::Unavailable), TRANSIENT),
            (error(ErrorKind::Refused), PERMANENT),
            (waiting(Duration::from_secs(30)), Duration::from_secs(30)),
            (waiting(Duration::from_secs(3600)), LONGEST),
        ] {
            let clock = TestClock::new();
            let failure = Failure::new(&error, Moment::now(&clock));
            let last_moment = lasts - Duration::from_millis(1);
            clock.advance(last_moment);
            assert_eq!(failure.age(&Moment::now(&clock)), Some(last_moment), "{error}, {lasts:?}");
            clock.advance(Duration::from_millis(1));
            assert_eq!(failure.age(&Moment::now(&clock)), None, "{error}, {lasts:?}");
        }
    }

    #[test]
    fn a_recorded_error_keeps_its_kind_its_texts_and_what_it_says_of_retries() {
        let identity = CacheIdentity {
            method: crate::Method::OAuthToken,
            endpoint: "https://api.example".to_owned(),
            audience: None,
            identity: None,
            credential: Zeroizing::new(b"fake-credential".to_vec()),
        };
        let (sealer, clock) = (Sealer::new(&identity), TestClock::new());
        let name = sealer.name(&identity);
        let plain = Error::new(ErrorKind::Refused, "fake reason");
        let wait = Duration::from_secs(7);
        let limited =
            Error::new(ErrorKind::Unavailable, "fake limit").with_status(429).with_retry_after(wait);
        let whole = limited.clone().at("https://iam.example").with_help("fake help").without_retry();
        for error in [plain, limited, whole] {
            let failure = Failure::new(&error, Moment::now(&clock));
            let text = failure.write(&name, &identity, &sealer).unwrap();
            let Failure { at, lasts, error: told } = Failure::read(&text, &name, &sealer).unwrap();
            assert_eq!((at, lasts), (failure.at, failure.lasts));
            let texts = |error: &Error| {
                [error.location(), Some(error.reason()), error.help()].map(|text| text.map(str::to_owned))
            };
            assert_eq!(texts(&told), texts(&error));
            let facts =
                |error: &Error| (error.kind(), error.status(), error.retry_after(), error.is_worth_a_retry());
            assert_eq!(facts(&told), facts(&error));
        }
    }
}
