//! What no tool writes: garbage, a mebibyte, a closed pipe, an input without an end.

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use yandex_cloud_emulator::{Emulator, Fault, Service};

use super::{one_line, with_token};
use crate::run::{side_by_side, yc_auth};

/// The hooks that read standard input.
const READERS: [&[&str]; 3] = [
    &["credential", "docker", "get"],
    &["credential", "http", "get"],
    &["credential", "git", "get", "--host", "git.example"],
];

#[test]
fn garbage_is_refused_or_not_found_and_never_shown() {
    let long = b"FAKE-input".repeat(110_000);
    let inputs: [&[u8]; 8] = [
        b"\xff\xfeFAKE-input",
        b"FAKE-input FAKE-input",
        b"\0\0\0FAKE-input",
        b"{\"uri\":",
        b"{\"uri\":1,\"FAKE-input\":2}",
        b"[\"FAKE-input\"]",
        &long,
        b"",
    ];
    let cases = READERS.into_iter().flat_map(|words| inputs.map(|input| (words, input)));
    side_by_side(cases, |(words, input)| {
        let outcome = with_token(words).stdin(input).done();
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(!all.contains("FAKE"), "{words:?}: {outcome:?}");
        assert!(matches!(outcome.status, 0 | 1 | 4), "{words:?}: {outcome:?}");
        assert!(outcome.stderr.lines().count() <= 1, "{words:?}: {outcome:?}");
    });
    for words in READERS {
        let outcome = with_token(words).stdin(long.clone()).done();
        assert!(one_line(&outcome, 4).contains("larger than 1 MiB"), "{outcome:?}");
    }
}

#[test]
fn an_input_without_an_end_is_not_awaited_for_ever() {
    side_by_side(READERS, |words| {
        let mut run = with_token(&[words, &["--timeout", "0.5"]].concat());
        let start = Instant::now();
        let mut child = run.command.stdin(Stdio::piped()).spawn().unwrap();
        let pipe = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        drop(pipe);
        assert!(start.elapsed() < Duration::from_secs(20));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{stderr}");
        assert!(stderr.starts_with("error: standard input: the input did not end within 0.5 s"), "{stderr}");
    });
}

#[test]
fn a_reader_that_has_gone_is_no_message() {
    let mut run = with_token(&["credential", "docker", "get"]);
    let mut child = run.command.stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"cr.yandex").unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(1), ""));
}

/// Codex kills its helper after 5 s.
#[test]
fn a_hook_has_four_seconds() {
    let cloud = Emulator::start_in_thread().unwrap();
    let key = cloud.service_account_key().unwrap();
    cloud.faults().add(Fault::hang().on(Service::Iam));
    side_by_side(
        [
            &["credential", "kubernetes"][..],
            &["credential", "aws"],
            &["headers", "--url", "https://api.cloud.yandex.net"],
        ],
        |words| {
            let start = Instant::now();
            let outcome = yc_auth(words)
                .secret("YC_SERVICE_ACCOUNT_KEY_FILE", &key)
                .env("YC_API_ENDPOINT", cloud.api_url())
                .done();
            assert!(start.elapsed() >= Duration::from_secs(3), "{outcome:?}");
            assert!(one_line(&outcome, 5).contains("within 4 s"), "{outcome:?}");
        },
    );
}
