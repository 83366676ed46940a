//! `demo`: all of it happens, it touches nothing of the user's, and it leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{Folder, yc_auth};

#[test]
fn it_shows_all_methods_and_the_automatic_choice() {
    let outcome = yc_auth(["demo"]).done();
    let text = outcome.answer();
    for method in [
        "api-key",
        "iam-token",
        "oauth-token",
        "service-account-key",
        "workload-identity",
        "token-file",
        "metadata",
        "env-iam-token",
        "yandex-cloud-cli",
        "profile",
        "impersonation",
        "function",
        "none",
    ] {
        assert!(text.contains(&format!("  ✓ {method} ")), "{method}: {text}");
    }
    for words in [
        "Automatic selection",
        "metadata             http://127.0.0.1:",
        "0 failed, 0 waited",
        "requests to IAM: 1,",
        "IAM said 503",
        "20 of 20 chat completions",
        "IAM is back",
        "claims held",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('✗') && !text.contains('\u{1b}') && !text.contains("FAKE"), "{text}");
}

#[test]
fn nothing_of_the_users_gets_in_and_nothing_is_left_behind() {
    let folder = Folder::new();
    let outcome = yc_auth(["demo"])
        .env("TMPDIR", &folder.path)
        .env("YC_API_KEY", "AQVN-of-the-user")
        .env("YC_API_ENDPOINT", "https://api.example.test")
        .env("YC_METADATA_ADDR", "127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("YC_PROFILE", "of-the-user")
        .env("PATH", crate::run::FAKES)
        .env("FAKE_YC", "fails")
        .done();
    assert!(outcome.answer().contains("claims held"));
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 0);
}

#[test]
fn it_fails_where_it_cannot_be_set_up() {
    let outcome = yc_auth(["demo"]).env("TMPDIR", "/nonexistent").done();
    assert!(outcome.fails(1).contains("demo: the stage cannot be set"), "{outcome:?}");
}

#[test]
fn ctrl_c_leaves_nothing_behind_either() {
    let folder = Folder::new();
    let mut child = yc_auth(["demo"]).env("TMPDIR", &folder.path).command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // It goes on for hundreds of milliseconds; on a machine that is slower with us than with it, it is through.
    let status = child.wait().unwrap().code();
    assert!(matches!(status, Some(130 | 0)), "{status:?}");
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 0);
}
