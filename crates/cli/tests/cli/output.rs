//! Output that cannot be written, output on a terminal, and the log.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use yandex_cloud_emulator::Emulator;

use crate::run::yc_auth;

/// A pseudo-terminal: the end of the test, and the end of the program.
pub(crate) fn terminal() -> (File, File) {
    use std::os::unix::ffi::OsStrExt;
    let test_end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&test_end).unwrap();
    unlockpt(&test_end).unwrap();
    let name = ptsname(&test_end, Vec::new()).unwrap();
    let name = std::ffi::OsStr::from_bytes(name.as_bytes());
    let program_end = rustix::fs::open(
        name,
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
        rustix::fs::Mode::empty(),
    );
    (test_end.into(), program_end.unwrap().into())
}

#[test]
fn a_closed_pipe_causes_no_panic_and_no_message() {
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
fn a_closed_standard_error_causes_no_panic() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut run = yc_auth(["token", "--timeout", "2"]).env("YC_AUTH_LOG", "trace");
    run.command.stderr(Stdio::from(writer));
    assert_eq!(run.done().status, 5);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let mut run = yc_auth(["token"]).env("YC_IAM_TOKEN", "t1.fake.token");
    run.command.stdout(Stdio::from(File::options().write(true).open("/dev/full").unwrap()));
    let outcome = run.done();
    assert_eq!(outcome.status, 1);
    assert!(outcome.stderr.contains("the output could not be written"), "{outcome:?}");
}

/// What a terminal shows when the command runs on it.
pub(crate) fn at_terminal(words: &[&str], variables: &[(&str, &str)]) -> String {
    let (mut test_end, program_end) = terminal();
    let mut run = variables.iter().fold(yc_auth(words), |run, (name, value)| run.env(name, value));
    run.command.stdout(Stdio::from(program_end.try_clone().unwrap())).stderr(Stdio::from(program_end));
    let seen = thread::spawn(move || {
        let (mut seen, mut chunk) = (Vec::new(), [0; 4096]);
        // Reading fails, instead of reaching an end, when the last program has closed its end.
        while let Ok(length @ 1..) = test_end.read(&mut chunk) {
            seen.extend_from_slice(&chunk[..length]);
        }
        String::from_utf8(seen).unwrap()
    });
    run.done();
    // `done` has dropped the command, which held the last handle of the program's end.
    seen.join().unwrap()
}

#[test]
fn color_appears_only_on_terminals_that_accept_it() {
    let seen = at_terminal(&["doctor"], &[("YC_IAM_TOKEN", "t1.fake.token")]);
    assert!(seen.contains("\u{1b}[32m") && !seen.contains("fake"), "{seen:?}");
    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = at_terminal(&["doctor"], &[("YC_IAM_TOKEN", "t1.fake.token"), plain]);
        assert!(!seen.contains('\u{1b}'), "{seen:?}");
    }
    let piped = yc_auth(["doctor"]).env("YC_IAM_TOKEN", "t1.fake.token").done();
    assert!(!piped.output().contains('\u{1b}'), "{piped:?}");
}

#[test]
fn a_terminal_shows_an_error_once() {
    let seen = at_terminal(&["doctor", "--method", "api-key"], &[("NO_COLOR", "1")]);
    assert_eq!(seen.matches("error: ").count(), 1, "{seen}");
}

#[test]
fn the_log_is_off_by_default_and_has_only_this_projects_crates() {
    let emulator = Emulator::start_in_thread().unwrap();
    let run = |level: &str| {
        yc_auth(["token"])
            .env("YC_AUTH_LOG", level)
            .env("YC_API_ENDPOINT", emulator.api_url())
            .secret("YC_OAUTH_TOKEN", emulator.oauth_token())
            .done()
    };
    for silent in ["", "off", "error"] {
        run(silent).output();
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
