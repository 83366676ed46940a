//! What the layer costs on the ready path, against the client alone: `cargo bench -p yandex-cloud-auth --bench layer`.
//!
//! The client only stores the request, so the benchmark measures the layer: it checks the host, sets the cached header on
//! the request, and makes the call. Nanoseconds and allocations come from the same run.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
use yandex_cloud_auth::{Credentials, IamTokenAuth};

// Few enough for the requests to stay in the processor's cache, as a single one does.
const CALLS: usize = 32;
const ROUNDS: usize = 50_000;

fn main() {
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    let layer = AuthLayer::new(Credentials::from(IamTokenAuth::new(token).unwrap()));
    let mut runs = [
        run("the client alone", |client| client),
        run("layer, NoReplay", |client| layer.layer(client)),
        run("layer, CloneReplay", |client| layer.clone().replay(CloneReplay).layer(client)),
    ];
    // By turns, so that a machine that slows down for a while does so for each run.
    for _ in 0..ROUNDS {
        for run in &mut runs {
            run.best = run.best.min((run.round)(false).0);
        }
    }
    let figures = runs.map(|mut run| {
        let calls = f64::from(u32::try_from(CALLS).unwrap());
        let allocations = f64::from(u32::try_from((run.round)(true).1).unwrap());
        (run.name, run.best.as_secs_f64() * 1e9 / calls, allocations / calls)
    });
    let bare = figures[0];
    println!("a call on the ready path (best of {ROUNDS} rounds of {CALLS} calls)");
    println!("  {:20} {:>8} {:>10} {:>13} {:>13}", "", "ns", "ns over", "allocations", "allocs over");
    for (name, ns, allocations) in figures {
        let (over, more) = (ns - bare.1, allocations - bare.2);
        println!("  {name:20} {ns:8.1} {over:10.1} {allocations:13.2} {more:13.2}");
    }
    println!("  (NoReplay: at most 60 ns and 0 allocations over the client alone)");
}

/// A client that only stores its requests.
#[derive(Clone, Default)]
struct Nothing(Rc<RefCell<Vec<Request<()>>>>);

impl Service<Request<()>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.borrow_mut().push(request);
        ready(Ok(Response::new(())))
    }
}

/// One measured client, and its best round so far.
struct Run<'a> {
    name: &'static str,
    /// Makes the calls, and counts their allocations or their time.
    round: Box<dyn FnMut(bool) -> (Duration, u64) + 'a>,
    best: Duration,
}

/// Calls the wrapped client. Requests are made before the measurement and dropped after it.
fn run<'a, S: Service<Request<()>> + 'a>(name: &'static str, wrap: impl FnOnce(Nothing) -> S) -> Run<'a> {
    let client = Nothing::default();
    client.0.borrow_mut().reserve(CALLS);
    let mut service = wrap(client.clone());
    let round = move |count: bool| {
        client.0.borrow_mut().clear();
        let mut requests: Vec<_> = (0..CALLS).map(|_| request()).collect();
        let mut calls = || {
            let mut context = Context::from_waker(Waker::noop());
            for request in requests.drain(..) {
                let _ = black_box(service.poll_ready(&mut context));
                let _ = black_box(pin!(service.call(black_box(request))).poll(&mut context));
            }
        };
        if count {
            return (Duration::ZERO, allocation_counter::measure(calls).count_total);
        }
        let start = Instant::now();
        calls();
        (start.elapsed(), 0)
    };
    Run { name, round: Box::new(round), best: Duration::MAX }
}

/// A request as clients make it: with a header, and so with room for one more.
fn request() -> Request<()> {
    Request::post("https://llm.api.cloud.yandex.net/foundationModels/v1/completion")
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}
