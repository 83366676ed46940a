//! ydb's client with the credentials, against a server that only records the ticket of each request.
#![allow(clippy::unwrap_used, reason = "so a test fails")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_service::Service;
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp};
use yandex_cloud_auth::{Credentials, Error, ErrorKind, NoAuth, System, Token, TokenSource};
use yandex_cloud_auth_ydb::YdbCredentials;
use ydb::Credentials as _;

const HOUR: Duration = Duration::from_secs(3600);

type Rule = dyn Fn(usize) -> Result<Token, Error> + Send + Sync;

/// A token source: a rule makes the token from the number of earlier fetches.
#[derive(Clone)]
struct Source {
    fetches: Arc<AtomicUsize>,
    rule: Arc<Mutex<Arc<Rule>>>,
}

impl Source {
    fn new(rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) -> Self {
        Self { fetches: Arc::default(), rule: Arc::new(Mutex::new(Arc::new(rule))) }
    }

    fn living(life: Duration) -> Self {
        Self::new(move |count| Ok(Token::new(format!("t1.fake.{count}"))?.expiring_in(life)))
    }

    fn set(&self, rule: impl Fn(usize) -> Result<Token, Error> + Send + Sync + 'static) {
        *self.rule.lock().unwrap() = Arc::new(rule);
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn on_clock(&self, clock: &TestClock) -> YdbCredentials {
        YdbCredentials::from(Credentials::from_source(self.clone()).with_system(empty_system(clock)))
    }
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, _: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        let rule = Arc::clone(&*self.rule.lock().unwrap());
        let count = self.fetches.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { rule(count) })
    }
}

/// A system without variables and without a network.
fn empty_system(clock: &TestClock) -> System {
    System::real()
        .with_clock(clock.clone())
        .with_environment(TestEnvironment::empty())
        .with_http(TestHttp::unreachable())
}

/// A server that records tickets.
#[derive(Clone)]
struct TicketRecorder(mpsc::UnboundedSender<String>);

impl Service<http::Request<Body>> for TicketRecorder {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let ticket = request.headers().get("x-ydb-auth-ticket");
        // The test may have ended and dropped the receiver.
        let _ = self.0.send(ticket.map_or("", |ticket| ticket.to_str().unwrap()).to_owned());
        std::future::ready(Ok(tonic::Status::unimplemented("only tickets are recorded").into_http()))
    }
}

/// The ticket of the first request of a client.
async fn ticket(credentials: YdbCredentials) -> String {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address: SocketAddr = incoming.local_addr().unwrap();
    let (sender, mut tickets) = mpsc::unbounded_channel();
    let server = tokio::spawn(Server::builder().serve_with_incoming(TicketRecorder(sender), incoming));
    let client = ydb::ClientBuilder::new_from_connection_string(format!("grpc://{address}/?database=/local"))
        .unwrap()
        .with_credentials(credentials)
        .build();
    let waiting = tokio::spawn(client);
    let ticket = tickets.recv().await.unwrap();
    waiting.abort();
    server.abort();
    ticket
}

#[tokio::test]
async fn requests_carry_the_token_with_its_scheme_and_none_is_anonymous() {
    let clock = TestClock::new();
    assert_eq!(ticket(Source::living(12 * HOUR).on_clock(&clock)).await, "Bearer t1.fake.0");
    let none = Credentials::from(NoAuth::new()).with_system(empty_system(&clock));
    assert_eq!(ticket(YdbCredentials::new(none)).await, "");
}

#[tokio::test]
async fn ydb_retries_while_the_source_is_down() {
    let source = Source::new(|count| match count {
        0 => Err(Error::new(ErrorKind::Unavailable, "the source is down").with_retry_after(Duration::ZERO)),
        _ => Token::new("t1.fake.up"),
    });
    // On the real clock: the library and ydb both wait shortly before they retry.
    let system = System::real().with_environment(TestEnvironment::empty()).with_http(TestHttp::unreachable());
    let credentials = YdbCredentials::new(Credentials::from_source(source.clone()).with_system(system));
    assert_eq!(ticket(credentials).await, "Bearer t1.fake.up");
}

#[tokio::test]
async fn a_refusal_fails_the_client_with_the_help() {
    let source = Source::new(|_| Err(Error::new(ErrorKind::Refused, "no such account").with_help("do this")));
    let client = ydb::ClientBuilder::new_from_connection_string("grpc://127.0.0.1:1/?database=/local")
        .unwrap()
        .with_credentials(source.on_clock(&TestClock::new()))
        .build();
    let error = client.await.err().unwrap().to_string();
    assert!(error.contains("no such account (do this)"), "{error}");
}

#[test]
fn a_token_that_expires_within_the_hour_is_refreshed_before_ydb_gets_it() {
    let (clock, source) = (TestClock::new(), Source::living(12 * HOUR));
    let credentials = source.on_clock(&clock);
    credentials.create_token().unwrap();
    credentials.create_token().unwrap();
    assert_eq!(source.fetches(), 1, "a token that lives longer is shared");
    clock.advance(11 * HOUR + HOUR / 2);
    credentials.create_token().unwrap();
    assert_eq!(source.fetches(), 2);
}

#[test]
fn ydb_gets_a_usable_token_if_none_lives_for_an_hour_or_the_source_is_down() {
    let clock = TestClock::new();
    Source::living(HOUR / 2).on_clock(&clock).create_token().unwrap();

    let source = Source::living(12 * HOUR);
    let credentials = source.on_clock(&clock);
    credentials.create_token().unwrap();
    source.set(|_| Err(Error::new(ErrorKind::Unavailable, "the source is down")));
    clock.advance(11 * HOUR + HOUR / 2);
    token_while_time_passes(&credentials, &clock).unwrap();
    clock.advance(HOUR);
    let error = token_while_time_passes(&credentials, &clock).unwrap_err();
    assert!(error.contains("the source is down"), "{error}");
}

/// Asks for a token while the clock goes on, because a source that is down is tried until the time of the call is over.
fn token_while_time_passes(credentials: &YdbCredentials, clock: &TestClock) -> Result<(), String> {
    std::thread::scope(|scope| {
        let call = scope.spawn(|| credentials.create_token().map(drop).map_err(|error| error.to_string()));
        while !call.is_finished() {
            clock.advance(Duration::from_millis(1));
            std::thread::yield_now();
        }
        call.join().unwrap()
    })
}

#[test]
fn a_token_is_made_without_a_runtime_and_shows_no_secret() {
    let credentials = Source::living(12 * HOUR).on_clock(&TestClock::new());
    let info = credentials.create_token().unwrap();
    let shown = format!("{info:?} {} {credentials:?}", credentials.debug_string());
    assert!(!shown.contains("t1."), "{shown}");
}
