//! yc: its notices, its failures, its hangs. yc never outlives this command.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::run::{FAKES, Folder, Run, yc_auth};

fn with_yc(words: &[&str], behaviour: &str) -> Run {
    let words = ["token", "--method", "yandex-cloud-cli"].iter().chain(words);
    yc_auth(words).env("PATH", FAKES).env("FAKE_YC", behaviour)
}

#[test]
fn its_token_is_found_among_notices() {
    assert_eq!(with_yc(&[], "token").done().output(), "t1.FAKE-yc.token\n");
    assert_eq!(with_yc(&[], "notice").done().output(), "t1.FAKE-yc.token\n");
    // A yc that does not know `--format json` is asked in text.
    assert_eq!(with_yc(&[], "text").done().output(), "t1.FAKE-yc.token\n");
}

#[test]
fn its_failures_are_shown_with_its_own_message() {
    for (behaviour, status, message) in [
        ("nothing", 5, "the output is empty"),
        ("words", 5, "the output has no token"),
        ("oauth", 5, "the output is an OAuth token"),
        ("hello", 5, "the output has no token: the output is not an IAM token (`t1.…`): `hello`"),
        ("fails", 5, "iam token create failed: profile 'x' has t1.*** in it"),
        ("silent", 5, "exit status 7"),
        ("refused", 6, "OAuth token is invalid or expired"),
    ] {
        let outcome = with_yc(&[], behaviour).hides("FAKE-leaked").hides("FAKE-oauth").done();
        let printed = outcome.fails(status);
        assert!(
            printed.starts_with("error: yandex-cloud-cli: /") && printed.contains(message),
            "{behaviour}: {printed}"
        );
        assert!(printed.contains("\nhelp: "), "{printed}");
    }
}

#[test]
fn profile_and_endpoint_are_passed_on() {
    let run = with_yc(&["--profile", "work", "--endpoint", "api.corp.test:443"], "arguments");
    let printed = run.done();
    let (endpoint, profile) = ("__endpoint_api_corp_test_443", "__profile_work");
    assert!(printed.output().contains(endpoint) && printed.output().contains(profile), "{printed:?}");
    let run = with_yc(&[], "arguments").env("YC_PROFILE", "home");
    assert!(run.done().output().contains("__profile_home"));
}

#[test]
fn it_does_not_get_the_variable_that_would_override_its_profile() {
    let run = with_yc(&[], "environment").env("YC_IAM_TOKEN", "t1.fake.other");
    assert_eq!(run.done().output(), "t1.FAKE-unset-true\n");
}

/// Reads a pipe on a thread, and sends its lines; `None` is its end.
fn watch(pipe: &Path) -> mpsc::Receiver<Option<String>> {
    let (sender, receiver) = mpsc::channel();
    let pipe = pipe.to_owned();
    thread::spawn(move || {
        for line in BufReader::new(File::open(pipe).unwrap()).lines() {
            let _ = sender.send(Some(line.unwrap()));
        }
        let _ = sender.send(None);
    });
    receiver
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_hanging_yc_is_killed_with_its_child_at_the_timeout() {
    let folder = Folder::new();
    let pipe = folder.pipe("alive");
    let lines = watch(&pipe);
    let outcome = with_yc(&["--timeout", "2"], "hangs").env("FAKE_YC_PIPE", &pipe).done();
    let printed = outcome.fails(5);
    assert!(printed.starts_with("error: yandex-cloud-cli: no token within 2 s"), "{printed}");
    // The pipe ends when both processes have ended.
    while lines.recv_timeout(LONG).expect("yc or its child is still alive").is_some() {}
}

#[test]
fn ctrl_c_and_sigterm_end_yc_with_this_command() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let folder = Folder::new();
        let pipe = folder.pipe("alive");
        let lines = watch(&pipe);
        let mut run = with_yc(&[], "hangs").env("FAKE_YC_PIPE", &pipe);
        let child = run.command.spawn().unwrap();
        assert!(lines.recv_timeout(LONG).expect("yc has not started").is_some());
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(status));
        while lines.recv_timeout(LONG).expect("yc or its child is still alive").is_some() {}
    }
}

#[test]
fn selection_skips_it_where_standard_input_is_no_terminal() {
    let emulator =
        yandex_cloud_emulator::Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let run = |words: &[&str]| {
        yc_auth(words)
            .env("YC_METADATA_ADDR", emulator.metadata_addr().to_string())
            .env("PATH", FAKES)
            .env("FAKE_YC", "token")
    };
    assert!(run(&["token"]).done().fails(3).contains("standard input is not a terminal"));

    // On a terminal selection takes yc, where the endpoint of yc is the configured one.
    let (_test_end, program_end) = crate::output::terminal();
    let at_terminal = |words: &[&str], endpoint: &str| {
        let mut run = run(words).env("FAKE_YC_ENDPOINT", endpoint);
        run.command.stdin(Stdio::from(program_end.try_clone().unwrap()));
        run.done()
    };
    let answer = at_terminal(&["token", "--format", "json"], "").json();
    assert_eq!(
        (&answer["method"], &answer["token"]),
        (&json!("yandex-cloud-cli"), &json!("t1.FAKE-yc.token"))
    );
    assert!(at_terminal(&["token"], "api.corp.test:443").fails(3).contains("yc's endpoint is api.corp.test"));
    let with_endpoint = ["token", "--endpoint", "api.corp.test"];
    assert_eq!(at_terminal(&with_endpoint, "api.corp.test:443").output(), "t1.FAKE-yc.token\n");
}

/// A new shell has the folder on `PATH`; the shell that ran the installer, an editor or a service does not.
#[test]
fn a_yc_that_only_its_installer_knows_is_found_and_the_report_says_so() {
    let folder = Folder::new();
    let bin = folder.path.join("yandex-cloud/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let fake = FAKES.split(':').next().unwrap();
    std::os::unix::fs::symlink(format!("{fake}/yc"), bin.join("yc")).unwrap();
    let run = |words: &[&str], path: &str| {
        let words = [words, &["--method", "yandex-cloud-cli"]].concat();
        yc_auth(words).env("PATH", path).env("HOME", &folder.path).env("FAKE_YC", "token")
    };
    let path = "/usr/bin:/bin";
    assert_eq!(run(&["token"], path).done().output(), "t1.FAKE-yc.token\n");
    let row = |path: &str| run(&["doctor", "--format", "json"], path).done().json()["attempts"][0].clone();
    let found = row(path);
    assert_eq!(found["source"], bin.join("yc").display().to_string());
    assert_eq!(found["reason"], "given; yc is not on PATH: its installer has put it there");
    // The one on PATH comes first.
    let on_path = row(FAKES);
    assert_eq!((&on_path["source"], &on_path["reason"]), (&json!(format!("{fake}/yc")), &json!("given")));
    std::fs::remove_file(bin.join("yc")).unwrap();
    let missing = run(&["token"], path).done();
    let expected = format!("yc is not on PATH, and there is no {}", bin.join("yc").display());
    assert!(missing.fails(3).contains(&expected), "{missing:?}");
}
