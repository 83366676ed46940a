//! Recordings of the real service: the SDK sends the recorded requests, and reads the recorded responses without loss.
//!
//! One test serves all recordings. For each call, the SDK reads the recorded body as its own request for that path, and
//! sends it. The replay server compares the request with the recorded one, and responds with the recorded bytes, in
//! pieces of random sizes. The response, and each chunk of a stream, must give the recorded JSON when it is written
//! again, and its accessors must return the values of the JSON.
//!
//! The recordings are in the folder that `YC_RECORDINGS` names, else in `../shared/recordings` beside the workspace.
//! They belong to the service and are not part of this repository; without them the test passes. `YC_RECORDINGS_SEED` repeats a run.

#![allow(clippy::print_stdout, reason = "it tells what was run, and what was not")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use yandex_ai_studio_sdk::models::TextEmbeddingResponse;
use yandex_cloud_replay::Recording;

use crate::recorded::session::{self, Outcome};

/// How often each recording is replayed, with other packet boundaries each time.
const TIMES: u64 = 3;

#[tokio::test]
async fn sends_recorded_requests_and_reads_recorded_responses() {
    let named = std::env::var_os("YC_RECORDINGS");
    let is_named = named.is_some();
    let folder = named.map_or_else(beside_the_workspace, PathBuf::from);
    if !folder.is_dir() {
        assert!(!is_named, "YC_RECORDINGS names no folder: {}", folder.display());
        println!("skipped: no folder {}", folder.display());
        return;
    }
    let recordings = Recording::read_folder(&folder).expect("all files of the folder are recordings");
    let seed = std::env::var("YC_RECORDINGS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..u64::from(u32::MAX)));
    println!("{} recordings in {}, seed {seed}", recordings.len(), folder.display());

    let (mut ran, mut not_covered, mut failures) = (0, BTreeMap::<String, u32>::new(), Vec::new());
    for recording in &recordings {
        for time in 0..TIMES {
            let Outcome { sent, skipped, wrong } = session::replay(recording, seed + time).await;
            failures.extend(wrong.map(|wrong| format!("{}: {wrong}", recording.name)));
            if time == 0 {
                println!("{}: {sent} calls, {} not covered", recording.name, skipped.len());
                ran += sent;
                for what in skipped {
                    *not_covered.entry(what).or_default() += 1;
                }
            }
        }
    }
    for (what, times) in &not_covered {
        println!("not covered, {times} times: {what}");
    }
    println!("{ran} calls, each {TIMES} times; {} not covered", not_covered.values().sum::<u32>());
    assert!(failures.is_empty(), "seed {seed}:\n{}", failures.join("\n"));
    assert!(
        ran > 0 || (recordings.is_empty() && !is_named),
        "no call of {} recordings was run",
        recordings.len()
    );
}

/// The replay cannot check this, because it uses the same parser for numbers.
#[test]
fn numbers_are_read_exactly() {
    for text in ["-0.00047898292541503906", "0.0918560028076171875", "1e-7", "0.1", "9007199254740993.0"] {
        let body = format!("{{\"embedding\":[{text}]}}");
        let read: TextEmbeddingResponse = serde_json::from_str(&body).expect("the body");
        assert_eq!(read.embedding, [text.parse::<f64>().expect("a number")]);
    }
}

fn beside_the_workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings"))
}
