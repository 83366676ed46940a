//! IAM is down: clients of the gateway are served as long as the token lives, and again as soon as IAM is back.

use std::time::Duration;

use test_support::http_client::Response;
use test_support::http_server::{Reply, Server};
use test_support::token_source::{Source, token, unavailable};
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Gateway, passing, tokens};

/// The pause between two requests.
const PAUSE: Duration = Duration::from_secs(5);

/// A gateway, IAM and its clock.
struct Bench {
    gateway: Gateway,
    service: Server,
    iam: Source,
    clock: TestClock,
}

impl Bench {
    async fn new(iam: Source, clock: TestClock) -> Self {
        let service = Server::always(Reply::status(200));
        // Each attempt ends before the request that starts it is answered.
        let credentials = iam.in_step(&clock);
        let gateway = Gateway::with_credentials(&service.url(), "", move |_| Ok(credentials.clone())).await;
        Self { gateway, service, iam, clock }
    }

    fn iam_is_down(&self) {
        self.iam.set(|_| Err(unavailable()));
    }

    fn iam_is_back(&self) {
        self.iam.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
    }

    /// A request each few seconds for this long. Each is answered.
    async fn is_served_for(&self, time: Duration) {
        let requests = time.as_secs() / PAUSE.as_secs();
        for number in 0..requests {
            self.clock.advance(PAUSE);
            let response = self.gateway.call("GET", "/v1/x", &[], "").await;
            assert_eq!(response.status, 200, "request {number} of {requests}: {}", response.text());
        }
    }

    /// The answer to a request that waits for a token.
    async fn answer(&self) -> Response {
        passing(&self.clock, self.gateway.call("GET", "/v1/x", &[], "")).await
    }

    /// The token of the last request.
    fn token(&self) -> String {
        self.service.requests().pop().unwrap().authorization().to_owned()
    }
}

/// Tokens of 12 h are renewed each hour, or up to a tenth earlier, so that each has 11 h left when an outage begins. The worst
/// is an outage at the moment of a renewal, and one of many hours before it that has left the token this hour alone.
#[test]
fn no_request_fails_while_iam_is_down_for_an_hour() {
    on_runtime(async {
        for (before, random) in [(HOUR - PAUSE, 0.0), (11 * HOUR - secs(60), 0.99)] {
            let bench = Bench::new(tokens(), TestClock::new()).await;
            bench.clock.set_random(random);
            bench.is_served_for(PAUSE).await;
            bench.iam_is_down();
            bench.clock.advance(before - 2 * PAUSE);
            let failed = bench.iam.started();
            bench.is_served_for(HOUR).await;
            assert!(bench.iam.started() > failed + 20, "{} attempts to renew", bench.iam.started() - failed);
            assert_eq!(bench.token(), "Bearer t1.fake.0");
            bench.iam_is_back();
            // The longest pause between two attempts is a minute.
            bench.is_served_for(secs(70)).await;
            assert_ne!(bench.token(), "Bearer t1.fake.0");
        }
    });
}

/// A source whose tokens are not renewed each hour is asked an hour before the end, and the token is sent until ten seconds
/// before it. An outage that begins at that moment ends this close to the end of the token.
#[test]
fn an_hour_without_iam_at_the_last_moment_fails_no_request() {
    on_runtime(async {
        let clock = TestClock::new();
        // A thousandth of eleven hours earlier: 39.6 s.
        clock.set_random(0.01);
        let bench = Bench::new(tokens().max_age(24 * HOUR), clock).await;
        bench.is_served_for(PAUSE).await;
        // The longest pauses between two attempts.
        bench.clock.set_random(0.99);
        bench.clock.advance(11 * HOUR - secs(45) - PAUSE);
        assert_eq!(bench.iam.started(), 1);
        bench.iam_is_down();
        bench.is_served_for(secs(60)).await;
        assert!(bench.iam.started() > 1, "the renewals begin with the outage");
        bench.is_served_for(HOUR - secs(60)).await;
        assert!(bench.iam.started() > 20, "{} attempts to renew", bench.iam.started());
        assert_eq!(bench.token(), "Bearer t1.fake.0");
        bench.iam_is_back();
        bench.is_served_for(secs(120)).await;
        assert_ne!(bench.token(), "Bearer t1.fake.0");
    });
}

#[test]
fn an_outage_that_outlives_the_token_is_told_and_ends() {
    on_runtime(async {
        let bench = Bench::new(tokens(), TestClock::new()).await;
        bench.is_served_for(PAUSE).await;
        bench.iam_is_down();
        bench.clock.advance(12 * HOUR - secs(60));
        bench.is_served_for(PAUSE).await;
        bench.clock.advance(secs(60));
        let asked = bench.service.requests().len();
        // For an hour after the end of the token. A request waits for a token as long as the client's time allows.
        for minute in 0..6 {
            let response = bench.answer().await;
            let error = &response.json()["error"];
            assert_eq!((response.status.as_u16(), &error["code"]), (503, &"token_unavailable".into()));
            let text = error["message"].as_str().unwrap();
            assert!(text.contains("no token") && text.contains("the source is down"), "{minute}: {text}");
            assert!(!text.contains("t1.fake") && !text.contains(&bench.gateway.key), "{text}");
            bench.clock.advance(10 * secs(60));
        }
        assert_eq!(bench.service.requests().len(), asked, "no dead token is sent");
        bench.iam_is_back();
        // A failure is remembered for half a minute at most. An attempt of the agent itself may have begun before the end of
        // the outage, and fail after it.
        bench.clock.advance(secs(31));
        if bench.answer().await.status != 200 {
            bench.clock.advance(secs(31));
            assert_eq!(bench.answer().await.status, 200);
        }
        bench.is_served_for(secs(60)).await;
        assert!(bench.token().starts_with("Bearer t1.fake.") && bench.token() != "Bearer t1.fake.0");
    });
}
