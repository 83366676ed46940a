//! Callers that wait: a cold start, and ten thousand callers at once while the source is slow or down, without a token
//! or with a stale one. Memory, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::fake;
use crate::peers::Peer;

pub const CALLERS: usize = 10_000;
/// What the fake takes for a token, in the storms.
const LATENCY_MS: u32 = 200;
/// Callers that have no answer after this time are counted as such.
const LIMIT: Duration = Duration::from_secs(30);
/// New credentials that are measured.
pub const STARTS: usize = 51;

/// New credentials and their first header, in microseconds: the median of 51.
pub async fn cold<P: Peer>(fake: &str) {
    fake::set(fake, P::AT_FAKE, "delay_ms=0&fails=0&life=3600");
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        P::new(fake).header().await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    let requests = fake::set(fake, P::AT_FAKE, "delay_ms=0");
    print_cold(P::NAME, times[STARTS / 2].as_secs_f64() * 1e6, requests);
}

pub fn print_cold(name: &str, microseconds: f64, requests: u64) {
    println!("{name:32} {microseconds:10.0} {:10.2}", requests as f64 / STARTS as f64);
}

/// Ten thousand tasks that call at the same moment, without a token.
pub async fn storm<P: Peer>(fake: &str, fails: bool) {
    fake::set(fake, P::AT_FAKE, &start_of_storm(fails));
    let waits = together(P::new(fake)).await;
    let requests = fake::set(fake, P::AT_FAKE, "delay_ms=0&fails=0");
    print_storm(P::NAME, requests, &waits);
}

pub fn start_of_storm(fails: bool) -> String {
    format!("delay_ms={LATENCY_MS}&fails={}&life=3600", u8::from(fails))
}

/// The same with a token that the library renews, and that has not expired.
pub async fn stale<P: Peer>(fake: &str) {
    let (life, age) = P::STALE;
    fake::set(fake, P::AT_FAKE, &format!("delay_ms=0&fails=0&life={life}"));
    let peer = P::new(fake);
    peer.header().await.unwrap();
    tokio::time::sleep(age).await;
    fake::set(fake, P::AT_FAKE, &start_of_storm(false));
    let waits = together(peer).await;
    // Until the renewal in the background is over.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let requests = fake::set(fake, P::AT_FAKE, "delay_ms=0");
    print_storm(P::NAME, requests, &waits);
}

pub struct Waits {
    pub median_ms: f64,
    pub longest_ms: f64,
    pub failed: usize,
    pub unanswered: usize,
}

async fn together<P: Peer>(peer: P) -> Waits {
    let gate = Arc::new(Semaphore::new(0));
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (peer, gate) = (peer.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                gate.acquire().await.unwrap().forget();
                let start = Instant::now();
                let answer = tokio::time::timeout(LIMIT, peer.header()).await;
                (start.elapsed(), answer.map(Result::err))
            })
        })
        .collect();
    gate.add_permits(CALLERS);
    let (mut waits, mut unanswered, mut failed, mut reasons) = (Vec::new(), 0, 0, BTreeSet::new());
    for task in tasks {
        let (wait, answer) = task.await.unwrap();
        waits.push(wait);
        match answer {
            Err(_) => unanswered += 1,
            Ok(Some(reason)) => {
                failed += 1;
                reasons.insert(reason);
            }
            Ok(None) => {}
        }
    }
    // For whoever doubts a figure: not part of the table.
    for reason in reasons.iter().take(3) {
        eprintln!("{}: {reason}", P::NAME);
    }
    waits.sort();
    let [median_ms, longest_ms] =
        [waits[CALLERS / 2], waits[CALLERS - 1]].map(|wait| wait.as_secs_f64() * 1e3);
    Waits { median_ms, longest_ms, failed, unanswered }
}

pub fn print_storm_head(what: &str) {
    println!("\n## {what}");
    let [requests, median, longest, failed] = ["requests", "median ms", "longest ms", "failed"];
    println!("{:32} {requests:>9} {median:>10} {longest:>10} {failed:>7} {:>12}", "", "after 30 s");
}

pub fn print_storm(name: &str, requests: u64, waits: &Waits) {
    let Waits { median_ms, longest_ms, failed, unanswered } = waits;
    println!("{name:32} {requests:9} {median_ms:10.1} {longest_ms:10.1} {failed:7} {unanswered:12}");
}

/// Resident memory of one more set of credentials with a token: the mean of 400, after 100 that are not counted. For one
/// library, in a process of its own: others leave memory that is free.
pub async fn memory<P: Peer>(fake: &str, name: &str) {
    if name != P::NAME {
        return;
    }
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4.0
    };
    let mut all = Vec::new();
    for _ in 0..100 {
        all.push(P::new(fake));
    }
    for peer in &all {
        peer.header().await.unwrap();
    }
    let before = resident();
    for _ in 0..400 {
        let peer = P::new(fake);
        peer.header().await.unwrap();
        all.push(peer);
    }
    println!("{:32} {:10.1}", P::NAME, (resident() - before) / 400.0);
}
