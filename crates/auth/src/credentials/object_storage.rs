//! Ephemeral access keys of Object Storage, for clients of S3.

use std::time::Duration;

use super::{Credentials, HeaderOptions};
use crate::cloud::iam::ephemeral_key::{EphemeralAccessKey, KeyRequest};
use crate::cloud::iam::{self, Iam};
use crate::error::in_seconds;
use crate::refresh::cached_header::{Scheme, Snapshot};
use crate::task::run_detached::run_detached;
use crate::{Error, ErrorKind};

/// The lives that Object Storage gives to a key.
const SHORTEST: Duration = Duration::from_secs(15 * 60);
const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// An IAM token lives for 12 h. A token that lives for half of it is not replaced by one that lives longer: a long key
/// would cost a new token each time.
const LONGEST_WANTED: Duration = Duration::from_secs(6 * 3600);

/// A key must not outlive its token, by the clock of IAM.
const MARGIN: Duration = Duration::from_secs(10);

const LONGEST_POLICY: usize = 2048;

/// What a key is for, and how long it lives.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::EphemeralAccessKeyOptions;
///
/// let options = EphemeralAccessKeyOptions::new("nightly-backup")?.duration(Duration::from_secs(2 * 3600))?;
/// assert!(EphemeralAccessKeyOptions::new("two words").is_err());
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EphemeralAccessKeyOptions {
    pub(super) session_name: String,
    pub(super) policy: Option<String>,
    pub(super) duration: Duration,
    timeout: Duration,
}

impl EphemeralAccessKeyOptions {
    /// A key for 1 h that may do all that its subject may. The logs of a bucket show the name of the session.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the name is not 1 to 64 characters of `A-Za-z0-9_+=,.@-`.
    pub fn new(session_name: impl Into<String>) -> Result<Self, Error> {
        let session_name = session_name.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        if !(1..=64).contains(&session_name.len()) || !session_name.bytes().all(fits) {
            let reason = "the name of a session is 1 to 64 characters of `A-Za-z0-9_+=,.@-`";
            return Err(Error::new(ErrorKind::Invalid, reason).at("session name"));
        }
        let duration = Duration::from_secs(3600);
        Ok(Self { session_name, policy: None, duration, timeout: iam::TIMEOUT })
    }

    /// How long the key lives, 15 min to 12 h. A key ends with its IAM token at the latest.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] outside of these limits.
    pub fn duration(mut self, life: Duration) -> Result<Self, Error> {
        if !(SHORTEST..=LONGEST).contains(&life) {
            let reason = "a key of Object Storage lives for 15 min to 12 h";
            return Err(Error::new(ErrorKind::Invalid, reason).at("duration"));
        }
        self.duration = life;
        Ok(self)
    }

    /// A policy that restricts the key: the JSON of a bucket policy, whose `Principal` is `*` (docs, "Ephemeral access
    /// keys").
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the text is not a JSON object, or longer than 2,048 characters.
    pub fn policy(mut self, json: impl Into<String>) -> Result<Self, Error> {
        let json = json.into();
        let invalid = |reason: &str| Err(Error::new(ErrorKind::Invalid, reason).at("policy"));
        if json.chars().count() > LONGEST_POLICY {
            return invalid("the policy is longer than 2048 characters");
        }
        if !matches!(serde_json::from_str(&json), Ok(serde_json::Value::Object(_))) {
            return invalid("the policy is not a JSON object");
        }
        self.policy = Some(json);
        Ok(self)
    }

    /// How long token, discovery and request may take together; 10 s by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

impl Credentials {
    /// An ephemeral access key of Object Storage, for clients of S3 (docs, "Ephemeral access keys").
    ///
    /// The key ends with the IAM token that it is requested with. A token that ends earlier than the key should, or within
    /// 6 h, is renewed first, once; the key is then cut to what the token has. The processes of a machine that use the
    /// shared cache share the key while more than 20 min of it remain; otherwise each call requests a new one.
    ///
    /// ```
    /// use yandex_cloud_auth::{Credentials, EphemeralAccessKeyOptions, ServiceAccountKeyAuth};
    /// # use yandex_cloud_auth::{Endpoints, System};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
    /// # let json = cloud.service_account_key()?;
    /// # let system = System::real().with_endpoints(Endpoints::new().api(cloud.api_url()));
    /// let credentials = Credentials::from(ServiceAccountKeyAuth::new(json)?);
    /// # let credentials = credentials.with_system(system);
    /// let options = EphemeralAccessKeyOptions::new("nightly-backup")?;
    /// let key = credentials.ephemeral_access_key(options).await?;
    /// println!("{} until {:?}", key.access_key_id, key.expires_at);
    /// assert!(key.secret.expose_secret().starts_with("YC"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for methods that have no IAM token (`api-key`, `none`); why there is no token; why IAM
    /// could not be reached, or its refusal.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request. A key that nobody receives ends by itself.
    pub async fn ephemeral_access_key(
        &self,
        options: EphemeralAccessKeyOptions,
    ) -> Result<EphemeralAccessKey, Error> {
        let began = self.inner.system.clock().now().monotonic;
        let usable = self.get(HeaderOptions::new().deadline(options.timeout)).await?;
        let left = options.timeout.saturating_sub(self.inner.system.clock().now().monotonic - began);
        let method = usable.method();
        let key = match self.shared_key(&usable, &options, left).await {
            Some(key) => key,
            None => self.new_key(&usable, &options, left).await,
        };
        key.map_err(|error| error.of(method))
    }

