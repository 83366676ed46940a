//! What the layer costs on the ready path, against the client alone: `cargo bench -p yandex-cloud-auth --bench layer`.
//!
//! The client does nothing but give the request back, so all that is measured is the layer: the host is judged, the
//! header at hand is taken and put on the request, the call is made. Nanoseconds and allocations are of the same run.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
use yandex_cloud_auth::{Credentials, IamTokenAuth};

// Few enough for requests and answers to stay in the cache, as one request does.
const CALLS: usize = 32;
const ROUNDS: usize = 50_000;

fn main() {
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    let layer = AuthLayer::new(Credentials::from(IamTokenAuth::new(token).unwrap()));
    let measures = [
        ("the client alone", measure(Nothing)),
        ("layer, NoReplay", measure(layer.clone().layer(Nothing))),
        ("layer, CloneReplay", measure(layer.replay(CloneReplay).layer(Nothing))),
    ];
    let bare = measures[0].1;
    println!("a call on the ready path (best of {ROUNDS} rounds of {CALLS} calls)");
    println!("  {:20} {:>8} {:>10} {:>13} {:>13}", "", "ns", "ns over", "allocations", "allocs over");
    for (name, (ns, allocations)) in measures {
        let (over, more) = (ns - bare.0, allocations - bare.1);
        println!("  {name:20} {ns:8.1} {over:10.1} {allocations:13.2} {more:13.2}");
    }
    println!("  (NoReplay: at most 100 ns and 0 allocations over the client alone)");
}

/// Gives the request back.
#[derive(Clone)]
struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<Request<()>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok(Response::new(request)))
    }
}

/// Nanoseconds and allocations of one call. Requests are made before, and dropped after, what is measured.
fn measure<S: Service<Request<()>>>(mut service: S) -> (f64, f64) {
    let mut round = |count: bool| {
        let mut requests: Vec<_> = (0..CALLS).map(|_| request()).collect();
        let mut answers = Vec::with_capacity(CALLS);
        let mut calls = || {
            let mut context = Context::from_waker(Waker::noop());
            for request in requests.drain(..) {
                let _ = black_box(service.poll_ready(&mut context));
                answers.push(pin!(service.call(black_box(request))).poll(&mut context));
            }
        };
        if count {
            return (Duration::ZERO, allocation_counter::measure(calls).count_total);
        }
        let start = Instant::now();
        calls();
        (start.elapsed(), 0)
    };
    let best = (0..ROUNDS).map(|_| round(false).0).min().unwrap();
    let calls = f64::from(u32::try_from(CALLS).unwrap());
    let allocations = f64::from(u32::try_from(round(true).1).unwrap());
    (best.as_secs_f64() * 1e9 / calls, allocations / calls)
}

/// As clients make them: with a header of its own, and so with room for one more.
fn request() -> Request<()> {
    Request::post("https://llm.api.cloud.yandex.net/foundationModels/v1/completion")
        .header("content-type", "application/json")
        .body(())
        .unwrap()
}
