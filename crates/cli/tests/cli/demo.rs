//! `demo`: every check passes, the output fits a terminal, and nothing of the user's is used or left behind.

use std::fs;
use std::io::{BufRead, BufReader};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{Folder, yc_auth};

#[test]
fn it_shows_every_method_automatic_selection_and_the_gateway() {
    let outcome = yc_auth(["demo"]).done();
    let text = outcome.output();
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
    ] {
        let row = text.lines().find(|line| line.starts_with(&format!("  ✓ {method} ")));
        let row = row.unwrap_or_else(|| panic!("{method}: {text}"));
        assert!(row.ends_with("  chat and stream answered"), "{row}");
    }
    let none = text.lines().find(|line| line.starts_with("  ✓ none "));
    assert!(none.unwrap().ends_with("  rejected with 401, as expected"), "{text}");
    for statement in [
        "Automatic selection",
        "metadata             http://127.0.0.1:",
        "    the tool sends   Bearer ***      model yandexgpt\n",
        "    the service gets Bearer t1.***   model gpt://FOLDER/yandexgpt/latest\n",
        "  ✓ a chat completion and a streamed one were answered\n",
        "  ✓ the service got a token and the URI of the model, and never the tool's key\n",
        "  ✓ a wrong key was refused with 401, and the service was not asked\n",
        "  ✓ 2000 calls on 8 threads succeeded without waiting; the slowest took ",
        "  ✓ one request to IAM renewed the token for all threads, after 300 ms\n",
        "  ✓ IAM answered every request with 503 for 10 hours\n",
        "  ✓ 2000 calls during the outage succeeded without waiting\n",
        "  ✓ every chat completion during the outage was answered\n",
        "  ✓ IAM is back: the token was renewed, and a chat completion was answered\n",
        "  ✓ only the two requests without credentials were rejected\n",
        "\nAll 24 checks passed in ",
    ] {
        assert!(text.contains(statement), "{statement}: {text}");
    }
    assert!(!text.contains('✗') && !text.contains('\u{1b}') && !text.contains("FAKE"), "{text}");
}

#[test]
fn its_output_fits_80_columns_and_has_nothing_of_the_emulators_insides() {
    let outcome = yc_auth(["demo"]).done();
    for line in outcome.output().lines() {
        assert!(line.chars().count() <= 80, "{line}");
        for inside in ["ajefake", "b1gfake", "control", "pieces", "chunks", "generation", "you said"] {
            assert!(!line.contains(inside), "{inside}: {line}");
        }
    }
}

#[test]
fn it_uses_nothing_of_the_users_and_leaves_nothing_behind() {
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
    assert!(outcome.output().contains("checks passed"));
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 0);
}

#[test]
fn it_fails_where_its_folder_cannot_be_made() {
    let outcome = yc_auth(["demo"]).env("TMPDIR", "/nonexistent").done();
    assert!(outcome.fails(1).contains("demo: cannot be set up: "), "{outcome:?}");
}

#[test]
fn it_leaves_nothing_behind_on_ctrl_c() {
    let folder = Folder::new();
    let mut child = yc_auth(["demo"]).env("TMPDIR", &folder.path).command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // The demo runs for hundreds of milliseconds more; where this test is slower than that, the demo ends by itself.
    let status = child.wait().unwrap().code();
    assert!(matches!(status, Some(130 | 0)), "{status:?}");
    assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 0);
}
