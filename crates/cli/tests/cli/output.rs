//! Where the answer goes when nobody takes it, what a terminal gets, and what is logged.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use yandex_cloud_emulator::Emulator;

use crate::run::yc_auth;

/// A terminal: its far end, and the line that a program is given.
pub(crate) fn terminal() -> (File, File) {
    use std::os::unix::ffi::OsStrExt;
    let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&far).unwrap();
    unlockpt(&far).unwrap();
    let name = ptsname(&far, Vec::new()).unwrap();
    let name = std::ffi::OsStr::from_bytes(name.as_bytes());
    let line = rustix::fs::open(
        name,
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
        rustix::fs::Mode::empty(),
    );
    (far.into(), line.unwrap().into())
}

#[test]
fn a_closed_pipe_is_no_panic_and_no_word() {
    for words in [&["token"][..], &["header"], &["doctor"], &["man"], &["completions", "bash"], &["demo"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut run = yc_auth(words).env("YC_IAM_TOKEN", "t1.fake.token");
        run.command.stdout(Stdio::from(writer));
        let outcome = run.done();
        assert_eq!((outcome.status, outcome.stderr.as_str()), (1, ""), "{words:?}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut help = yc_auth(["--help"]);
    help.command.stdout(Stdio::from(writer));
    help.done();
}

#[test]
fn a_closed_standard_error_is_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut run = yc_auth(["token"]).env("YC_AUTH_LOG", "trace");
    run.command.stderr(Stdio::from(writer));
    assert_eq!(run.done().status, 5);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told() {
    let mut run = yc_auth(["token"]).env("YC_IAM_TOKEN", "t1.fake.token");
    run.command.stdout(Stdio::from(File::options().write(true).open("/dev/full").unwrap()));
    let outcome = run.done();
    assert_eq!(outcome.status, 1);
    assert!(outcome.stderr.contains("the answer could not be written"), "{outcome:?}");
}

/// What a person sees who runs it at a terminal.
fn at_terminal(words: &[&str], variables: &[(&str, &str)]) -> String {
    let (mut far, line) = terminal();
    let mut run = variables.iter().fold(yc_auth(words), |run, (name, value)| run.env(name, value));
    run.command.stdout(Stdio::from(line.try_clone().unwrap())).stderr(Stdio::from(line));
    let seen = thread::spawn(move || {
        let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
        // The far end fails, rather than ends, when the last program has closed its line.
        while let Ok(length @ 1..) = far.read(&mut chunk) {
            seen.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8(seen).unwrap()
    });
    run.done();
    // The command keeps the line open until it is dropped, which `done` has done.
    seen.join().unwrap()
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let seen = at_terminal(&["doctor"], &[("YC_IAM_TOKEN", "t1.fake.token")]);
    assert!(seen.contains("\u{1b}[32m") && !seen.contains("fake"), "{seen:?}");
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = at_terminal(&["doctor"], &[("YC_IAM_TOKEN", "t1.fake.token"), plain]);
        assert!(!seen.contains('\u{1b}'), "{seen:?}");
    }
    let piped = yc_auth(["doctor"]).env("YC_IAM_TOKEN", "t1.fake.token").done();
    assert!(!piped.answer().contains('\u{1b}'), "{piped:?}");
}

#[test]
fn a_person_is_told_an_error_once() {
    let seen = at_terminal(&["doctor", "--method", "api-key"], &[("NO_COLOR", "1")]);
    assert_eq!(seen.matches("error: ").count(), 1, "{seen}");
}

#[test]
fn the_log_is_silent_until_asked_and_then_ours_alone() {
    let emulator = Emulator::start_in_thread().unwrap();
    let run = |level: &str| {
        yc_auth(["token"])
            .env("YC_AUTH_LOG", level)
            .env("YC_API_ENDPOINT", emulator.api_url())
            .secret("YC_OAUTH_TOKEN", emulator.oauth_token())
            .done()
    };
    for silent in ["", "off", "error"] {
        run(silent).answer();
    }
    let traced = run("trace");
    assert_eq!((traced.status, traced.stdout.lines().count()), (0, 1));
    assert!(!traced.stderr.contains(traced.stdout.trim()), "the token is in the log");
    assert!(traced.stderr.contains("selected method=oauth-token"), "{traced:?}");
    for line in traced.stderr.lines() {
        assert!(line.contains(" yandex_cloud_auth") || line.contains(" yc_auth"), "{line}");
    }
    let warned = run("warn").stderr;
    assert!(warned.contains("2026-06-01") && !warned.contains("INFO"), "{warned}");
    assert!(run("loud").stderr.starts_with("warning: YC_AUTH_LOG: "));
}
