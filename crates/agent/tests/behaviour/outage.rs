//! A source that is down: what has a token is served to its end, and again as soon as the source is back.

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
