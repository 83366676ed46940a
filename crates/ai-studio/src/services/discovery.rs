//! The list of services that an endpoint tells: asked for once, and from time to time again.
//!
//! Services move, and come into being, while a program runs. But nobody waits for a list while there is one, and a list
//! stays where no newer one is to be had.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use yandex_cloud_auth::sdk_support::{Endpoint, Services};
use yandex_cloud_auth::system::{HttpError, HttpFault};
use yandex_cloud_auth::{self as auth, System};

use crate::error::{Error, ErrorKind};
use crate::shared::Shared;
use crate::verify::TLS_HELP;

/// How long the list of services may take to come.
const DISCOVERY: Duration = Duration::from_secs(10);

/// For how long a list is taken for true, give or take a tenth, so that the machines of a fleet do not ask all at once.
const FRESH: Duration = Duration::from_secs(3600);

/// When it is asked for again where that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// How old a list has to be that does not know a service, to be asked for again: the service may be new.
const UNKNOWN: Duration = Duration::from_secs(5);

/// What discovery said. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) list: Arc<Services>,
    /// When it was last asked for, and until when it is not to be again; by the monotonic clock.
    asked: Duration,
    pub(crate) until: Duration,
}

/// The list of one SDK object.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    list: Shared<Listed>,
}

impl Discovery {
    /// The list: waited for where there is none yet. One that has become old is good until a new one has come.
    pub(crate) async fn list(&self, endpoint: &Endpoint, system: &System) -> Result<Listed, Error> {
        let now = system.clock().now().monotonic;
        let old = |listed: &Listed| (listed.until <= now).then(|| listed.kept(now));
        self.list.renew(system, old, |old| ask(endpoint, system, Some(old)));
        self.list.get(system, || ask(endpoint, system, None)).await
    }

    /// Waits for a newer list than one that lacks a service; gives the same where there is none to be had.
    pub(crate) async fn newer(
        &self,
        than: Listed,
        endpoint: &Endpoint,
        system: &System,
    ) -> Result<Listed, Error> {
        self.list.forget();
        self.list.get(system, || ask(endpoint, system, Some(than))).await
    }
}

impl Listed {
    /// Whether a service that it does not know may have come since.
    pub(crate) fn may_lack(&self, now: Duration) -> bool {
        self.asked.saturating_add(UNKNOWN) <= now
    }

    /// The same for a while longer.
    fn kept(&self, now: Duration) -> Self {
        Self { list: Arc::clone(&self.list), asked: now, until: now.saturating_add(AGAIN) }
    }
}

/// Asks for the list; keeps the old one where that fails.
fn ask(
    endpoint: &Endpoint,
    system: &System,
    old: Option<Listed>,
) -> impl Future<Output = Result<Listed, Error>> + Send + use<> {
    let (endpoint, system) = (endpoint.clone(), system.clone());
    async move {
        let outcome = endpoint.services(&system, DISCOVERY).await;
        let now = system.clock().now().monotonic;
        match (outcome, old) {
            (Ok(list), _) => {
                let fresh = FRESH.mul_f64(0.9 + 0.2 * system.clock().random().clamp(0.0, 1.0));
                Ok(Listed { list: Arc::new(list), asked: now, until: now.saturating_add(fresh) })
            }
            (Err(error), Some(old)) => {
                tracing::warn!(%error, "the list of services could not be renewed; the old one is kept");
                Ok(old.kept(now))
            }
            (Err(error), None) => Err(undiscovered(&error)),
        }
    }
}

