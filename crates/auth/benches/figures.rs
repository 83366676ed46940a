//! The figures of this library, each as a ratio measured in this run: `cargo bench -p yandex-cloud-auth`.
//!
//! - A cached header against its floor, which reads both coarse clocks and clones a header of the thread; with one thread
//!   and with one for each core.
//! - Ten thousand callers with a stale token and a source that takes 200 ms; and with no token and a source that fails
//!   after 200 ms.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;
use yandex_cloud_auth::system::{BoxFuture, Clock, System, SystemClock};
use yandex_cloud_auth::{Credentials, Error, ErrorKind, IamTokenAuth, Token, TokenSource};

const LATENCY: Duration = Duration::from_millis(200);
const CALLERS: usize = 10_000;

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cached_header(cores);
    stale_token();
    failing_source();
}

/// Nanoseconds per call on each of `threads`, the best of seven rounds.
fn nanoseconds(threads: usize, call: impl Fn() + Sync) -> f64 {
    const CALLS: u32 = 1_000_000;
    let round = || {
        let barrier = std::sync::Barrier::new(threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        call();
                        barrier.wait();
                        let start = Instant::now();
                        for _ in 0..CALLS {
                            call();
                        }
                        start.elapsed()
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).max().unwrap()
        })
    };
    let best = (0..7).map(|_| round()).min().unwrap();
    best.as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn cached_header(cores: usize) {
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    let own: Vec<HeaderValue> =
        (0..64).map(|_| HeaderValue::try_from(format!("Bearer {token}")).unwrap()).collect();
    let clock = SystemClock::new();
    let next = AtomicUsize::new(0);
    thread_local!(static MINE: std::cell::OnceCell<HeaderValue> = const { std::cell::OnceCell::new() });
    let floor = || {
        MINE.with(|mine| {
            let mine = mine.get_or_init(|| {
                let of = &own[next.fetch_add(1, Ordering::Relaxed) % own.len()];
                HeaderValue::from_bytes(of.as_bytes()).unwrap()
            });
            black_box(clock.now());
            drop(black_box(mine.clone()));
        });
    };
    let credentials = Credentials::from(IamTokenAuth::new(&token).unwrap());
    let asynchronous = || {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let call = std::pin::pin!(credentials.header());
        drop(black_box(call.poll(&mut context)));
    };
    let without_waiting = || drop(black_box(credentials.try_header()));
    println!("cached header, ns per call (best of 7 rounds of 1,000,000)");
    println!("  {:38} {:>9} {:>11}", "", "1 thread", format!("{cores} threads"));
    let mut measured = Vec::new();
    for (name, call) in [
        ("floor: both coarse clocks, own header", &floor as &(dyn Fn() + Sync)),
        ("header().await", &asynchronous),
        ("try_header()", &without_waiting),
    ] {
        let (one, all) = (nanoseconds(1, call), nanoseconds(cores, call));
        println!("  {name:38} {one:9.1} {all:11.1}");
        measured.push((one, all));
    }
    println!(
        "  ratio of header() to its floor, 1 thread:       {:.2} (at most 3)",
        measured[1].0 / measured[0].0
    );
    println!(
        "  ratio of {cores} threads to 1, header():             {:.2} (at most 1)",
        measured[1].1 / measured[1].0
    );
}

/// A source that returns its first token at once and later ones after a delay, or that fails after the delay.
struct Slow {
    fetches: AtomicUsize,
    fails: bool,
    slow: AtomicBool,
}

impl TokenSource for &'static Slow {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            if self.slow.load(Ordering::SeqCst) {
                system.clock().sleep(LATENCY).await;
            }
            if self.fails {
                return Err(Error::new(ErrorKind::Unavailable, "the source is down"));
            }
            Token::new("t1.fake.token").map(|token| token.expiring_in(Duration::from_secs(3600)))
        })
    }

    fn max_age(&self) -> Duration {
        Duration::from_millis(1)
    }
}

/// Ten thousand tasks that call at the same moment: the time of each call, and the time of all together.
fn crowd(credentials: &Credentials) -> (Vec<Duration>, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let tasks: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (credentials, gate) = (credentials.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    gate.acquire().await.unwrap().forget();
                    let start = Instant::now();
                    drop(black_box(credentials.header().await));
                    start.elapsed()
                })
            })
            .collect();
        let start = Instant::now();
        gate.add_permits(CALLERS);
        let mut waits = Vec::with_capacity(CALLERS);
        for task in tasks {
            waits.push(task.await.unwrap());
        }
        let all = start.elapsed();
        waits.sort();
        (waits, all)
    })
}

fn slow(fails: bool) -> &'static Slow {
    Box::leak(Box::new(Slow { fetches: AtomicUsize::new(0), fails, slow: AtomicBool::new(fails) }))
}

fn stale_token() {
    let source = slow(false);
    let credentials = Credentials::from_source(source);
    credentials.blocking().header().unwrap();
    source.slow.store(true, Ordering::SeqCst);
    // Longer than the shortest time between two fetches.
    std::thread::sleep(Duration::from_millis(1100));
    let (waits, _) = crowd(&credentials);
    println!("{CALLERS} callers, a stale token, a source that takes {LATENCY:?}");
    println!("  requests: {} (1)", source.fetches.load(Ordering::SeqCst) - 1);
    println!(
        "  wait: p50 {:?}, p99 {:?} (under 1 ms), longest {:?}",
        waits[CALLERS / 2],
        waits[CALLERS * 99 / 100],
        waits[CALLERS - 1]
    );
}

fn failing_source() {
    let source = slow(true);
    let credentials = Credentials::from_source(source);
    let (waits, all) = crowd(&credentials);
    println!("{CALLERS} callers, no token, a source that fails after {LATENCY:?}");
    println!("  requests: {} (1)", source.fetches.load(Ordering::SeqCst));
    println!(
        "  all have the error after {all:?}: {:.2} of the latency (at most 1.2); longest wait {:?}",
        all.as_secs_f64() / LATENCY.as_secs_f64(),
        waits[CALLERS - 1]
    );
}
