//! A header from a token that is at hand, in CPU time of the thread, each library by turns.
#![allow(dropping_copy_types, reason = "the floor returns nothing to drop")]

use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use http::HeaderValue;
use rustix::time::{ClockId, clock_gettime};
use yandex_cloud_auth::system::{Clock, SystemClock};

use crate::peers::{Aws, Azure, Gcp, Google, Ours, Peer, Yup};
use crate::python;

const ROUNDS: usize = 61;
const CALLS: u32 = 5_000;

/// One measured call, made `CALLS` times.
struct Case<'a> {
    name: &'static str,
    calls: Box<dyn Fn() + Sync + 'a>,
}

macro_rules! case {
    ($name:expr, $call:expr) => {
        Case { name: $name, calls: Box::new(|| (0..CALLS).for_each(|_| drop(black_box($call)))) }
    };
}

/// Polls a future once, in place: each function between would move the header once more. Counts futures that wait for a
/// lock of their library.
macro_rules! poll {
    ($future:expr) => {{
        let polled = pin!($future).poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            WAITED.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }};
}

static WAITED: AtomicU64 = AtomicU64::new(0);

pub async fn run(fake: &str) {
    let token = format!("t1.{}.{}", "FAKE".repeat(30), "x".repeat(86));
    thread_local!(static MINE: std::cell::OnceCell<HeaderValue> = const { std::cell::OnceCell::new() });
    let clock = SystemClock::new();
    let (ours, google) = (Ours::new(fake), Google::new(fake));
    let (gcp, azure) = (Gcp::new(fake), Azure::new(fake));
    let (aws, yup) = (Aws::new(fake), Yup::new(fake));
    let before = before::Credentials::from(before::IamTokenAuth::new(&token).unwrap());
    ours.header().await.unwrap();
    google.header().await.unwrap();
    gcp.header().await.unwrap();
    azure.header().await.unwrap();
    aws.header().await.unwrap();
    yup.header().await.unwrap();
    let cases = [
        case!(
            "floor: two coarse clocks, clone of an own header",
            MINE.with(|mine| {
                let mine = mine.get_or_init(|| HeaderValue::try_from(format!("Bearer {token}")).unwrap());
                black_box(clock.now());
                drop(black_box(mine.clone()));
            })
        ),
        case!("header().await", poll!(ours.0.header())),
        case!("try_header()", ours.0.try_header()),
        case!("header().await at 1ebe106", poll!(before.header())),
        case!("try_header() at 1ebe106", before.try_header()),
        case!("google-cloud-auth, headers().await", poll!(google.header())),
        case!("azure_identity, get_token().await and a header", poll!(azure.header())),
        case!("gcp_auth, token().await and a header", poll!(gcp.header())),
        case!("yup-oauth2, token().await and a header", poll!(yup.header())),
        case!("aws-config, resolve_cached_identity().await", poll!(aws.identity())),
    ];
    assert!(poll!(ours.0.header()).is_ready() && poll!(google.header()).is_ready());
    assert!(poll!(azure.header()).is_ready() && poll!(gcp.header()).is_ready());
    assert!(poll!(aws.identity()).is_ready() && poll!(yup.header()).is_ready());
    let handle = tokio::runtime::Handle::current();
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (times, case) in times.iter_mut().zip(&cases) {
            times.push(on_threads(1, &case.calls, &handle));
        }
    }
    println!("## A header from a token at hand");
    println!("{ROUNDS} rounds of {CALLS} calls, by turns; ns of CPU time per call on one thread");
    println!(
        "{:50} {:>7} {:>7} {:>9} {:>10} {:>11}",
        "", "least", "median", "to floor", "64 threads", "allocations"
    );
    let floor = least(&times[0]);
    for (times, case) in times.iter_mut().zip(&cases) {
        let best = least(times);
        assert_eq!(WAITED.swap(0, Ordering::Relaxed), 0, "{} waits on one thread", case.name);
        let many = (0..5).map(|_| on_threads(64, &case.calls, &handle)).fold(f64::MAX, f64::min);
        // A call that waits for another thread costs that time too: no figure of CPU time.
        let waited = WAITED.swap(0, Ordering::Relaxed) > 0;
        let many = if waited { "waits".to_owned() } else { format!("{many:.1}") };
        let allocations = std::thread::scope(|scope| {
            let counted = || {
                let _runtime = handle.enter();
                (case.calls)();
                allocation_counter::measure(|| (case.calls)()).count_total / u64::from(CALLS)
            };
            scope.spawn(counted).join().unwrap()
        });
        times.sort_by(f64::total_cmp);
        let middle = times[times.len() / 2];
        let ratio = best / floor;
        println!("{:50} {best:7.1} {middle:7.1} {ratio:9.2} {many:>10} {allocations:11}", case.name);
    }
    for (library, name) in python::LIBRARIES {
        let [best, middle] = python::measure("ready", library, fake)[..] else { panic!("two figures") };
        println!(
            "{:50} {best:7.1} {middle:7.1} {:9.2} {:>10} {:>11}",
            format!("{name} (Python)"),
            best / floor,
            "-",
            "-"
        );
    }
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::MAX, f64::min)
}

/// Nanoseconds of CPU time per call, after as many calls that are not counted.
fn nanoseconds(calls: &dyn Fn()) -> f64 {
    let cpu_time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    calls();
    let start = cpu_time();
    calls();
    (cpu_time() - start) / f64::from(CALLS)
}

/// The mean of threads that call at once. They are no tasks: tokio makes a task that never waits give way.
fn on_threads(threads: u32, calls: &(dyn Fn() + Sync), handle: &tokio::runtime::Handle) -> f64 {
    let barrier = std::sync::Barrier::new(threads as usize);
    let sum: f64 = std::thread::scope(|scope| {
        let of_one = || {
            let _runtime = handle.enter();
            barrier.wait();
            nanoseconds(calls)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(of_one)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    sum / f64::from(threads)
}
