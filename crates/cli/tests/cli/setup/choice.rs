//! Which credentials the tool gets: the choice of the options, or of automatic selection, as arguments.

use std::fs;

use yandex_cloud_emulator::Emulator;

use super::Home;
use crate::run::{FAKES, Folder};

/// The arguments in the line of `setup terraform`.
fn arguments(printed: &str) -> &str {
    let (_, rest) = printed.split_once(" exec --terraform").unwrap_or_else(|| panic!("{printed}"));
    rest.split_once(" -- terraform plan\n").unwrap().0.trim()
}

#[test]
fn the_choice_of_the_options_is_written() {
    let home = Home::new();
    let folder = home.folder.path.display().to_string();
    home.file("key", "fake", 0o600);
    for (words, expected) in [
        ("--key-file key", "--key-file HOME/key"),
        ("--auth @key", "--auth @HOME/key"),
        ("--auth @key --method iam-token", "--method iam-token --auth @HOME/key"),
        ("--method metadata", "--method metadata"),
        ("--method profile --profile work", "--method profile --profile work"),
        ("--method yandex-cloud-cli --profile work", "--method yandex-cloud-cli --profile work"),
        ("--key-file key --impersonate aje1", "--key-file HOME/key --impersonate aje1"),
        (
            "--method impersonation --impersonate aje1 --key-file key",
            "--key-file HOME/key --impersonate aje1",
        ),
        (
            "--key-file key --endpoint api.yandexcloud.kz:443",
            "--key-file HOME/key --endpoint api.yandexcloud.kz:443",
        ),
    ] {
        let words: Vec<_> = ["terraform"].into_iter().chain(words.split(' ')).collect();
        let outcome = home.bare(&words).done();
        assert_eq!(arguments(outcome.output()).replace(&folder, "HOME"), expected, "{words:?}");
    }
}

#[test]
fn files_in_variables_are_written_as_flags() {
    let home = Home::new();
    let folder = home.folder.path.display().to_string();
    home.file("key", "AQVN-fake-key-of-a-test\n", 0o600);
    for (variable, method, expected) in [
        ("YC_OAUTH_TOKEN_FILE", "oauth-token", "--method oauth-token --auth @HOME/key"),
        ("YC_SERVICE_ACCOUNT_KEY_FILE", "service-account-key", "--key-file HOME/key"),
        ("YC_IAM_TOKEN_FILE", "token-file", "--method iam-token --auth @HOME/key"),
    ] {
        let outcome = home.bare(&["terraform", "--method", method]).env(variable, "key").done();
        assert_eq!(arguments(outcome.output()).replace(&folder, "HOME"), expected, "{variable}");
    }
    let run =
        home.bare(&["git", "--host", "git.example", "--method", "api-key"]).env("YC_API_KEY_FILE", "key");
    let outcome = run.done();
    assert!(outcome.output().contains(&format!("--method api-key --auth @{folder}/key")), "{outcome:?}");
    let run = home.bare(&["terraform", "--key-file", "key"]).env("YC_API_ENDPOINT", "api.yandexcloud.kz:443");
    assert!(run.done().output().contains("--endpoint api.yandexcloud.kz:443"));
    for (name, value, expected) in
        [("YC_AUTH_CACHE_DIR", "/run/fake", "--cache-dir /run/fake"), ("YC_AUTH_CACHE", "off", "--no-cache")]
    {
        let outcome = home.bare(&["terraform", "--key-file", "key"]).env(name, value).done();
        assert!(arguments(outcome.output()).ends_with(expected), "{outcome:?}");
    }
    // Codex gives its helper no `XDG_RUNTIME_DIR`, so the folder that follows from the variable is written.
    let words =
        ["codex", "--folder-id", super::FOLDER_ID, "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"];
    let run = home.bare(&[&words[..], &["--key-file", "key"]].concat()).env("XDG_RUNTIME_DIR", "/run/user/1");
    let outcome = run.done();
    assert_eq!(outcome.output().matches("/run/user/1/yc-auth").count(), 2, "{outcome:?}");
    let outcome = home.bare(&["terraform", "--key-file", "key"]).env("XDG_RUNTIME_DIR", "/run/user/1").done();
    assert!(!outcome.output().contains("--cache-dir"), "{outcome:?}");
}

