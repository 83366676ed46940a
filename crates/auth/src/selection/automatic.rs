//! The order of automatic selection, and the walk along it.
//!
//! An absent source is passed over; one that is configured but broken ends the selection, because the next one
//! would be somebody else. How long a slot takes never decides.

use std::fmt;
use std::sync::Arc;

use super::{Attempt, Outcome, Report, Selection};
use crate::cloud::authorization;
use crate::cloud::endpoints::Endpoint;
use crate::methods::sealed::Sealed;
use crate::methods::{
    ApiKeyAuth, AuthMethod, Detection, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, OAuthTokenAuth, Own,
    TokenFileAuth, TokenSource, WorkloadIdentityAuth, YandexCloudCliAuth,
};
use crate::secret::redact;
use crate::system::System;
use crate::{Credentials, Error, ErrorKind, Method};

/// Automatic selection: an order of slots, each with a method.
///
/// | slot | looks at | taken when |
/// |---|---|---|
/// | `api-key` | `YC_API_KEY` | it is set |
/// | `iam-token` | `YC_IAM_TOKEN` | it is set |
/// | `oauth-token` | `YC_OAUTH_TOKEN` | it is set |
/// | `service-account-key` | `YC_SERVICE_ACCOUNT_KEY_FILE` | it is set, and holds or names a key |
/// | `workload-identity` | `YC_OIDC_TOKEN_FILE`, `YC_OIDC_TOKEN`, GitHub's own two, with `YC_SERVICE_ACCOUNT_ID` | one is set |
/// | `token-file` | `YC_IAM_TOKEN_FILE` | it is set, and its file holds an IAM token |
/// | `metadata` | `YC_METADATA_ADDR`, else the link-local address | it gives a token |
/// | `env-iam-token` | `YC_TOKEN` | it is set |
/// | `yandex-cloud-cli` | `yc` on `PATH` | standard input is a terminal and yc's endpoint is the same |
///
/// The order is the Python SDK's (documentation of AI Studio, "SDK"), with the slots added that only a variable of their own opens.
///
/// ```
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Automatic, Method, System};
///
/// let environment = TestEnvironment::new([("YC_TOKEN", "t1.fake.token")]);
/// let selection = Automatic::new().without("metadata")?.with_system(System::real().with_environment(environment));
/// assert_eq!(selection.slots().last(), Some("yandex-cloud-cli"));
/// let credentials = selection.build();
/// credentials.blocking().select()?;
/// assert_eq!(credentials.method(), Some(Method::EnvIamToken));
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Automatic {
    slots: Vec<Slot>,
    lenient: bool,
    /// The machine that was given; else the real one.
    system: Option<System>,
}

#[derive(Clone)]
struct Slot {
    name: &'static str,
    method: Arc<dyn Sealed>,
}

impl Automatic {
    /// All slots, in the order of the table.
    pub fn new() -> Self {
        let method = |method: Arc<dyn Sealed>| Slot { name: method.method().name(), method };
        Self {
            slots: vec![
                method(Arc::new(ApiKeyAuth::from_env())),
                method(Arc::new(IamTokenAuth::from_env())),
                method(Arc::new(OAuthTokenAuth::from_env())),
                method(key()),
                method(Arc::new(WorkloadIdentityAuth::from_env())),
                method(Arc::new(TokenFileAuth::from_env())),
                method(Arc::new(MetadataAuth::new())),
                method(Arc::new(EnvIamTokenAuth::new())),
                method(Arc::new(YandexCloudCliAuth::new())),
            ],
            lenient: false,
            system: None,
        }
    }