/// Not a question of authentication, though the auth crate asks it: the list is asked for without credentials.
fn undiscovered(error: &auth::Error) -> Error {
    let kind = match error.kind() {
        auth::ErrorKind::Unavailable => ErrorKind::Unavailable,
        auth::ErrorKind::Blocked => return error.clone().into(),
        _ => ErrorKind::UnknownEndpoint,
    };
    let own = Error::new(kind, format!("endpoint discovery: {error}")).with_retry_after(error.retry_after());
    // The auth crate knows no `verify`.
    let fault = error.source().and_then(|source| source.downcast_ref()).map(HttpError::fault);
    match error.help() {
        Some(_) if fault == Some(HttpFault::Tls) => own.with_help(TLS_HELP),
        Some(help) => own.with_help(help.to_owned()),
        None => own,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use yandex_cloud_auth::system::{BoxFuture, Spawner};
    use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestReply};

    use super::*;
    use crate::services::{Given, Service, Services};

    async fn url(services: &Services, service: Service) -> String {
        services.locate(service).await.unwrap().base.join("/x")
    }

    /// Runs what is spawned on the runtime of the test.
    struct Here;

    impl Spawner for Here {
        fn spawn(&self, task: BoxFuture<'static, ()>) {
            tokio::spawn(task);
        }
    }

    /// An endpoint of which each answer is told by `reply`, by how many there were before.
    fn changing(
        reply: impl Fn(usize) -> TestReply + Send + Sync + 'static,
    ) -> (Services, TestHttp, TestClock) {
        let asked = AtomicUsize::new(0);
        let http = TestHttp::new(move |_, _| reply(asked.fetch_add(1, Ordering::Relaxed)));
        let clock = TestClock::new();
        let environment = TestEnvironment::empty();
        let system = System::real().with_environment(environment).with_http(http.clone());
        let system = system.with_clock(clock.clone()).with_spawner(Here);
        (Services::new(system, Given::Nothing, []).unwrap(), http, clock)
    }

    fn list_of(id: &str, host: &str) -> TestReply {
        TestReply::status(200, format!(r#"{{"endpoints": [{{"id": "{id}", "address": "{host}:443"}}]}}"#))
    }

    /// Lets what was spawned go on to its end: nothing in it waits for anything but other tasks.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_was_discovered_is_asked_for_again_after_an_hour_while_the_old_list_serves() {
        let (services, http, clock) = changing(|before| match before {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            _ => list_of("operation", "b.api.cloud.yandex.net"),
        });
        let (a, b) = ("https://a.api.cloud.yandex.net/x", "https://b.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, a);
        clock.advance(FRESH.mul_f64(0.89));
        assert_eq!(url(&services, Service::Operations).await, a);
        settle().await;
        assert_eq!(http.requests().len(), 1);
        clock.advance(FRESH.mul_f64(0.22));
        for _ in 0..3 {
            assert_eq!(url(&services, Service::Operations).await, a, "nobody waits for the new list");
        }
        settle().await;
        clock.advance(AGAIN);
        assert_eq!(url(&services, Service::Operations).await, b);
        settle().await;
        assert_eq!(http.requests().len(), 2);
    }

    #[tokio::test]
    async fn the_old_list_is_kept_while_discovery_is_down_and_it_is_asked_again_each_minute() {
        let (services, http, clock) = changing(|before| match before {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            1..4 => TestReply::status(503, "down"),
            _ => list_of("operation", "b.api.cloud.yandex.net"),
        });
        let (a, b) = ("https://a.api.cloud.yandex.net/x", "https://b.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, a);
        clock.advance(FRESH * 2);
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push((url(&services, Service::Operations).await, http.requests().len()));
            settle().await;
            clock.advance(AGAIN);
        }
        let (kept, renewed) = seen.split_at(4);
        assert!(kept.iter().all(|(url, _)| url == a), "{seen:?}");
        assert!(renewed.iter().all(|(url, _)| url == b), "{seen:?}");
        assert_eq!(http.requests().len(), 5, "{seen:?}");
    }

    #[tokio::test]
    async fn a_service_that_the_list_did_not_know_is_asked_for_again_after_seconds() {
        let (services, http, clock) = changing(|before| match before {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            1 => TestReply::status(503, "down"),
            _ => list_of("ai-new", "new.api.cloud.yandex.net"),
        });
        let unknown = async |asked: usize| {
            for _ in 0..3 {
                let error = services.by_id("ai-new").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnknownEndpoint, "{error}");
            }
            assert_eq!(http.requests().len(), asked);
        };
        unknown(1).await;
        clock.advance(UNKNOWN);
        unknown(2).await;
        assert_eq!(services.by_id("operation").await.unwrap().address.host(), "a.api.cloud.yandex.net");
        clock.advance(UNKNOWN);
        assert_eq!(services.by_id("ai-new").await.unwrap().address.host(), "new.api.cloud.yandex.net");
        assert_eq!(http.requests().len(), 3);
    }
}
