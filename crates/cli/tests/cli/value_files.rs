//! Keys and tokens in files and pipes: `YC_API_KEY_FILE`, `YC_OAUTH_TOKEN_FILE`, `/dev/stdin`, named pipes.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, yc_auth};

#[test]
fn a_key_or_a_token_in_a_file_is_used() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    let key = folder.file("api-key", "AQVN-fake-key\n");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let oauth = folder.file("oauth", cloud.oauth_token());
    let run = |words: &[&str], name: &str, path: &PathBuf| {
        yc_auth(words).env("YC_API_ENDPOINT", cloud.api_url()).env(name, path)
    };
    for words in [&["token"][..], &["token", "--method", "api-key"]] {
        assert_eq!(run(words, "YC_API_KEY_FILE", &key).done().output(), "AQVN-fake-key\n");
    }
    for words in [&["token"][..], &["token", "--method", "oauth-token"]] {
        let outcome = run(words, "YC_OAUTH_TOKEN_FILE", &oauth).hides(cloud.oauth_token()).done();
        assert!(outcome.output().starts_with("t1."), "{outcome:?}");
    }
    let page = run(&["doctor"], "YC_API_KEY_FILE", &key).hides("AQVN-fake-key").done();
    assert!(page.output().contains("YC_API_KEY_FILE"), "{page:?}");
    assert!(page.stdout.contains("the file holds an API key; not checked with a server"), "{page:?}");
    assert!(run(&["whoami"], "YC_API_KEY_FILE", &key).done().output().contains("api-key"));
    let both = run(&["token"], "YC_API_KEY_FILE", &key).secret("YC_API_KEY", "AQVN-fake-other").done();
    assert!(both.fails(4).contains("YC_API_KEY_FILE is set too"), "{both:?}");
    let missing = run(&["token"], "YC_API_KEY_FILE", &PathBuf::from("no/such file.txt")).done();
    assert!(missing.fails(4).contains("no/such file.txt: the file does not exist"), "{missing:?}");
    let outcome = run(&["revoke", "--method", "api-key"], "YC_API_KEY_FILE", &key).done();
    assert!(outcome.fails(4).contains("an API key cannot be revoked"), "{outcome:?}");
}

#[test]
fn a_key_through_a_pipe_is_read_once() {
    let cloud = Emulator::start_in_thread().unwrap();
    let key = cloud.service_account_key().unwrap();
    let account = serde_json::from_str::<serde_json::Value>(&key).unwrap()["service_account_id"].clone();
    let account = account.as_str().unwrap();
    let folder = Folder::new();
    let pipe = folder.pipe("key");
    for command in ["token", "whoami", "doctor"] {
        let checked = |run: Run| {
            let outcome = run.env("YC_API_ENDPOINT", cloud.api_url()).done();
            let shown = if command == "whoami" { account } else { "t1." };
            assert!(outcome.output().contains(shown), "{command}: {outcome:?}");
        };
        checked(yc_auth([command, "--key-file", "/dev/stdin"]).stdin(key.clone()));
        checked(yc_auth([command]).env("YC_SERVICE_ACCOUNT_KEY_FILE", "/dev/stdin").stdin(key.clone()));
        let writer = thread::spawn({
            let (pipe, key) = (pipe.clone(), key.clone());
            // Returns when a reader has come and has read all of it.
            move || std::fs::write(pipe, key).unwrap()
        });
        checked(yc_auth([command]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &pipe));
        writer.join().unwrap();
    }
}

#[test]
fn a_token_through_a_pipe_is_read_once() {
    for command in ["token", "whoami", "doctor"] {
        for variable in ["YC_IAM_TOKEN_FILE", "YC_API_KEY_FILE"] {
            let secret = if variable == "YC_API_KEY_FILE" { "AQVN-fake-key" } else { "t1.fake.token" };
            let outcome = yc_auth([command]).env(variable, "/dev/stdin").stdin(secret).done();
            assert!(!outcome.output().is_empty(), "{outcome:?}");
        }
    }
}
