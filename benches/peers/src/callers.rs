//! Callers that wait: a cold start, and ten thousand callers at once while the source is slow or down. Memory, too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::fake;
use crate::peers::Peer;

const CALLERS: usize = 10_000;
/// What the fake takes for a token, in the storms.
const LATENCY_MS: u32 = 200;
/// Callers that have no answer after this time are counted as such.
const LIMIT: Duration = Duration::from_secs(30);

/// New credentials and their first header, in microseconds: the median of 51.
pub async fn cold<P: Peer>(fake: &str) {
    fake::set(fake, "delay_ms=0&fails=0&life=3600");
    let mut times = Vec::new();
    for _ in 0..51 {
        let start = Instant::now();
        P::new(fake).header().await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    let requests = fake::set(fake, "delay_ms=0");
    println!("{:20} {:10.0} {:10.2}", P::NAME, times[25].as_secs_f64() * 1e6, requests as f64 / 51.0);
}

/// Ten thousand tasks that call at the same moment.
pub async fn storm<P: Peer>(fake: &str, fails: bool) {
    fake::set(fake, &format!("delay_ms={LATENCY_MS}&fails={}&life=3600", u8::from(fails)));
    let (peer, gate) = (P::new(fake), Arc::new(Semaphore::new(0)));
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (peer, gate) = (peer.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                gate.acquire().await.unwrap().forget();
                let start = Instant::now();
                let answer = tokio::time::timeout(LIMIT, peer.header()).await;
                (start.elapsed(), answer.is_err())
            })
        })
        .collect();
    gate.add_permits(CALLERS);
    let (mut waits, mut unanswered) = (Vec::new(), 0);
    for task in tasks {
        let (wait, is_unanswered) = task.await.unwrap();
        waits.push(wait);
        unanswered += usize::from(is_unanswered);
    }
    waits.sort();
    let requests = fake::set(fake, "delay_ms=0&fails=0");
    let [middle, longest] = [waits[CALLERS / 2], waits[CALLERS - 1]].map(|wait| wait.as_secs_f64() * 1e3);
    println!("{:20} {requests:9} {middle:10.0} {longest:10.0} {unanswered:12}", P::NAME);
}

/// Resident memory of one more set of credentials with a token: the mean of 400, after 100 that are not counted.
pub async fn memory<P: Peer>(fake: &str) {
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
    println!("{:20} {:10.1}", P::NAME, (resident() - before) / 400.0);
}
