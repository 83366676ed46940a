//! Endpoint discovery by the SDK: how long a list of services is valid, and the errors of discovery.

use std::error::Error as _;
use std::time::Duration;

use yandex_cloud_auth as auth;
use yandex_cloud_auth::system::{HttpError, HttpFault};

use crate::error::{Error, ErrorKind};
use crate::verify::TLS_HELP;

/// The timeout of fetching the list.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a list is valid: services move and appear while a program runs.
pub(super) const VALIDITY: Duration = Duration::from_secs(3600);

/// The SDK's error for a failed discovery. Although the auth crate sends the request, it is not an error of
/// authentication: discovery needs no credentials.
pub(super) fn discovery_failed(error: &auth::Error) -> Error {
    let kind = match error.kind() {
        auth::ErrorKind::Unavailable => ErrorKind::Unavailable,
        auth::ErrorKind::Blocked => return error.clone().into(),
        _ => ErrorKind::UnknownEndpoint,
    };
    let own = Error::new(kind, format!("endpoint discovery: {error}")).with_retry_after(error.retry_after());
    // The help of the auth crate does not mention `verify`, an option of the SDK.
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

    use yandex_cloud_auth::System;
    use yandex_cloud_auth::system::{BoxFuture, Spawner};
    use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestReply};

    use super::*;
    use crate::services::{EndpointInput, Service, Services};

    /// The wait after a failed refresh.
    const RETRY_INTERVAL: Duration = Duration::from_secs(60);

    /// The age from which a list that lacks a service is refreshed.
    const MIN_AGE_FOR_MISSING: Duration = Duration::from_secs(5);

    async fn url(services: &Services, service: Service) -> String {
        services.locate(service).await.unwrap().base.join("/x")
    }

    /// Runs spawned tasks on the runtime of the test.
    struct CurrentRuntime;

    impl Spawner for CurrentRuntime {
        fn spawn(&self, task: BoxFuture<'static, ()>) {
            tokio::spawn(task);
        }
    }

    /// An endpoint whose reply depends on the number of earlier requests.
    fn with_replies(
        reply: impl Fn(usize) -> TestReply + Send + Sync + 'static,
    ) -> (Services, TestHttp, TestClock) {
        let earlier = AtomicUsize::new(0);
        let http = TestHttp::new(move |_, _| reply(earlier.fetch_add(1, Ordering::Relaxed)));
        let clock = TestClock::new();
        let environment = TestEnvironment::empty();
        let system = System::real().with_environment(environment).with_http(http.clone());
        let system = system.with_clock(clock.clone()).with_spawner(CurrentRuntime);
        (Services::new(system, EndpointInput::Environment, []).unwrap(), http, clock)
    }

    fn list_of(id: &str, host: &str) -> TestReply {
        TestReply::status(200, format!(r#"{{"endpoints": [{{"id": "{id}", "address": "{host}:443"}}]}}"#))
    }

    /// Runs the spawned tasks to their end; they wait only for other tasks.
    async fn run_spawned() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_list_is_refreshed_after_an_hour_while_the_old_list_serves() {
        let (services, http, clock) = with_replies(|earlier| match earlier {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            _ => list_of("operation", "b.api.cloud.yandex.net"),
        });
        let (a, b) = ("https://a.api.cloud.yandex.net/x", "https://b.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, a);
        clock.advance(VALIDITY.mul_f64(0.89));
        assert_eq!(url(&services, Service::Operations).await, a);
        run_spawned().await;
        assert_eq!(http.requests().len(), 1);
        clock.advance(VALIDITY.mul_f64(0.22));
        for _ in 0..3 {
            assert_eq!(url(&services, Service::Operations).await, a, "no call waits for the new list");
        }
        run_spawned().await;
        clock.advance(RETRY_INTERVAL);
        assert_eq!(url(&services, Service::Operations).await, b);
        run_spawned().await;
        assert_eq!(http.requests().len(), 2);
    }

    #[tokio::test]
    async fn the_old_list_stays_while_discovery_is_down_and_is_refreshed_each_minute() {
        let (services, http, clock) = with_replies(|earlier| match earlier {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            1..4 => TestReply::status(503, "down"),
            _ => list_of("operation", "b.api.cloud.yandex.net"),
        });
        let (a, b) = ("https://a.api.cloud.yandex.net/x", "https://b.api.cloud.yandex.net/x");
        assert_eq!(url(&services, Service::Operations).await, a);
        clock.advance(VALIDITY * 2);
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push((url(&services, Service::Operations).await, http.requests().len()));
            run_spawned().await;
            clock.advance(RETRY_INTERVAL);
        }
        let (old, new) = seen.split_at(4);
        assert!(old.iter().all(|(url, _)| url == a), "{seen:?}");
        assert!(new.iter().all(|(url, _)| url == b), "{seen:?}");
        assert_eq!(http.requests().len(), 5, "{seen:?}");
    }

    #[tokio::test]
    async fn a_list_without_the_service_is_refreshed_after_seconds() {
        let (services, http, clock) = with_replies(|earlier| match earlier {
            0 => list_of("operation", "a.api.cloud.yandex.net"),
            1 => TestReply::status(503, "down"),
            _ => list_of("ai-new", "new.api.cloud.yandex.net"),
        });
        let unknown = async |requests: usize| {
            for _ in 0..3 {
                let error = services.by_id("ai-new").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnknownEndpoint, "{error}");
            }
            assert_eq!(http.requests().len(), requests);
        };
        unknown(1).await;
        clock.advance(MIN_AGE_FOR_MISSING);
        unknown(2).await;
        assert_eq!(services.by_id("operation").await.unwrap().address.host(), "a.api.cloud.yandex.net");
        clock.advance(MIN_AGE_FOR_MISSING);
        assert_eq!(services.by_id("ai-new").await.unwrap().address.host(), "new.api.cloud.yandex.net");
        assert_eq!(http.requests().len(), 3);
    }
}
