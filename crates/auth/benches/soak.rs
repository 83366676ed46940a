//! A soak: memory and descriptors stay flat over very many calls and rotations.
//!
//! ```text
//! cargo bench -p yandex-cloud-auth --bench soak                        10^9 calls, 10^5 rotations, in virtual time
//! cargo bench -p yandex-cloud-auth --bench soak -- --calls 1e7 --rotations 1e3
//! cargo bench -p yandex-cloud-auth --bench soak -- --real 3600         an hour against the emulator, in real time
//! ```
//!
//! In virtual time each rotation is an hour later; each eighth fetch fails, and each eleventh token is refused by a
//! server. In real time tokens live for 20 s, and the metadata service is down for 5 s of each 15 s. The program fails
//! if a call fails, or if memory or descriptors grow.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use test_support::system::isolated_system;
use test_support::token_source::{InStep, Source, unavailable};
use yandex_cloud_auth::system::{BoxFuture, Clock, Now};
use yandex_cloud_auth::{Credentials, Error, MetadataAuth, Token};
use yandex_cloud_emulator::{Emulator, Fault, Renewal, Service};

const HOUR: Duration = Duration::from_secs(3600);

/// How much memory may grow after the first tenth, in KiB: the allocator's own noise.
const NOISE_KIB: u64 = 1024;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(at + 1).and_then(|value| value.parse::<f64>().ok()).expect("a number"))
    };
    match option("--real") {
        Some(seconds) => real(Duration::from_secs_f64(seconds)),
        None => {
            let (calls, rotations) = (option("--calls").unwrap_or(1e9), option("--rotations").unwrap_or(1e5));
            virtual_time(calls as u64, rotations as u64);
        }
    }
}

/// Memory in KiB, and open descriptors.
#[derive(Clone, Copy, Debug)]
struct Usage {
    memory: u64,
    descriptors: usize,
}

impl Usage {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        // The listing itself holds one.
        let descriptors =
            std::fs::read_dir("/proc/self/fd").map_or(0, |folder| folder.count().saturating_sub(1));
        Self { memory, descriptors }
    }

    fn assert_flat(self, before: Self, noise: u64) {
        println!(
            "memory {} -> {} KiB, descriptors {} -> {}",
            before.memory, self.memory, before.descriptors, self.descriptors
        );
        assert!(self.memory <= before.memory + noise, "memory grows");
        assert!(self.descriptors <= before.descriptors, "descriptors grow");
    }
}

/// A clock that moves only when the soak moves it, and costs one load.
#[derive(Clone, Default)]
struct AtomicClock {
    millis: Arc<AtomicU64>,
}

impl Clock for AtomicClock {
    fn now(&self) -> Now {
        let now = Duration::from_millis(self.millis.load(Ordering::Relaxed));
        Now { wall: Duration::from_secs(1_800_000_000) + now, monotonic: now }
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        // Every fetch ends at once, so no limit is ever reached.
        Box::pin(std::future::pending())
    }

    fn random(&self) -> f64 {
        0.5
    }
}

/// A token of the documented shape: the recogniser takes some short ones for encoded text.
fn token(count: usize) -> Result<Token, Error> {
    Token::new(format!("t1.FAKE-{count}.{:x<86}", "FAKE-signature-"))
}

