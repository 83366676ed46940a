//! The order of automatic selection, and the resolver that tries the slots in this order.
//!
//! An absent source is skipped. A source that is configured but invalid ends the selection with an error: falling
//! through would silently use a different identity. How long a slot takes never decides, with one exception that
//! `docs/methods.md` explains: on a machine of Yandex Cloud, `YC_TOKEN` is selected if the metadata service gives no
//! connection within 2 s. Such a choice is always told.

use std::fmt;
use std::time::Duration;

use super::{Selection, pinned};
use crate::cloud::authorization;
use crate::cloud::endpoints::Endpoint;
use crate::log::log;
use crate::methods::sealed::{Sealed, located};
use crate::methods::{
    ApiKeyAuth, AuthMethod, Detection, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, OAuthTokenAuth,
    TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};
use crate::report::{Attempt, NOTICE, Outcome, Report};
use crate::secret::redact;
use crate::sync::Arc;
use crate::system::System;
use crate::{Error, ErrorKind, Method};

/// Automatic selection: an order of slots, each with a method.
///
/// | slot | reads | selected if |
/// |---|---|---|
/// | `api-key` | `YC_API_KEY`, `YC_API_KEY_FILE` | one of them is set |
/// | `iam-token` | `YC_IAM_TOKEN` | it is set |
/// | `oauth-token` | `YC_OAUTH_TOKEN`, `YC_OAUTH_TOKEN_FILE` | one of them is set |
/// | `service-account-key` | `YC_SERVICE_ACCOUNT_KEY_FILE` | it is set, and holds or names a key |
/// | `workload-identity` | `YC_OIDC_TOKEN_FILE`, `YC_OIDC_TOKEN`, GitHub's own two, with `YC_SERVICE_ACCOUNT_ID` | one of them is set |
/// | `token-file` | `YC_IAM_TOKEN_FILE` | it is set, and its file holds an IAM token |
/// | `metadata` | `YC_METADATA_ADDR`, else the link-local address | it returns a token |
/// | `env-iam-token` | `YC_TOKEN` | it is set |
/// | `yandex-cloud-cli` | `yc` on `PATH` | standard input is a terminal and yc's endpoint is the same |
///
/// The order is the Python SDK's (documentation of AI Studio, "SDK"). The slots that are added to it are absent unless
/// their own variable is set.
///
/// `YC_AUTH_METHOD` with the name of a slot pins that slot: its method is used as if the program had named it, and no
/// other slot is tried. Any other name is [`ErrorKind::Invalid`].
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
    /// The system that was given; `None` for the real one.
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
    /// [`ErrorKind::Invalid`] if no slot has that name.
    pub fn without(mut self, slot: &str) -> Result<Self, Error> {
        let at = self.position(slot)?;
        self.slots.remove(at);
        Ok(self)
    }

    /// With another method in one slot: the same one with options, or any other. A token source of your own goes into a
    /// slot as [`CustomAuth`](crate::CustomAuth): it is selected when its turn comes, before anything is fetched, and
    /// the report calls it `custom`, while the slot keeps its name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if no slot has that name.
    pub fn replace(mut self, slot: &str, method: impl AuthMethod) -> Result<Self, Error> {
        let at = self.position(slot)?;
        self.slots[at].method = Arc::new(method);
        Ok(self)
    }

    /// Skips every failure of the metadata service and of yc, as the Python SDK does. During such a failure the program
    /// may act under a different identity. A malformed value still is an error.
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// With another system than the real one.
    pub fn with_system(mut self, system: System) -> Self {
        self.system = Some(system);
        self
    }

    /// The system that was given; `None` for the real one.
    pub(crate) fn system(&self) -> Option<&System> {
        self.system.as_ref()
    }

    /// With the credentials that methods hold moved to `system`.
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

    /// The slot that the environment pins; `None` if it pins none.
    fn pinned_slot(&self, system: &System) -> Result<Option<&Slot>, Error> {
        let Some(name) = system.variable(pinned::VARIABLE)? else { return Ok(None) };
        let slot = self.slots.iter().find(|slot| slot.name == *name);
        slot.map(Some).ok_or_else(|| pinned::unknown(&name, self.slots()))
    }

    /// Selects the slot that the environment pins, or tries the slots in order.
    pub(crate) async fn select(&self, system: &System) -> Result<Selection, Error> {
        let mut resolver = Resolver::default();
        match self.pinned_slot(system) {
            Ok(Some(slot)) => return pinned::select(&slot.method, system).await,
            Ok(None) => {}
            Err(error) => return Err(error.with_report(resolver.finish(&self.slots, system))),
        }
        for (at, slot) in self.slots.iter().enumerate() {
            let before = system.clock().now();
            system.begin_slot(Some(slot.describe(system)));
            let (method, detection) = match located(&slot.method, system).await {
                Ok(method) => {
                    let detection = method.detect(system).await;
                    (method, detection)
                }
                Err(error) => (Arc::clone(&slot.method), Err(error)),
            };
            let detection = detection.unwrap_or_else(Detection::failed);
            let elapsed = system.clock().now().monotonic.saturating_sub(before.monotonic);
            let source = match &detection {
                Detection::Invalid(error) => broken_variable(error),
                _ => None,
            };
            let source = source.unwrap_or_else(|| redact(&method.location(system), &[]));
            let mut record = |outcome, reason: String| {
                let source = source.clone();
                resolver.attempts.push(Attempt { method: slot.method(), source, outcome, reason, elapsed });
            };
            match detection {
                Detection::Absent(reason) => record(Outcome::Absent, reason),
                Detection::Unreachable { reason, machine } => {
                    record(Outcome::Absent, reason.clone());
                    resolver.passed = Some(Passed { method: slot.method(), reason, machine });
                }
                Detection::Invalid(error) if self.skips(slot, &error) => {
                    record(Outcome::Broken, format!("skipped: {}", error.reason()));
                    let reason = error.reason().to_owned();
                    resolver.passed = Some(Passed { method: slot.method(), reason, machine: None });
                }
                Detection::Invalid(error) => {
                    system.begin_slot(None);
                    record(Outcome::Broken, error.reason().to_owned());
                    let report = resolver.finish(&self.slots[at + 1..], system);
                    return Err(error.of(slot.method()).with_report(report));
                }
                Detection::Found { provider, first, reason } => {
                    system.begin_slot(None);
                    record(Outcome::Selected, reason);
                    resolver.tell_of_passed(&source);
                    log(|| tracing::info!(method = %slot.method(), %source, "selected"));
                    let report = resolver.finish(&self.slots[at + 1..], system);
                    return Ok(Selection { method, provider, first, report });
                }
            }
        }
        system.begin_slot(None);
        Err(Error::new(ErrorKind::NotConfigured, "no credentials were found")
            .with_help("set YC_API_KEY (or YC_SERVICE_ACCOUNT_KEY_FILE, YC_IAM_TOKEN, YC_TOKEN), attach a service account to the machine, or log in with `yc init`")
            .with_report(resolver.finish(&[], system)))
    }

    /// Whether lenient selection skips this failure.
    fn skips(&self, slot: &Slot, error: &Error) -> bool {
        self.lenient
            && matches!(slot.method(), Method::Metadata | Method::YandexCloudCli)
            && error.kind() != ErrorKind::Invalid
    }
}