#[test]
fn what_automatic_selection_takes_is_pinned() {
    let cloud = Emulator::start_in_thread().unwrap();
    let home = Home::new();
    let folder = home.folder.path.display().to_string();
    // The first source in the order wins, and its file is named.
    home.file("key.json", &cloud.service_account_key().unwrap(), 0o600);
    let run = home.bare(&["terraform"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", "key.json");
    assert_eq!(arguments(run.done().output()).replace(&folder, "HOME"), "--key-file HOME/key.json");

    let run = home.bare(&["terraform"]).env("YC_METADATA_ADDR", cloud.metadata_addr().to_string());
    let outcome = run.done();
    assert_eq!(arguments(outcome.output()), "--method metadata");
    assert!(outcome.stdout.contains("note: terraform has to run with YC_METADATA_ADDR"), "{outcome:?}");

    // yc without a terminal is taken only by name. The profile of now is pinned too: yc can change it.
    home.file(
        ".config/yandex-cloud/config.yaml",
        "current: work\nprofiles:\n  work:\n    token: y0_fake\n  home:\n    token: y0_fake\n",
        0o600,
    );
    for (method, words) in
        [("yandex-cloud-cli", "--method yandex-cloud-cli"), ("profile", "--method profile")]
    {
        let pinned = home.bare(&["terraform", "--method", method]).env("PATH", FAKES).done();
        assert_eq!(arguments(pinned.output()), format!("{words} --profile work"));
        let named = home.bare(&["terraform", "--method", method]).env("YC_PROFILE", "home").done();
        assert_eq!(arguments(named.output()), format!("{words} --profile home"));
    }
    let run = home.bare(&["terraform"]).env("YC_AUTH_METHOD", "yandex-cloud-cli").env("PATH", FAKES);
    let outcome = run.env("FAKE_YC", "token").done();
    assert_eq!(arguments(outcome.output()), "--method yandex-cloud-cli --profile work");
}

#[test]
fn without_credentials_the_report_says_what_was_tried() {
    let home = Home::new();
    let run = home.bare(&["docker", "--bin", "bin", "--write"]).env("YC_METADATA_ADDR", "");
    // `doctor` of a machine without anything: the address above would be the real one.
    drop(run);
    let outcome = home.bare(&["docker", "--bin", "bin", "--write"]).done();
    assert_eq!(outcome.status, 5, "the metadata service of the address is down: {outcome:?}");
    assert!(outcome.stderr.contains("YC_API_KEY") && !home.path(".docker").exists(), "{outcome:?}");
}

#[test]
fn an_undo_needs_no_credentials() {
    let home = Home::new();
    home.runs(&["docker", "--bin", "bin"], &["--write"]);
    let outcome = home.bare(&["docker", "--bin", "bin", "--undo"]).done();
    assert!(outcome.output().contains("removed "), "{outcome:?}");
}

#[test]
fn variables_without_a_secret_are_told() {
    let home = Home::new();
    home.file("oidc", "eyJ.fake.jwt", 0o600);
    let words = ["systemd", "--method", "workload-identity"];
    let run =
        home.bare(&words).env("YC_OIDC_TOKEN_FILE", "/run/oidc").env("YC_SERVICE_ACCOUNT_ID", "ajefake");
    let outcome = run.done();
    let unit = outcome.output();
    assert!(
        unit.contains(
            "Environment=YC_OIDC_TOKEN_FILE=/run/oidc\nEnvironment=YC_SERVICE_ACCOUNT_ID=ajefake\n"
        ),
        "{unit}"
    );
    // Codex gives the helper of an MCP server none of them.
    let words =
        ["codex", "--folder-id", super::FOLDER_ID, "--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"];
    let words = [&words[..], &["--method", "workload-identity"]].concat();
    let run =
        home.bare(&words).env("YC_OIDC_TOKEN_FILE", "/run/oidc").env("YC_SERVICE_ACCOUNT_ID", "ajefake");
    assert!(run.done().fails(4).contains("YC_OIDC_TOKEN_FILE, YC_SERVICE_ACCOUNT_ID"));
}

#[test]
fn a_file_that_others_can_read_is_told_and_a_pipe_is_refused() {
    let home = Home::new();
    home.file("open", "fake", 0o644);
    let outcome = home.bare(&["terraform", "--key-file", "open"]).done();
    assert!(outcome.output().contains("note: other users can read ") && outcome.stdout.contains("chmod 600"));
    let folder = Folder::new();
    let pipe = folder.pipe("pipe");
    for value in [pipe.display().to_string(), folder.path.display().to_string(), "missing".to_owned()] {
        for (flag, value) in [("--key-file", value.clone()), ("--auth", format!("@{value}"))] {
            let outcome = home.bare(&["terraform", flag, &value]).done();
            assert!(outcome.fails(4).contains(flag), "{outcome:?}");
        }
    }
}

#[test]
fn an_address_of_yandex_cloud_of_this_machine_or_of_the_user_gets_the_token() {
    let home = Home::new();
    for (url, host) in [
        ("https://ai.pe.api.cloud.yandex.net/v1", None),
        ("http://127.0.0.1:8080/v1", None),
        ("https://gateway.example/v1/", Some("gateway.example")),
    ] {
        for tool in ["codex", "opencode"] {
            let host = host.map_or(Vec::new(), |host| vec!["--host", host]);
            let words = [&[tool, "--folder-id", super::FOLDER_ID, "--url", url][..], &host].concat();
            let printed = home.runs(&words, &[]);
            assert!(printed.contains(&format!("\"{}\"", url.trim_end_matches('/'))), "{printed}");
        }
    }
}

#[test]
fn a_proxy_that_a_helper_will_not_know_is_told() {
    let home = Home::new();
    let words = ["codex", "--folder-id", super::FOLDER_ID, "--method", "metadata"];
    let mcp = ["--mcp", "https://toolkit.mcp.cloud.yandex.net/mcp"];
    for (words, is_told) in [(words.to_vec(), false), ([&words[..], &mcp].concat(), true)] {
        let outcome = home.bare(&words).env("HTTPS_PROXY", "http://127.0.0.1:1").done();
        assert_eq!(outcome.output().contains("no variable of a proxy"), is_told, "{outcome:?}");
    }
}

#[test]
fn the_folder_comes_from_the_option_or_the_variable() {
    let home = Home::new();
    let words = ["codex", "--method", "metadata"];
    let outcome = home.bare(&words).env("YC_FOLDER_ID", super::FOLDER_ID).done();
    assert!(outcome.output().contains(&format!("OpenAI-Project = \"{}\"", super::FOLDER_ID)), "{outcome:?}");
    // The metadata service knows its folder.
    let cloud = Emulator::start_in_thread().unwrap();
    let outcome = home.bare(&["opencode"]).env("YC_METADATA_ADDR", cloud.metadata_addr().to_string()).done();
    assert!(outcome.output().contains("\"OpenAI-Project\": \""), "{outcome:?}");
    assert!(fs::metadata(home.path(".config")).is_err());
}