fn virtual_time(calls: u64, rotations: u64) {
    let clock = AtomicClock::default();
    let counted = Arc::new(AtomicU64::new(0));
    let fetches = Arc::clone(&counted);
    let source = Source::new(move |count| {
        // The eighth of a row fails: the seven before it, and the one after it, bring tokens.
        match fetches.fetch_add(1, Ordering::Relaxed) % 8 {
            7 => Err(unavailable()),
            // A failed refresh leaves a token that is usable until the next rotation.
            _ => Ok(token(count)?.expiring_in(3 * HOUR)),
        }
    });
    let system = isolated_system().with_clock(clock.clone()).with_spawner(InStep);
    let credentials = Credentials::from_source(source).with_system(system);
    credentials.blocking().header().unwrap();
    let each = (calls / rotations.max(1)).max(1);
    let (mut made, mut failed, mut refused, mut start) = (0_u64, 0_u64, 0_u64, None);
    let began = Instant::now();
    for rotation in 0..rotations {
        if rotation == rotations / 10 {
            start = Some(Usage::now());
        }
        clock.millis.fetch_add(3_600_000, Ordering::Relaxed);
        let before = credentials.snapshot().map(|snapshot| snapshot.generation());
        for call in 0..each {
            // Both ready paths, by turns.
            let header = match call % 2 {
                0 => credentials.try_header(),
                _ => credentials.header().now_or_never(),
            };
            let is_header = header.and_then(Result::ok).flatten().is_some_and(|header| header.is_sensitive());
            // After a refusal `try` has nothing yet, and starts the fetch.
            failed += u64::from(!is_header && (before.is_some() || call > 0));
        }
        made += each;
        // Of a token that is fresh: a refusal of an older one changes nothing. Not before a fetch that fails.
        if rotation % 11 == 10 && counted.load(Ordering::Relaxed) % 8 != 7 {
            let current = credentials.snapshot().expect("the token of this rotation is usable");
            refused += u64::from(credentials.invalidate(&current));
        }
        if rotations >= 10 && rotation % (rotations / 10) == 0 {
            let Usage { memory, descriptors } = Usage::now();
            println!(
                "{made} calls, rotation {rotation}: {memory} KiB, {descriptors} descriptors, {:.0?}",
                began.elapsed()
            );
        }
    }
    let elapsed = began.elapsed();
    println!(
        "{made} calls and {rotations} rotations in {elapsed:.1?}, {:.1} ns a call",
        elapsed.as_nanos() as f64 / made as f64
    );
    println!(
        "{} fetches, {refused} tokens refused, {failed} calls failed; {:?}",
        counted.load(Ordering::Relaxed),
        credentials.counters()
    );
    assert_eq!(failed, 0, "calls failed");
    assert!(refused > 0 || rotations < 11, "no token was refused");
    assert!(counted.load(Ordering::Relaxed) >= rotations, "the tokens were not rotated");
    Usage::now().assert_flat(start.unwrap_or_else(Usage::now), NOISE_KIB);
}

fn real(duration: Duration) {
    let emulator = Emulator::builder()
        .token_lifetime(Duration::from_secs(20))
        .metadata_renewal(Renewal::Always)
        .start_in_thread()
        .unwrap();
    let address = emulator.metadata_addr().to_string();
    let credentials = Credentials::from(MetadataAuth::builder().address(address).build());
    let credentials = credentials.with_system(isolated_system());
    credentials.blocking().header().unwrap();
    let (end, failed, made) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let worst = AtomicU64::new(0);
    let (mut start, began) = (None, Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !end.load(Ordering::Relaxed) {
                    for _ in 0..100 {
                        let call = Instant::now();
                        let header = credentials.blocking().header();
                        worst.fetch_max(call.elapsed().as_micros() as u64, Ordering::Relaxed);
                        made.fetch_add(1, Ordering::Relaxed);
                        failed.fetch_add(u64::from(header.is_err()), Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        let mut second = 0_u64;
        while began.elapsed() < duration {
            std::thread::sleep(Duration::from_secs(1));
            second += 1;
            match second % 15 {
                5 => emulator.faults().add(Fault::status(503).on(Service::Metadata)),
                10 => emulator.faults().clear(),
                _ => {}
            }
            if start.is_none() && began.elapsed() > duration / 10 {
                start = Some(Usage::now());
            }
            if second.is_multiple_of(60) {
                let Usage { memory, descriptors } = Usage::now();
                let counters = credentials.counters();
                println!(
                    "{second} s: {} calls, {counters:?}, {memory} KiB, {descriptors} descriptors",
                    made.load(Ordering::Relaxed)
                );
            }
        }
        end.store(true, Ordering::Relaxed);
    });
    let (made, failed) = (made.into_inner(), failed.into_inner());
    let counters = credentials.counters();
    println!(
        "{made} calls in {:.0?}, {failed} failed, {counters:?}, the longest call {} us",
        began.elapsed(),
        worst.into_inner()
    );
    assert_eq!((failed, counters.waited), (0, 1), "a call failed, or waited");
    assert!(counters.failures > 0 || duration < Duration::from_secs(30), "no refresh met the outage");
    // The emulator is in this process, and keeps what it has issued for a while.
    Usage::now().assert_flat(start.unwrap_or_else(Usage::now), 4 * NOISE_KIB);
}
