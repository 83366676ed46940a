//! Recordings of the real service: the SDK sends what was sent, and reads what was answered, losing nothing.
//!
//! No recording has code of its own. For each call the recorded body is read as the SDK's request for that path, and
//! sent; the replaying server compares what comes with what was recorded, and answers with the recorded bytes, in
//! pieces of random sizes; the answer, each chunk of a stream too, has to be the recorded JSON when it is written again,
//! and to mean what the JSON says.
//!
//! The recordings are in the folder that `YC_RECORDINGS` names, else in `../shared/recordings` beside the workspace.
//! They are the service's, not ours to keep here; without them there is nothing to test. `YC_RECORDINGS_SEED` repeats a run.

#![allow(clippy::print_stdout, reason = "it tells what was run, and what was not")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use yandex_ai_studio_sdk::models::TextEmbeddingResponse;
use yandex_cloud_replay::Recording;

use crate::recorded::session::{self, Tally};

/// How often each recording is replayed, cut at other places each time.
const TIMES: u64 = 3;

#[tokio::test]
async fn sends_what_was_recorded_and_reads_what_was_answered() {
    let folder = std::env::var_os("YC_RECORDINGS").map_or_else(beside_the_workspace, PathBuf::from);
    if !folder.is_dir() {
        println!("passed over: there is no folder {}", folder.display());
        return;
    }
    let recordings = Recording::read_folder(&folder).expect("all files of the folder are recordings");
    let seed = std::env::var("YC_RECORDINGS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..u64::from(u32::MAX)));
    println!("{} recordings in {}, seed {seed}", recordings.len(), folder.display());

    let (mut ran, mut not_covered, mut failures) = (0, BTreeMap::<String, u32>::new(), Vec::new());
    for recording in &recordings {
        for time in 0..TIMES {
            let Tally { sent, passed_over, wrong } = session::replay(recording, seed + time).await;
            failures.extend(wrong.map(|wrong| format!("{}: {wrong}", recording.name)));
            if time == 0 {
                println!("{}: {sent} calls, {} not covered", recording.name, passed_over.len());
                ran += sent;
                for what in passed_over {
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
    assert!(ran > 0 || recordings.is_empty(), "no call of {} recordings was run", recordings.len());
}

/// The replay cannot tell: it reads numbers by the same parser.
#[test]
fn a_number_is_read_to_its_last_bit() {
    for text in ["-0.00047898292541503906", "0.0918560028076171875", "1e-7", "0.1", "9007199254740993.0"] {
        let answer = format!("{{\"embedding\":[{text}]}}");
        let read: TextEmbeddingResponse = serde_json::from_str(&answer).expect("an answer");
        assert_eq!(read.embedding, [text.parse::<f64>().expect("a number")]);
    }
}

fn beside_the_workspace() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings"))
}
