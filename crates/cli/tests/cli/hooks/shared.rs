//! Hooks with the shared cache: what is handed out again, what is renewed first, and what a refusal does.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use test_support::http_server::{Reply, Server};
use yandex_cloud_emulator::{Emulator, Fault, Service};

use super::{is_hours, left};
use crate::run::{Folder, Outcome, Run, yc_auth};

const EXCHANGE: &str = "POST /iam/v1/tokens";
const KEYS: &str = "POST /iam/aws-compatibility/v1/ephemeralAccessKeys";

fn sharing(cloud: &Emulator, folder: &Folder, words: &[&str]) -> Run {
    shared(&cloud.api_url(), &folder.path, words).secret("YC_OAUTH_TOKEN", cloud.oauth_token())
}

fn shared(api: &str, folder: &Path, words: &[&str]) -> Run {
    let run = yc_auth(words).env("YC_API_ENDPOINT", api);
    run.env("XDG_RUNTIME_DIR", folder).env("YC_AUTH_CACHE", "on")
}

#[test]
fn all_hooks_share_one_token() {
    let (cloud, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let run = |words: &[&str], input: &str| sharing(&cloud, &folder, words).stdin(input).done().json();
    let token = run(&["credential", "kubernetes"], "")["status"]["token"].as_str().unwrap().to_owned();
    assert_eq!(run(&["credential", "docker", "get"], "cr.yandex")["Secret"], token);
    let headers = run(&["headers", "--url", "https://api.cloud.yandex.net"], "");
    assert_eq!(headers["Authorization"], format!("Bearer {token}"));
    assert_eq!(cloud.counters().route(EXCHANGE), 1);
}

/// A token that lives for half of the longest life is not replaced for each key that should live longer.
#[test]
fn long_keys_do_not_cost_a_token_each() {
    let (cloud, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    for session in ["a", "b", "c"] {
        let key = aws(&cloud, &folder, &["--duration", "12h", "--session-name", session]).json();
        assert!(is_hours(left(key["Expiration"].as_str().unwrap()), 12), "{key}");
    }
    assert_eq!((cloud.counters().route(EXCHANGE), cloud.counters().route(KEYS)), (1, 3));
}

/// An IAM whose tokens live for so many seconds each, the last number for all further ones.
fn iam(lives: &'static [u64]) -> Server {
    let count = Mutex::new(0);
    Server::start(move |request, _| match request.path() {
        "/endpoints" => Reply::json(&json!({
            "endpoints": [{"id": "iam", "address": request.header("host").unwrap()}],
        })),
        _ => {
            let mut count = count.lock().unwrap();
            let life = lives.get(*count).or(lives.last()).unwrap();
            *count += 1;
            let end = time::OffsetDateTime::from(SystemTime::now() + Duration::from_secs(*life));
            let end = end.format(&time::format_description::well_known::Rfc3339).unwrap();
            Reply::json(&json!({"iamToken": format!("t1.FAKE-of-iam.{count}"), "expiresAt": end}))
        }
    })
}

#[test]
fn a_token_inside_the_window_of_a_client_is_renewed_first() {
    for (lives, renewed) in [(&[300, 43_200][..], true), (&[400, 43_200], false), (&[300, 300], true)] {
        let (server, folder) = (iam(lives), Folder::new());
        let run = || -> Value {
            let run = shared(&server.url(), &folder.path, &["credential", "kubernetes"]);
            run.secret("YC_OAUTH_TOKEN", "y0_FAKE-oauth-token").done().json()
        };
        run();
        let second = run();
        assert_eq!(second["status"]["token"] != "t1.FAKE-of-iam.1", renewed, "{lives:?}: {second}");
    }
}

fn aws(cloud: &Emulator, folder: &Folder, words: &[&str]) -> Outcome {
    sharing(cloud, folder, &[&["credential", "aws"], words].concat()).done()
}

#[test]
fn keys_of_object_storage_are_shared_by_what_they_are_for() {
    let (cloud, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let policy = folder.file("policy.json", r#"{"Statement":[]}"#).display().to_string();
    let first = aws(&cloud, &folder, &[]);
    assert!(is_hours(left(first.json()["Expiration"].as_str().unwrap()), 1), "{first:?}");
    assert_eq!(aws(&cloud, &folder, &[]).output(), first.output());
    for other in
        [&["--session-name", "other"][..], &["--duration", "2h"], &["--policy", &policy], &["--no-cache"]]
    {
        assert_ne!(aws(&cloud, &folder, other).output(), first.output(), "{other:?}");
        let shared = !other.contains(&"--no-cache");
        assert_eq!(
            aws(&cloud, &folder, other).stdout == aws(&cloud, &folder, other).stdout,
            shared,
            "{other:?}"
        );
    }
    assert_ne!(aws(&cloud, &folder, &["--renew"]).output(), first.output());
    assert_ne!(aws(&cloud, &folder, &[]).output(), first.output(), "--renew has replaced the key");
    // Nothing is asked, and nothing is lost, while IAM is down.
    let shown = aws(&cloud, &folder, &[]).stdout;
    cloud.faults().add(Fault::status(503).on(Service::Iam));
    assert_eq!(aws(&cloud, &folder, &[]).output(), shown);
    // No file has a part of the key in clear.
    let secret = first.json()["SecretAccessKey"].as_str().unwrap().to_owned();
    for file in std::fs::read_dir(folder.path.join("yc-auth")).unwrap() {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[test]
fn many_processes_at_once_ask_for_one_key() {
    let (cloud, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    cloud.faults().add(Fault::latency(Duration::from_millis(300)).on(Service::Iam));
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..12).map(|_| scope.spawn(|| aws(&cloud, &folder, &["--timeout", "30"]))).collect();
        let keys: Vec<_> = runs.into_iter().map(|run| run.join().unwrap().output().to_owned()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
    });
    assert_eq!((cloud.counters().route(EXCHANGE), cloud.counters().route(KEYS)), (1, 1));
}

#[test]
fn a_key_that_ends_soon_is_not_handed_out_again() {
    // The token lives for 25 min, so the key ends after less than 25 min, and is shared for less than 5 min of them.
    let cloud = Emulator::builder().token_lifetime(Duration::from_secs(1200)).start_in_thread().unwrap();
    let folder = Folder::new();
    let first = aws(&cloud, &folder, &[]);
    assert_ne!(aws(&cloud, &folder, &[]).output(), first.output());
}

#[test]
fn git_says_that_a_token_was_refused() {
    let (cloud, folder) = (Emulator::start_in_thread().unwrap(), Folder::new());
    let git = |operation: &str, host: &str, password: &str| {
        let question = format!("protocol=https\nhost={host}\nusername=iam\npassword={password}\n\n");
        let words = ["credential", "git", operation, "--host", "git.example"];
        sharing(&cloud, &folder, &words).stdin(question).done().output().to_owned()
    };
    let get = || {
        git("get", "git.example", "").lines().nth(1).unwrap().strip_prefix("password=").unwrap().to_owned()
    };
    let first = get();
    // Not this token, not this host, no refusal.
    git("erase", "git.example", "t1.FAKE-other.token");
    git("erase", "other.example", &first);
    git("store", "git.example", &first);
    assert_eq!((get(), cloud.counters().route(EXCHANGE)), (first.clone(), 1));
    assert_eq!(git("erase", "git.example", &first), "");
    let second = get();
    assert_ne!(second, first);
    assert_eq!((get(), cloud.counters().route(EXCHANGE)), (second, 2));
}

/// The question is on standard input, so the same command line can ask for another host.
#[test]
fn a_remembered_failure_is_no_answer_for_another_host() {
    let folder = Folder::new();
    let run = |words: &[&str], input: &str| {
        let run =
            shared("http://127.0.0.1:1", &folder.path, words).secret("YC_OAUTH_TOKEN", "y0_FAKE-oauth-token");
        run.stdin(input).done()
    };
    let docker = ["credential", "docker", "get", "--timeout", "1"];
    let failure = run(&docker, "cr.yandex");
    assert_eq!(run(&docker, "registry.yandexcloud.net").stderr, failure.fails(5));
    assert_eq!(run(&docker, "index.docker.io").stdout, "credentials not found in native keychain\n");
    let http = ["credential", "http", "get", "--timeout", "1"];
    run(&http, r#"{"uri":"https://storage.yandexcloud.net/"}"#).fails(5);
    assert_eq!(run(&http, r#"{"uri":"https://github.com/"}"#).output(), "{\"headers\":{}}\n");
    // Garbage is the fault of one question.
    let git = ["credential", "git", "get", "--host", "git.example"];
    run(&git, "garbage").fails(4);
    assert_eq!(run(&git, "protocol=https\nhost=other.example\n\n").output(), "");
}
