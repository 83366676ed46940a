//! `credential keyring`, also as `keyring`: the forms of pip and uv, and the next `keyring` on PATH.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use serde_json::json;

use super::{TOKEN, one_line};
use crate::run::{Folder, Outcome, Run, yc_auth};

const INDEX: &str = "https://registry.yandexcloud.net/pypi/fake/simple/";

/// Words after `keyring`, as pip and uv give them.
fn keyring(words: &[&str]) -> Run {
    super::with_token(&[&["credential", "keyring"], words].concat())
}

#[test]
fn each_form_of_pip_and_uv_gets_its_answer() {
    let both = json!({"username": "iam", "password": TOKEN});
    // pip since 26.2, without and with a user in the URL of the index.
    for user in [&[][..], &["iam"]] {
        let outcome = keyring(&[&["--mode=creds", "--output=json", "get", INDEX], user].concat()).done();
        assert_eq!((outcome.json(), outcome.status), (both.clone(), 0));
    }
    // pip before, and uv with a user.
    assert_eq!(keyring(&["get", INDEX, "iam"]).done().output(), format!("{TOKEN}\n"));
    // uv without a user.
    assert_eq!(keyring(&["get", INDEX, "--mode", "creds"]).done().output(), format!("iam\n{TOKEN}\n"));
    let json = keyring(&["get", INDEX, "iam", "--output", "json"]).done().json();
    assert_eq!(json, json!({ "password": TOKEN }));
    // pip stores what a person has typed.
    for words in [["set", INDEX, "iam"], ["del", INDEX, "iam"]] {
        assert_eq!(keyring(&words).stdin("typed").done().output(), "", "{words:?}");
    }
}

#[test]
fn without_a_user_of_the_registry_there_is_no_answer() {
    let found = |outcome: Outcome| (outcome.status, outcome.stdout, outcome.stderr);
    let nothing = (1, String::new(), String::new());
    // For a host of this hook there is a reason.
    let outcome = keyring(&["get", INDEX, "alice"]).done();
    assert_eq!(
        outcome.fails(1),
        "error: keyring: no password for this user: the registry wants `iam` or `api_key`\n"
    );
    for words in
        [&["get", INDEX, "iam", "--key-file", "k.json"][..], &["get", INDEX, "iam", "--no-such", "x"]]
    {
        let outcome = keyring(words).done();
        assert!(outcome.fails(1).contains("options of yc-auth stand before `get`"), "{outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    }
    // A bare host: its index may be one without TLS.
    for words in [
        &["get", "registry.yandexcloud.net", "iam"][..],
        &["get", "registry.yandexcloud.net", "--mode", "creds"],
        &["get", "http://registry.yandexcloud.net/simple/", "iam"],
        &["get", "https://pypi.org/simple/", "iam"],
        &["get", "https://registry.yandexcloud.net@evil.example/simple/", "iam"],
        &["set", "https://pypi.org/simple/", "iam"],
        &["diagnose"],
        &[],
    ] {
        assert_eq!(found(keyring(words).done()), nothing, "{words:?}");
    }
    let outcome =
        yc_auth(["credential", "keyring", "get", INDEX, "iam"]).secret("YC_API_KEY", "AQVN-fake").done();
    assert!(one_line(&outcome, 4).contains("the registry wants `api_key`"), "{outcome:?}");
    let key = yc_auth(["credential", "keyring", "get", INDEX, "api_key"]).secret("YC_API_KEY", "AQVN-fake");
    assert_eq!(key.done().output(), "AQVN-fake\n");
    // The user of an added host is whatever its server wants.
    let words = [
        "credential",
        "keyring",
        "--host",
        "pypi.corp.example",
        "--",
        "get",
        "https://pypi.corp.example/",
        "alice",
    ];
    assert_eq!(super::with_token(&words).done().output(), format!("{TOKEN}\n"));
}

fn script(folder: &Folder, name: &str, text: &str) {
    fs::create_dir_all(folder.path.join(name)).unwrap();
    let path = folder.path.join(name).join("keyring");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// This command by the name `keyring`, first on PATH, with these folders behind.
fn linked(folder: &Folder, words: &[&str], folders: &[&str]) -> Run {
    let link = folder.path.join("keyring");
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_yc-auth"), &link).unwrap();
    }
    let mut path = folder.path.display().to_string();
    for name in folders {
        path.push_str(&format!(":{}", folder.path.join(name).display()));
    }
    let mut run = yc_auth(Vec::<&str>::new());
    run.command = Command::new(link);
    run.command.args(words).env_clear().env("YC_IAM_TOKEN", TOKEN).env("PATH", path + ":/usr/bin:/bin");
    run.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    run
}

#[test]
fn what_is_not_for_this_hook_goes_to_the_next_keyring() {
    let folder = Folder::new();
    script(&folder, "real", "echo \"$*|$(cat)\"; exit 7");
    for (words, line) in [
        (&["get", "https://pypi.org/simple/", "alice"][..], "get https://pypi.org/simple/ alice|typed\n"),
        (
            &["--mode=creds", "--output=json", "get", "pypi.org"],
            "--mode=creds --output=json get pypi.org|typed\n",
        ),
        (&["set", "https://pypi.org/simple/", "alice"], "set https://pypi.org/simple/ alice|typed\n"),
        (&["--list-backends"], "--list-backends|typed\n"),
        (&["get", INDEX, "alice"], "get https://registry.yandexcloud.net/pypi/fake/simple/ alice|typed\n"),
    ] {
        let outcome = linked(&folder, words, &["real"]).stdin("typed").done();
        assert_eq!((outcome.status, &*outcome.stdout), (7, line), "{outcome:?}");
    }
    assert_eq!(linked(&folder, &["get", INDEX, "iam"], &["real"]).done().output(), format!("{TOKEN}\n"));
}

#[test]
fn a_script_that_runs_this_command_again_is_not_run_for_ever() {
    let folder = Folder::new();
    let own = env!("CARGO_BIN_EXE_yc-auth");
    let count = folder.path.join("count");
    let again = format!("echo >> {}\nexec {own} credential keyring -- \"$@\"", count.display());
    script(&folder, "wrapper", &again);
    script(&folder, "real", "echo real");
    let words = ["get", "https://pypi.org/simple/", "alice"];
    let outcome = linked(&folder, &words, &["wrapper", "real"]).done();
    assert_eq!(outcome.output(), "real\n");
    assert_eq!(fs::read_to_string(count).unwrap(), "\n", "the script was run once");
    let outcome = linked(&folder, &words, &["wrapper"]).done();
    assert_eq!((outcome.status, &*outcome.stdout, &*outcome.stderr), (1, "", ""));
}

#[test]
fn a_file_that_cannot_be_run_is_no_keyring() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path.join("data/keyring")).unwrap();
    script(&folder, "plain", "echo plain");
    fs::set_permissions(folder.path.join("plain/keyring"), fs::Permissions::from_mode(0o644)).unwrap();
    script(&folder, "real", "echo real");
    let words = ["get", "https://pypi.org/simple/", "alice"];
    assert_eq!(linked(&folder, &words, &["data", "plain", "real"]).done().output(), "real\n");
    // A relative folder would be one of the project.
    let mut run = linked(&folder, &words, &[]);
    run.command.current_dir(&folder.path).env("PATH", "real:.");
    assert_eq!(run.done().status, 1);
}