    /// The names of the slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.name)
    }

    /// Without one slot.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where there is no slot of that name.
    pub fn without(mut self, slot: &str) -> Result<Self, Error> {
        let at = self.position(slot)?;
        self.slots.remove(at);
        Ok(self)
    }

    /// With another method in one slot: the same one with options, or any other.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where there is no slot of that name.
    pub fn replace(mut self, slot: &str, method: impl AuthMethod) -> Result<Self, Error> {
        let at = self.position(slot)?;
        self.slots[at].method = Arc::new(method);
        Ok(self)
    }

    /// With a token source of your own in one slot. It is taken when its turn comes, before anything is fetched; the
    /// report calls it `custom`, and the slot keeps its name.
    ///
    /// ```
    /// use yandex_cloud_auth::system::{BoxFuture, System};
    /// use yandex_cloud_auth::testing::TestEnvironment;
    /// use yandex_cloud_auth::{Automatic, Error, Method, Token, TokenSource};
    ///
    /// struct Vault;
    ///
    /// impl TokenSource for Vault {
    ///     fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
    ///         Box::pin(async { Token::new("t1.fake.token-from-a-vault") })
    ///     }
    /// }
    ///
    /// let selection = Automatic::new().replace_source("metadata", Vault)?;
    /// let credentials = selection.with_system(System::real().with_environment(TestEnvironment::empty())).build();
    /// assert_eq!(credentials.blocking().header()?.unwrap(), "Bearer t1.fake.token-from-a-vault");
    /// assert_eq!(credentials.method(), Some(Method::Custom));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where there is no slot of that name.
    pub fn replace_source(self, slot: &str, source: impl TokenSource) -> Result<Self, Error> {
        self.replace(slot, Own::new(source))
    }

    /// Passes over every failure of the metadata service and of yc, as the Python SDK does: a program that was
    /// somebody can then be somebody else. A malformed value is an error all the same.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// On another machine than the real one.
    pub fn with_system(mut self, system: System) -> Self {
        self.system = Some(system);
        self
    }

    /// The credentials. No I/O happens here: the selection runs on first use, or with
    /// [`select`](Credentials::select).
    #[must_use]
    pub fn build(self) -> Credentials {
        match self.system.clone() {
            Some(system) => Credentials::from_automatic(self.with_methods_on(&system), system, true),
            None => Credentials::from_automatic(self, System::real(), false),
        }
    }

    /// With the credentials that methods hold put on a machine.
    pub(crate) fn with_methods_on(mut self, system: &System) -> Self {
        for slot in &mut self.slots {
            if let Some(method) = slot.method.with_system(system) {
                slot.method = method;
            }
        }
        self
    }

    fn position(&self, name: &str) -> Result<usize, Error> {
        self.slots.iter().position(|slot| slot.name == name).ok_or_else(|| {
            let known: Vec<_> = self.slots().collect();
            Error::new(ErrorKind::Invalid, format!("there is no slot `{name}`"))
                .with_help(format!("the slots are {}", known.join(", ")))
        })
    }

    /// Walks along the slots.
    pub(crate) async fn select(&self, system: &System) -> Result<Selection, Error> {
        let mut walk = Walk { attempts: Vec::new(), silent: None };
        for (at, slot) in self.slots.iter().enumerate() {
            let before = system.clock().now();
            let detection = slot.method.detect(system).await;
            let elapsed = system.clock().now().monotonic.saturating_sub(before.monotonic);
            let source = redact(&slot.method.location(system), &[]);
            let mut note = |outcome, reason: String| {
                let source = source.clone();
                walk.attempts.push(Attempt { method: slot.method(), source, outcome, reason, elapsed });
            };
            match detection {
                Detection::Absent(reason) => note(Outcome::Absent, reason),
                Detection::TimedOut(reason) => {
                    note(Outcome::Absent, reason);
                    walk.silent = Some(slot.method());
                }
                Detection::Invalid(error) if self.passes_over(slot, &error) => {
                    note(Outcome::Broken, format!("passed over: {}", error.reason()));
                }
                Detection::Invalid(error) => {
                    note(Outcome::Broken, error.reason().to_owned());
                    let report = walk.finish(&self.slots[at + 1..], system);
                    return Err(error.of(slot.method()).with_report(report));
                }
                Detection::Found { provider, first, reason } => {
                    note(Outcome::Selected, reason);
                    if let Some(silent) = walk.silent {
                        tracing::warn!(chosen = %slot.method(), "{silent} did not answer in time, so {source} was taken");
                    }
                    tracing::info!(method = %slot.method(), %source, "selected");
                    let report = walk.finish(&self.slots[at + 1..], system);
                    return Ok(Selection { method: Arc::clone(&slot.method), provider, first, report });
                }
            }
        }
        Err(Error::new(ErrorKind::NotConfigured, "nothing to authenticate with was found")
            .with_help("set YC_API_KEY (or YC_IAM_TOKEN, YC_TOKEN), attach a service account to the machine, or log in with `yc init`")
            .with_report(walk.finish(&[], system)))
    }

    fn passes_over(&self, slot: &Slot, error: &Error) -> bool {
        self.lenient
            && matches!(slot.method(), Method::Metadata | Method::YandexCloudCli)
            && error.kind() != ErrorKind::Invalid
    }
}

/// The slot of authorized keys, in a build with them or without.
fn key() -> Arc<dyn Sealed> {
    #[cfg(feature = "service-account-key")]
    return Arc::new(crate::methods::ServiceAccountKeyAuth::from_env());
    #[cfg(not(feature = "service-account-key"))]
    Arc::new(crate::methods::DisabledMethod {
        method: Method::ServiceAccountKey,
        variable: "YC_SERVICE_ACCOUNT_KEY_FILE",
    })
}

impl Default for Automatic {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Automatic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots: Vec<_> = self.slots().collect();
        formatter
            .debug_struct("Automatic")
            .field("slots", &slots)
            .field("lenient", &self.lenient)
            .finish_non_exhaustive()
    }
}

impl Slot {
    fn method(&self) -> Method {
        self.method.method()
    }
}

/// What has been looked at so far.
struct Walk {
    attempts: Vec<Attempt>,
    /// A slot where nobody answered in time.
    silent: Option<Method>,
}

impl Walk {
    fn finish(self, rest: &[Slot], system: &System) -> Report {
        let mut attempts = self.attempts;
        attempts.extend(rest.iter().map(|slot| Attempt {
            method: slot.method(),
            source: slot.method.location_offline(system),
            outcome: Outcome::NotTried,
            reason: String::new(),
            elapsed: std::time::Duration::ZERO,
        }));
        Report::new(attempts, notes(system))
    }
}

/// What else the environment says that a person should know.
pub(crate) fn notes(system: &System) -> Vec<String> {
    let named = [Endpoint::configured(system), authorization::configured(system)];
    let named = named.into_iter().filter_map(Result::ok).flatten();
    let foreign = named.filter(|endpoint| endpoint.is_foreign() && !endpoint.is_explicit());
    let note = |endpoint: Endpoint| {
        format!(
            "{} names {}, which is not one of Yandex Cloud's hosts",
            endpoint.location(),
            endpoint.address
        )
    };
    foreign.map(note).collect()
}
