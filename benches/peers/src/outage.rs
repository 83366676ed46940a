//! Callers that call all the time while the source is down for a while. Each library has tokens of such a life that the
//! library renews them after about 60 seconds, which is in the middle of the outage.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::peers::{Aws, Azure, Gcp, Google, Ours, Peer, YandexCloudSdk, Ydb, Yup};
use crate::{fake, plot, python};

/// In seconds of the run.
pub const RUN: f32 = 90.0;
pub const DOWN: (f32, f32) = (52.0, 66.0);
/// Callers of a library, and the pause of a caller between two calls.
const CALLERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(10);
/// A caller gives up a call after this time.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
pub enum Outcome {
    Ok,
    /// The header has a token that has expired.
    Expired,
    Failed,
}

#[derive(Clone, Copy)]
pub struct Call {
    /// Seconds of the run.
    pub start: f32,
    pub seconds: f32,
    pub outcome: Outcome,
}

pub struct Library {
    pub name: &'static str,
    life: u64,
    pub calls: Vec<Call>,
    requests_down: u64,
}

pub async fn run(fake: &str) {
    let began = Instant::now();
    let tasks = [
        spawn::<Ours>(fake, began),
        spawn::<Google>(fake, began),
        spawn::<Azure>(fake, began),
        spawn::<Gcp>(fake, began),
        spawn::<Yup>(fake, began),
        spawn::<Aws>(fake, began),
        spawn::<YandexCloudSdk>(fake, began),
        spawn::<Ydb>(fake, began),
        spawn_python(fake),
    ];
    tokio::time::sleep_until((began + Duration::from_secs_f32(DOWN.0)).into()).await;
    let names: Vec<_> = tasks.iter().map(|(name, _)| *name).collect();
    for name in &names {
        fake::set(fake, name, "fails=1");
    }
    tokio::time::sleep_until((began + Duration::from_secs_f32(DOWN.1)).into()).await;
    let requests: Vec<_> = names.iter().map(|name| fake::set(fake, name, "fails=0")).collect();
    let mut libraries = Vec::new();
    for ((_, task), requests) in tasks.into_iter().zip(requests) {
        libraries.push(Library { requests_down: requests, ..task.await.unwrap() });
    }
    print(&libraries);
    if let Some(path) = std::env::var_os("PEERS_SVG") {
        std::fs::write(path, plot::svg(&libraries)).unwrap();
    }
}

type Task = (&'static str, tokio::task::JoinHandle<Library>);

fn spawn<P: Peer>(fake: &str, began: Instant) -> Task {
    let life = P::LIFE_FOR_60_S;
    fake::set(fake, P::AT_FAKE, &format!("delay_ms=0&fails=0&life={life}"));
    let peer = P::new(fake);
    let library = async move {
        let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(caller(peer.clone(), began))).collect();
        let mut calls = Vec::new();
        for caller in callers {
            calls.extend(caller.await.unwrap());
        }
        Library { name: P::NAME, life, calls, requests_down: 0 }
    };
    (P::AT_FAKE, tokio::spawn(library))
}

async fn caller<P: Peer>(peer: P, began: Instant) -> Vec<Call> {
    let mut calls = Vec::new();
    while began.elapsed().as_secs_f32() < RUN {
        let start = Instant::now();
        let header =
            tokio::time::timeout(LIMIT, peer.header()).await.unwrap_or_else(|_| Err("no answer".to_owned()));
        let outcome = match header {
            // A call of a service stands for the header: the service says that the token has expired.
            Ok(header) if header == "called" => Outcome::Ok,
            Ok(header) if fake::has_expired(header.as_bytes()) => Outcome::Expired,
            Ok(_) => Outcome::Ok,
            Err(error) if error.contains(fake::EXPIRED) => Outcome::Expired,
            Err(_) => Outcome::Failed,
        };
        let [start, seconds] = [start - began, start.elapsed()].map(|time| time.as_secs_f32());
        calls.push(Call { start, seconds, outcome });
        tokio::time::sleep(PAUSE).await;
    }
    calls
}

fn spawn_python(fake: &str) -> Task {
    let (library, _) = python::LIBRARIES[0];
    let life = Ours::LIFE_FOR_60_S;
    fake::set(fake, library, &format!("delay_ms=0&fails=0&life={life}"));
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let mut command = tokio::process::Command::from(python::command("outage", library, fake));
    command.args([began.to_string(), RUN.to_string()]);
    let calls = async move {
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let calls = text.lines().map(|line| {
            let parts: Vec<_> = line.split(' ').collect();
            let outcome = match parts[2] {
                "ok" => Outcome::Ok,
                "expired" => Outcome::Expired,
                _ => Outcome::Failed,
            };
            Call { start: parts[0].parse().unwrap(), seconds: parts[1].parse().unwrap(), outcome }
        });
        Library { name: "yandex-ai-studio-sdk (Python)", life, calls: calls.collect(), requests_down: 0 }
    };
    (library, tokio::spawn(calls))
}

fn print(libraries: &[Library]) {
    println!(
        "\n## Calls through an outage: {RUN} s, the source answers 503 from {} s to {} s",
        DOWN.0, DOWN.1
    );
    println!(
        "{:32} {:>6} {:>9} {:>8} {:>10} {:>8} {:>8} {:>10}",
        "", "life s", "requests", "calls", "longest ms", "failed", "expired", "trouble s"
    );
    for Library { name, life, calls, requests_down, .. } in libraries {
        let count = |outcome| calls.iter().filter(|call| call.outcome == outcome).count();
        // Starts are a table of their own.
        let later = calls.iter().filter(|call| call.start > 5.0);
        let longest = later.clone().map(|call| call.seconds).fold(0.0, f32::max) * 1e3;
        let troubled: Vec<_> =
            later.filter(|call| call.outcome != Outcome::Ok || call.seconds > 0.1).collect();
        let first = troubled.iter().map(|call| call.start).fold(f32::MAX, f32::min);
        let last = troubled.iter().map(|call| call.start + call.seconds).fold(0.0, f32::max);
        let trouble = if troubled.is_empty() { "-".to_owned() } else { format!("{first:.0} to {last:.0}") };
        println!(
            "{name:32} {life:6} {requests_down:9} {:8} {longest:10.1} {:8} {:8} {:>10}",
            calls.len(),
            count(Outcome::Failed),
            count(Outcome::Expired),
            trouble
        );
    }
}
