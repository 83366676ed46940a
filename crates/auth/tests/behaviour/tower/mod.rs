//! The layer, in front of a server that the test controls.

mod destinations;
mod replays;
mod waiting;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use test_support::token_source::Source;
use test_support::wait::HOUR;
use tower_service::Service;
use yandex_cloud_auth::Credentials;
use yandex_cloud_auth::testing::TestClock;

const URL: &str = "https://llm.api.cloud.yandex.net/x";

type Rule = dyn Fn(&str) -> Response<()> + Send + Sync;

/// A server whose response depends on the `Authorization` header. It records the headers.
#[derive(Clone)]
struct Server {
    seen: Arc<Mutex<Vec<String>>>,
    rule: Arc<Rule>,
}

impl Server {
    fn new(rule: impl Fn(&str) -> Response<()> + Send + Sync + 'static) -> Self {
        Self { seen: Arc::default(), rule: Arc::new(rule) }
    }

    /// Refuses the first token of a source.
    fn refusing_the_first() -> Self {
        Self::new(|header| if header == "Bearer t1.fake.0" { status(401) } else { status(200) })
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl<B> Service<Request<B>> for Server {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = request.headers().get("authorization");
        let header = header.map_or("", |header| header.to_str().unwrap()).to_owned();
        let response = (self.rule)(&header);
        self.seen.lock().unwrap().push(header);
        ready(Ok(response))
    }
}

fn status(code: u16) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn request(uri: &str) -> Request<&'static str> {
    Request::post(uri).body("body").unwrap()
}

fn fetched() -> (Source, Credentials) {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    (source, credentials)
}
