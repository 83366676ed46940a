//! A client with a bounded number of places, such as a channel of tonic: who holds one, and when.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use test_support::token_source::Source;
use test_support::wait::{HOUR, on_runtime};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::tower::AuthLayer;

const URL: &str = "https://llm.api.cloud.yandex.net/x";

/// A client with one place, which a service that is ready holds until its request has been sent.
struct OnePlace {
    free: Arc<AtomicBool>,
    is_held: bool,
}

impl Clone for OnePlace {
    fn clone(&self) -> Self {
        Self { free: Arc::clone(&self.free), is_held: false }
    }
}

impl OnePlace {
    fn give_back(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.free.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for OnePlace {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Service<Request<&'static str>> for OnePlace {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_held = self.is_held || self.free.swap(false, Ordering::SeqCst);
        if self.is_held {
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request<&'static str>) -> Self::Future {
        assert!(self.is_held, "the service was called before it was ready");
        self.give_back();
        assert!(request.headers().contains_key("authorization"));
        ready(Ok(Response::new(())))
    }
}

#[test]
fn a_request_that_waits_for_a_token_holds_no_place_of_the_client() {
    let source = Source::living(HOUR);
    source.hold();
    let place = OnePlace { free: Arc::new(AtomicBool::new(true)), is_held: false };
    let service = AuthLayer::new(source.on_clock(&TestClock::new())).layer(place);
    on_runtime(async move {
        let mut waiting = Vec::new();
        for _ in 0..10 {
            let mut service = service.clone();
            std::future::poll_fn(|context| service.poll_ready(context)).await.unwrap();
            waiting.push(tokio::spawn(service.call(Request::post(URL).body("body").unwrap())));
        }
        source.release();
        for response in waiting {
            assert_eq!(response.await.unwrap().unwrap().status(), 200);
        }
    });
}
