//! The figures of this library, each as a ratio measured in this run: `cargo bench -p yandex-cloud-auth`.
//!
//! - A cached header against its floor, which reads both coarse clocks and clones a header of the thread; with one thread
//!   and with 64.
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
    cached_header();
    stale_token();
    failing_source();
}

/// The CPU time of this thread. The time of day says more about the load of the machine than about a call.
#[cfg(unix)]
fn cpu_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

/// Nanoseconds of CPU time per call, the mean of all threads.
fn nanoseconds(threads: u32, call: &(dyn Fn() + Sync)) -> f64 {
    const CALLS: u32 = 10_000;
    let barrier = std::sync::Barrier::new(usize::try_from(threads).unwrap());
    let round = || {
        // A thread has its own copy of the header from the third call on.
        (0..3).for_each(|_| call());
        barrier.wait();
        let start = cpu_time();
        (0..CALLS).for_each(|_| call());
        cpu_time() - start
    };
    let all: Duration = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(round)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    all.as_secs_f64() * 1e9 / f64::from(CALLS) / f64::from(threads)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cached_header() {
    const THREADS: [u32; 2] = [1, 64];
    const ROUNDS: usize = 41;
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    let clock = SystemClock::new();
    thread_local!(static MINE: std::cell::OnceCell<HeaderValue> = const { std::cell::OnceCell::new() });
    let floor = || {
        MINE.with(|mine| {
            let mine = mine.get_or_init(|| HeaderValue::try_from(format!("Bearer {token}")).unwrap());
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
    let calls: [(&str, &(dyn Fn() + Sync)); 3] = [
        ("floor: both coarse clocks, own header", &floor),
        ("header().await", &asynchronous),
        ("try_header()", &without_waiting),
    ];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(calls.map(|(_, call)| THREADS.map(|threads| nanoseconds(threads, call))));
    }
    let middle = |of: &dyn Fn(&[[f64; 2]; 3]) -> f64| median(&mut rounds.iter().map(of).collect::<Vec<_>>());
    println!("cached header, ns of CPU time per call (median of {ROUNDS} rounds, by turns)");
    println!("  {:38} {:>9} {:>11} {:>9} {:>9}", "", "1 thread", "64 threads", "to floor", "64 to 1");
    for (at, (name, _)) in calls.iter().enumerate() {
        let (one, many) = (middle(&|round| round[at][0]), middle(&|round| round[at][1]));
        let to_floor = middle(&|round| round[at][0] / round[0][0]);
        let to_one = middle(&|round| round[at][1] / round[at][0]);
        println!("  {name:38} {one:9.1} {many:11.1} {to_floor:9.2} {to_one:9.2}");
    }
    println!("  (to floor: at most 1.5; 64 to 1: no more than the floor's)");
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
