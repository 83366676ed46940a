//! `credential docker`, also as `docker-credential-yc-auth`.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{TOKEN, one_line, unconfigured, with_token};
use crate::run::{Folder, keys, yc_auth};

const NOT_FOUND: &str = "credentials not found in native keychain\n";

#[test]
fn get_gives_the_login_of_a_registry() {
    for server in ["cr.yandex", "https://registry.yandexcloud.net/", "CR.YANDEX:443\n", "cr.yandexcloud.kz"] {
        let outcome = with_token(&["credential", "docker", "get"]).stdin(server).done();
        let login = outcome.json();
        assert_eq!(keys(&login, &outcome.stdout), ["ServerURL", "Username", "Secret"]);
        assert_eq!(login, json!({"ServerURL": server.trim(), "Username": "iam", "Secret": TOKEN}));
        assert_eq!((outcome.status, &*outcome.stderr), (0, ""));
    }
    let key = yc_auth(["credential", "docker", "get"]).secret("YC_API_KEY", "AQVN-fake").stdin("cr.yandex");
    assert_eq!(key.done().json()["Username"], "api_key");
}

#[test]
fn a_foreign_server_is_not_found_in_the_words_of_docker() {
    for server in [
        "index.docker.io",
        "http://cr.yandex",
        "cr.yandex.evil.example",
        "https://cr.yandex@evil.example",
        "127.0.0.1:5000",
    ] {
        let outcome = with_token(&["credential", "docker", "get"]).stdin(server).done();
        assert_eq!((outcome.status, &*outcome.stdout, &*outcome.stderr), (1, NOT_FOUND, ""), "{server}");
    }
    let none = yc_auth(["credential", "docker", "get", "--method", "none"]).stdin("cr.yandex").done();
    assert_eq!((none.status, &*none.stdout), (1, NOT_FOUND));
}

#[test]
fn the_user_adds_hosts() {
    let words = ["credential", "docker", "get", "--host", "127.0.0.1:5000", "--host", "*.corp.example"];
    for server in ["127.0.0.1:5000", "http://127.0.0.1:5000", "r.corp.example", "cr.yandex"] {
        assert_eq!(with_token(&words).stdin(server).done().json()["Secret"], TOKEN, "{server}");
    }
    for server in ["127.0.0.1:5001", "corp.example", "http://r.corp.example"] {
        assert_eq!(with_token(&words).stdin(server).done().stdout, NOT_FOUND, "{server}");
    }
    let outcome = with_token(&["credential", "docker", "get", "--host", "a b"]).stdin("cr.yandex").done();
    assert!(one_line(&outcome, 4).starts_with("error: --host: "), "{outcome:?}");
}

#[test]
fn store_and_erase_succeed_and_do_nothing() {
    for operation in ["store", "erase"] {
        for input in ["{\"ServerURL\":\"cr.yandex\",\"Username\":\"u\",\"Secret\":\"s\"}", "", "garbage"] {
            // Without any credentials.
            let outcome = yc_auth(["credential", "docker", operation]).stdin(input).done();
            assert_eq!(outcome.output(), "", "{operation} {input}");
        }
    }
}

#[test]
fn list_and_version_ask_for_no_credentials() {
    let list = yc_auth(["credential", "docker", "list", "--host", "registry.corp.example"]).done().json();
    assert_eq!((&list["cr.yandex"], &list["registry.corp.example"]), (&json!("iam"), &json!("iam")));
    let version = yc_auth(["credential", "docker", "version"]).done();
    assert!(version.output().contains(env!("CARGO_PKG_VERSION")), "{version:?}");
}

#[test]
fn a_failure_is_one_line_with_the_fix() {
    let outcome = unconfigured(&["credential", "docker", "get"]);
    assert!(one_line(&outcome, 3).contains("no credentials were found"), "{outcome:?}");

    let outcome = yc_auth(["credential", "docker", "get", "--auth", "-"]).stdin("cr.yandex").done();
    assert_eq!(outcome.status, 2, "standard input is docker's: {outcome:?}");
    assert!(outcome.stderr.contains("Usage: yc-auth credential docker"), "{outcome:?}");
}

#[test]
fn a_link_is_the_helper_of_docker() {
    let folder = Folder::new();
    let link = folder.path.join("docker-credential-yc-auth");
    symlink(env!("CARGO_BIN_EXE_yc-auth"), &link).unwrap();
    let mut run = yc_auth(Vec::<&str>::new());
    run.command = Command::new(link);
    run.command.arg("get").env_clear().env("YC_IAM_TOKEN", TOKEN);
    run.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(run.stdin("cr.yandex").done().json()["Secret"], TOKEN);
}