/// The slot of authorized keys, in a build with the feature or without.
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

    /// The slot in the log, and in an error about time that ran out.
    fn describe(&self, system: &System) -> String {
        format!("{} ({})", self.method(), self.method.location(system))
    }
}

/// The results so far.
#[derive(Default)]
struct Resolver {
    attempts: Vec<Attempt>,
    /// The last slot that was passed over although it may have a service.
    passed: Option<Passed>,
    /// Warnings for the report.
    notes: Vec<String>,
}

/// A slot that was passed over although it may have a service: the identity of a later slot may be a surprise.
struct Passed {
    method: Method,
    reason: String,
    /// What shows that this machine has the service.
    machine: Option<&'static str>,
}

impl Resolver {
    /// Warns that a later slot was selected. On a machine that shows that it has the service, every command and the
    /// report tell it to a person: the program may act under another identity than usual.
    fn tell_of_passed(&mut self, selected: &str) {
        let Some(Passed { method, reason, machine }) = self.passed.take() else { return };
        let warning = format!("{method}: {reason}, so {selected} was selected");
        match machine {
            Some(machine) => {
                let warning = format!("{warning}; this machine is one of Yandex Cloud's: {machine}");
                log(|| tracing::warn!(target: NOTICE, "{warning}"));
                self.notes.push(warning);
            }
            None => log(|| tracing::warn!("{warning}")),
        }
    }

    fn finish(self, rest: &[Slot], system: &System) -> Report {
        let mut attempts = self.attempts;
        attempts.extend(rest.iter().map(|slot| Attempt {
            method: slot.method(),
            source: slot.method.location(system),
            outcome: Outcome::NotTried,
            reason: String::new(),
            elapsed: Duration::ZERO,
        }));
        let mut notes = notes(system);
        notes.extend(self.notes);
        Report::new(attempts, notes)
    }
}

/// The variable that an error is about. A slot reads several variables, and its report has to name the one to correct.
pub(super) fn broken_variable(error: &Error) -> Option<String> {
    let is_variable = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    error.location().filter(is_variable).map(str::to_owned)
}

/// Warnings about endpoints in the environment that are not Yandex Cloud's hosts.
pub(crate) fn notes(system: &System) -> Vec<String> {
    let named = [Endpoint::configured(system), authorization::configured(system)];
    let named = named.into_iter().filter_map(Result::ok).flatten();
    let foreign = named.filter(|endpoint| endpoint.is_foreign() && !endpoint.is_explicit());
    foreign.map(|endpoint| endpoint.foreign_host()).collect()
}