    /// Without a shared cache there is none.
    #[cfg(not(feature = "shared-cache"))]
    async fn shared_key(
        &self,
        _usable: &Snapshot,
        _options: &EphemeralAccessKeyOptions,
        _limit: Duration,
    ) -> Option<Result<EphemeralAccessKey, Error>> {
        None
    }

    /// A new key, with the longest-lived of the tokens. `usable` is at hand.
    pub(super) async fn new_key(
        &self,
        usable: &Snapshot,
        options: &EphemeralAccessKeyOptions,
        limit: Duration,
    ) -> Result<EphemeralAccessKey, Error> {
        let began = self.inner.system.clock().now().monotonic;
        // A renewal that does not end leaves time for the request.
        let wanted = options.duration.min(LONGEST_WANTED) + MARGIN;
        let longer = self.get(HeaderOptions::new().deadline(limit / 2).min_ttl(wanted)).await;
        let current = || self.snapshot().unwrap_or_else(|| usable.clone());
        let snapshot = longer.unwrap_or_else(|_| current());
        let left = limit.saturating_sub(self.inner.system.clock().now().monotonic - began);
        self.request_key(&snapshot, options, left).await
    }

    async fn request_key(
        &self,
        snapshot: &Snapshot,
        options: &EphemeralAccessKeyOptions,
        limit: Duration,
    ) -> Result<EphemeralAccessKey, Error> {
        let (Some(Scheme::Bearer), Some(bearer), Some(token)) =
            (snapshot.scheme(), snapshot.header(), snapshot.token())
        else {
            return Err(Error::new(
                ErrorKind::Invalid,
                "a key of Object Storage is requested with an IAM token, which this method does not have",
            )
            .with_help("name another method, such as service-account-key or metadata"));
        };
        let system = self.inner.system.clone();
        let rest = snapshot.expires_at().map(|_| snapshot.0.remaining(system.clock().now()));
        let duration = duration(options.duration, rest);
        let key = KeyRequest {
            session_name: options.session_name.clone(),
            policy: options.policy.clone(),
            duration,
        };
        let iam = Iam::new(&self.resolve_installation().await?, limit, "the token")?;
        let work = async move {
            let issue = async {
                match iam.ephemeral_key(&bearer, &token, &key, &system).await {
                    // The end of the token is not known: it may be too close for this life.
                    Err(error) if error.status() == Some(400) && rest.is_none() => {
                        let rest_of_the_token = KeyRequest { duration: None, ..key };
                        iam.ephemeral_key(&bearer, &token, &rest_of_the_token, &system)
                            .await
                            .map_err(|_| error)
                    }
                    outcome => outcome,
                }
            };
            let outcome = system.within(limit, issue).await;
            outcome.unwrap_or_else(|| {
                let reason = format!("no key of Object Storage within {}", in_seconds(limit));
                Err(Error::new(ErrorKind::Unavailable, reason).with_help("allow more time"))
            })
        };
        run_detached(&self.inner.system, work).await?
    }
}

/// The life to request, in whole seconds; `None` for the rest of a token that ends before the shortest life. `rest` is what
/// the token has, where this is known.
fn duration(wanted: Duration, rest: Option<Duration>) -> Option<Duration> {
    let life = rest.map_or(wanted, |rest| wanted.min(rest.saturating_sub(MARGIN)));
    (life >= SHORTEST).then(|| Duration::from_secs(life.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_outlive_its_token() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        for (wanted, rest, life) in [
            (60, None, Some(minutes(60))),
            (60, Some(minutes(720)), Some(minutes(60))),
            (60, Some(minutes(60)), Some(minutes(60) - MARGIN)),
            (720, Some(minutes(720)), Some(minutes(720) - MARGIN)),
            (60, Some(minutes(20)), Some(minutes(20) - MARGIN)),
            (60, Some(minutes(15)), None),
            (60, Some(Duration::from_millis(3_600_500)), Some(Duration::from_secs(3590))),
            (60, Some(Duration::ZERO), None),
        ] {
            assert_eq!(duration(minutes(wanted), rest), life, "{wanted} {rest:?}");
        }
    }

    #[test]
    fn options_outside_the_limits_of_the_service_are_refused() {
        let new = |name: &str| EphemeralAccessKeyOptions::new(name);
        let (longest, too_long) = ("a".repeat(64), "a".repeat(65));
        for name in ["a", "A-z_0+9=,.@", &longest] {
            assert!(new(name).is_ok(), "{name}");
        }
        for name in ["", " ", "a b", "a/b", "\u{44f}", "a\n", &too_long] {
            assert_eq!(new(name).unwrap_err().kind(), ErrorKind::Invalid, "{name:?}");
        }
        let secs = Duration::from_secs;
        for (seconds, fits) in [(899, false), (900, true), (43_200, true), (43_201, false)] {
            assert_eq!(new("a").unwrap().duration(secs(seconds)).is_ok(), fits, "{seconds}");
        }
        let of_length = |length: usize| format!("{{\"a\":\"{}\"}}", "\u{44f}".repeat(length - 8));
        for (policy, fits) in [
            (of_length(2048), true),
            (of_length(2049), false),
            ("{}".to_owned(), true),
            ("[]".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(new("a").unwrap().policy(&*policy).is_ok(), fits, "{}", policy.chars().count());
        }
    }
}
