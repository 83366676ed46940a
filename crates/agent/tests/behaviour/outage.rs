//! A source that is down: what has a token is served to its end, and again as soon as the source is back.

use std::time::Duration;

use test_support::token_source::{token, unavailable};
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{TOKEN, ask, listening, tokens};

#[test]
fn an_outage_of_hours_fails_no_request_while_the_token_lives() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        assert_eq!(ask(address, TOKEN).await.status, 200);
        source.set(|_| Err(unavailable()));
        for hour in 1..12 {
            clock.advance(HOUR);
            let response = ask(address, TOKEN).await;
            assert_eq!(
                (response.status.as_u16(), response.json()["access_token"].as_str()),
                (200, Some("t1.fake.0")),
                "{hour}"
            );
        }
        source.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
        clock.advance(secs(600));
        // The call that finds the token stale starts the fetch; a later one has the new token.
        loop {
            let response = ask(address, TOKEN).await;
            assert_eq!(response.status, 200);
            if response.json()["access_token"] != "t1.fake.0" {
                return;
            }
        }
    });
}

/// What Envoy has at any time is what it sends: a token that lives.
#[cfg(unix)]
#[test]
fn an_outage_of_hours_leaves_envoy_its_token_while_the_token_lives() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let bench = crate::envoy::Bench::new("", &source, &clock).await;
        let mut stream = bench.subscribe(&[crate::envoy::NAME]).await;
        assert_eq!(stream.value().await, "Bearer t1.fake.0");
        source.set(|_| Err(unavailable()));
        for hour in 1..11 {
            let before = source.started();
            clock.advance(HOUR);
            while source.started() == before {
                clock.advance(Duration::from_millis(1));
                tokio::task::yield_now().await;
            }
            assert!(stream.is_quiet().await, "the token was withdrawn after {hour} hours");
        }
        // Envoy that comes now gets the token, too.
        assert_eq!(bench.subscribe(&[crate::envoy::NAME]).await.value().await, "Bearer t1.fake.0");
        source.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
        clock.advance(secs(600));
        let value = stream.value().await;
        assert!(value.starts_with("Bearer t1.fake.") && value != "Bearer t1.fake.0", "{value}");
    });
}

#[test]
fn a_refused_identity_is_told_why() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        source.set(|_| {
            Err(yandex_cloud_auth::Error::new(yandex_cloud_auth::ErrorKind::Refused, "the key is deleted"))
        });
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        let response = ask(address, TOKEN).await;
        assert_eq!(response.status, 500);
        assert!(response.text().contains("the key is deleted"), "{}", response.text());
    });
}
