//! Keys, workload identity, impersonation, profiles and token files, each by its flags and by its variables.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, yc_auth};

/// A cloud, and a folder with files for the methods.
struct Scene {
    cloud: Emulator,
    folder: Folder,
}

impl Scene {
    fn set() -> Self {
        Self { cloud: Emulator::start_in_thread().unwrap(), folder: Folder::new() }
    }

    fn run(&self, words: &[&str]) -> Run {
        yc_auth(words).env("YC_API_ENDPOINT", self.cloud.api_url())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.file(name, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn key(&self) -> (String, Value) {
        let key = self.cloud.service_account_key().unwrap();
        let path = self.file("key.json", &key);
        (path, serde_json::from_str(&key).unwrap())
    }

    /// Whom the emulator knows by a token.
    fn whoami(&self, words: &[&str]) -> Value {
        self.run(&[&["whoami", "--format", "json"], words].concat()).done().json()
    }
}

#[test]
fn a_key_comes_from_a_flag_a_variable_or_as_a_string() {
    let scene = Scene::set();
    let (path, key) = scene.key();
    let private = key["private_key"].as_str().unwrap();
    for run in [
        scene.run(&["token", "--key-file", &path]),
        scene.run(&["token", "--method", "service-account-key", "--key-file", &path]),
        scene.run(&["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path),
        scene.run(&["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", key.to_string()),
        scene.run(&["token", "--auth", &format!("@{path}")]),
        scene.run(&["token", "--auth", "-"]).stdin(key.to_string()),
        yc_auth(["token", "--key-file", &path, "--endpoint", &scene.cloud.api_url()]),
    ] {
        let outcome = run.hides(private).done();
        assert!(outcome.answer().starts_with("t1."), "{outcome:?}");
    }
    let told = scene.whoami(&["--key-file", &path]);
    assert_eq!(told["method"], "service-account-key");
    assert_eq!((&told["subject_id"], &told["key_id"]), (&key["service_account_id"], &key["id"]));
    assert!(told["expires_at"].is_string());

    let missing = scene.run(&["token", "--key-file", "/nonexistent"]).done();
    assert!(missing.fails(4).contains("/nonexistent: there is no such file"));
    assert_eq!(scene.run(&["token", "--method", "service-account-key"]).done().status, 3);
    assert!(scene.cloud.delete_service_account_key(key["id"].as_str().unwrap()));
    let deleted = scene.run(&["token", "--key-file", &path]).hides(private).done();
    assert!(deleted.fails(6).contains("yc iam key"), "{deleted:?}");
}

#[test]
fn doctor_says_who_can_read_the_key() {
    let scene = Scene::set();
    let (path, _) = scene.key();
    let doctor = |words: &[&str]| scene.run(&[&["doctor", "--format", "json"], words].concat());
    let tight = doctor(&[]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path).done().json();
    let reason = format!("set, for {}", scene.cloud.service_account_id());
    let slot = |answer: &Value| answer["attempts"][3].clone();
    assert_eq!((&slot(&tight)["outcome"], &slot(&tight)["reason"]), (&json!("selected"), &json!(reason)));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = doctor(&[]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path).done().json();
    assert!(slot(&open)["reason"].as_str().unwrap().contains("(mode 0644)"), "{open}");
    let named = doctor(&["--key-file", &path]).done().json();
    assert!(named["attempts"][0]["reason"].as_str().unwrap().contains("(mode 0644)"), "{named}");
}

#[test]
fn a_subject_token_is_exchanged_for_one_of_the_account() {
    let scene = Scene::set();
    let subject = scene.cloud.oidc_token().unwrap();
    let file = scene.file("subject", &subject);
    let account = scene.cloud.service_account_id().to_owned();
    let oauth = scene.cloud.api_url();
    let run = |words: &[&str]| {
        scene
            .run(words)
            .env("YC_OAUTH_ENDPOINT", &oauth)
            .env("YC_SERVICE_ACCOUNT_ID", &account)
            .hides(&subject)
    };
    let [url, token] = scene.cloud.github_variables();
    for run in [
        run(&["token"]).env("YC_OIDC_TOKEN", &subject),
        run(&["token"]).env("YC_OIDC_TOKEN_FILE", &file),
        run(&["token", "--method", "workload-identity"]).env("YC_OIDC_TOKEN_FILE", &file),
        run(&["token"]).env(&url.0, &url.1).env(&token.0, &token.1).hides(&token.1),
    ] {
        let outcome = run.done();
        assert!(outcome.answer().starts_with("t1."), "{outcome:?}");
    }
    let told = run(&["whoami", "--format", "json"]).env("YC_OIDC_TOKEN_FILE", &file).done().json();
    assert_eq!((&told["method"], &told["subject_id"]), (&json!("workload-identity"), &json!(account)));
    let whom = yc_auth(["token"]).env("YC_OIDC_TOKEN_FILE", &file).done();
    assert!(whom.fails(4).contains("YC_SERVICE_ACCOUNT_ID"), "{whom:?}");
    let alone =
        yc_auth(["token", "--method", "workload-identity"]).env("YC_SERVICE_ACCOUNT_ID", &account).done();
    alone.fails(3);
}

#[test]
fn impersonation_goes_by_way_of_whatever_is_chosen() {
    let scene = Scene::set();
    let (path, key) = scene.key();
    let whom = scene.cloud.impersonated_account_id().to_owned();
    let metadata = scene.cloud.metadata_addr().to_string();
    for run in [
        scene.run(&["token", "--impersonate", &whom, "--key-file", &path]),
        scene.run(&["token", "--method", "impersonation", "--impersonate", &whom, "--key-file", &path]),
        scene.run(&["token", "--impersonate", &whom]).env("YC_METADATA_ADDR", &metadata),
        scene.run(&["token", "--impersonate", &whom, "--auth", "-"]).stdin(scene.cloud.iam_token().unwrap()),
        scene
            .run(&["token", "--impersonate", &whom, "--method", "metadata"])
            .env("YC_METADATA_ADDR", &metadata),
    ] {
        let outcome = run.done();
        assert!(outcome.answer().starts_with("t1."), "{outcome:?}");
    }
    let told = scene.whoami(&["--impersonate", &whom, "--key-file", &path]);
    assert_eq!((&told["method"], &told["subject_id"]), (&json!("impersonation"), &json!(whom)));
    assert_eq!(told["by_way_of"]["subject_id"], key["service_account_id"]);
    let page = scene.run(&["whoami", "--impersonate", &whom, "--key-file", &path]).done();
    assert!(page.answer().contains("by way of \n  method   service-account-key\n"), "{page:?}");

    let stranger =
        scene.run(&["token", "--impersonate", "ajefake0somebody0else", "--key-file", &path]).done();
    assert!(stranger.fails(6).contains("tokens:createForServiceAccount"), "{stranger:?}");
    let key = scene.run(&["token", "--impersonate", &whom, "--auth", "-"]).stdin("AQVN-FAKE-api-key").done();
    key.fails(4);
    scene.run(&["token", "--impersonate", " "]).done().fails(4);
}

#[test]
fn a_profile_is_read_without_yc() {
    let scene = Scene::set();
    let (_, key) = scene.key();
    let key = serde_json::to_string(&key).unwrap();
    let oauth = scene.cloud.oauth_token();
    // JSON is YAML as well.
    let file = format!(
        "current: person\nprofiles:\n  person:\n    token: {oauth}\n    folder-id: b1gfake0folder\n  robot:\n    \
         service-account-key: {key}\n  away:\n    federation-id: bpf\n"
    );
    std::fs::create_dir_all(scene.folder.path.join(".config/yandex-cloud")).unwrap();
    scene.file(".config/yandex-cloud/config.yaml", file);
    let run = |words: &[&str]| {
        scene.run(&[words, &["--method", "profile"]].concat()).env("HOME", &scene.folder.path).hides(oauth)
    };
    let token = run(&["token"]).done();
    assert!(token.answer().starts_with("t1."));
    let told = run(&["whoami", "--format", "json"]).done().json();
    assert_eq!((&told["method"], &told["folder_id"]), (&json!("profile"), &json!("b1gfake0folder")));
    let robot = run(&["whoami", "--format", "json", "--profile", "robot"]).done().json();
    assert_eq!(robot["subject_id"], scene.cloud.service_account_id());
    assert!(run(&["token"]).env("YC_PROFILE", "robot").done().answer().starts_with("t1."));
    let away = run(&["token", "--profile", "away"]).done();
    assert!(away.fails(4).contains("yc"), "{away:?}");
    assert!(run(&["token", "--profile", "nobody"]).done().fails(4).contains("`person`"));
}

#[test]
fn a_token_file_is_used_and_not_checked() {
    let scene = Scene::set();
    let file = scene.file("token", "t1.FAKE-body.FAKE-signature\n");
    let run = |words: &[&str]| yc_auth(words).env("YC_IAM_TOKEN_FILE", &file);
    assert_eq!(run(&["token"]).done().answer(), "t1.FAKE-body.FAKE-signature\n");
    assert_eq!(run(&["token", "--method", "token-file"]).done().answer(), "t1.FAKE-body.FAKE-signature\n");
    let page = run(&["doctor"]).hides("t1.FAKE-body").done();
    assert!(page.stdout.contains("not checked with a server"), "{page:?}");
    yc_auth(["token", "--method", "token-file"]).done().fails(3);
}
