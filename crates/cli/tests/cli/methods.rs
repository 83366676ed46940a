//! Keys, workload identity, impersonation, profiles and token files: each by its flags and its variables.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, missing, yc_auth};

/// An emulator, and a folder with files for the methods.
struct Fixture {
    cloud: Emulator,
    folder: Folder,
}

impl Fixture {
    fn new() -> Self {
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

    /// The JSON of `yc-auth whoami`.
    fn whoami(&self, words: &[&str]) -> Value {
        self.run(&[&["whoami", "--format", "json"], words].concat()).done().json()
    }
}

#[test]
fn a_key_can_be_in_a_flag_a_variable_or_a_string() {
    let fixture = Fixture::new();
    let (path, key) = fixture.key();
    let private = key["private_key"].as_str().unwrap();
    for run in [
        fixture.run(&["token", "--key-file", &path]),
        fixture.run(&["token", "--method", "service-account-key", "--key-file", &path]),
        fixture.run(&["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path),
        fixture.run(&["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", key.to_string()),
        fixture.run(&["token", "--auth", &format!("@{path}")]),
        fixture.run(&["token", "--auth", "-"]).stdin(key.to_string()),
        yc_auth(["token", "--key-file", &path, "--endpoint", &fixture.cloud.api_url()]),
    ] {
        let outcome = run.hides(private).done();
        assert!(outcome.output().starts_with("t1."), "{outcome:?}");
    }
    let identity = fixture.whoami(&["--key-file", &path]);
    assert_eq!(identity["method"], "service-account-key");
    assert_eq!((&identity["subject_id"], &identity["key_id"]), (&key["service_account_id"], &key["id"]));
    assert!(identity["expires_at"].is_string());

    let nowhere = missing("key.json");
    let given = fixture.run(&["token", "--key-file", &nowhere]).done();
    assert!(given.fails(4).contains(&format!("{nowhere}: the file does not exist")), "{given:?}");
    assert_eq!(fixture.run(&["token", "--method", "service-account-key"]).done().status, 3);
    assert!(fixture.cloud.delete_service_account_key(key["id"].as_str().unwrap()));
    let deleted = fixture.run(&["token", "--key-file", &path]).hides(private).done();
    assert!(deleted.fails(6).contains("yc iam key"), "{deleted:?}");
}

#[test]
fn doctor_warns_where_other_users_can_read_the_key() {
    let fixture = Fixture::new();
    let (path, _) = fixture.key();
    let doctor = |words: &[&str]| fixture.run(&[&["doctor", "--format", "json"], words].concat());
    let private = doctor(&[]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path).done().json();
    let reason = format!("set, for {}", fixture.cloud.service_account_id());
    let slot = |answer: &Value| answer["attempts"][3].clone();
    assert_eq!((&slot(&private)["outcome"], &slot(&private)["reason"]), (&json!("selected"), &json!(reason)));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = doctor(&[]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &path).done().json();
    assert!(slot(&open)["reason"].as_str().unwrap().contains("(mode 0644)"), "{open}");
    let named = doctor(&["--key-file", &path]).done().json();
    assert!(named["attempts"][0]["reason"].as_str().unwrap().contains("(mode 0644)"), "{named}");
}

#[test]
fn a_subject_token_is_exchanged_for_a_token_of_the_service_account() {
    let fixture = Fixture::new();
    let subject = fixture.cloud.oidc_token().unwrap();
    let file = fixture.file("subject", &subject);
    let account = fixture.cloud.service_account_id().to_owned();
    let oauth = fixture.cloud.api_url();
    let run = |words: &[&str]| {
        fixture
            .run(words)
            .env("YC_OAUTH_ENDPOINT", &oauth)
            .env("YC_SERVICE_ACCOUNT_ID", &account)
            .hides(&subject)
    };
    let [url, token] = fixture.cloud.github_variables();
    for run in [
        run(&["token"]).env("YC_OIDC_TOKEN", &subject),
        run(&["token"]).env("YC_OIDC_TOKEN_FILE", &file),
        run(&["token", "--method", "workload-identity"]).env("YC_OIDC_TOKEN_FILE", &file),
        run(&["token"]).env(&url.0, &url.1).env(&token.0, &token.1).hides(&token.1),
    ] {
        let outcome = run.done();
        assert!(outcome.output().starts_with("t1."), "{outcome:?}");
    }
    let identity = run(&["whoami", "--format", "json"]).env("YC_OIDC_TOKEN_FILE", &file).done().json();
    assert_eq!(
        (&identity["method"], &identity["subject_id"]),
        (&json!("workload-identity"), &json!(account))
    );
    let without_account = yc_auth(["token"]).env("YC_OIDC_TOKEN_FILE", &file).done();
    assert!(without_account.fails(4).contains("YC_SERVICE_ACCOUNT_ID"), "{without_account:?}");
    let alone =
        yc_auth(["token", "--method", "workload-identity"]).env("YC_SERVICE_ACCOUNT_ID", &account).done();
    alone.fails(3);
}

#[test]
fn impersonation_uses_the_selected_credentials() {
    let fixture = Fixture::new();
    let (path, key) = fixture.key();
    let account = fixture.cloud.impersonated_account_id().to_owned();
    let metadata = fixture.cloud.metadata_addr().to_string();
    for run in [
        fixture.run(&["token", "--impersonate", &account, "--key-file", &path]),
        fixture.run(&["token", "--method", "impersonation", "--impersonate", &account, "--key-file", &path]),
        fixture.run(&["token", "--impersonate", &account]).env("YC_METADATA_ADDR", &metadata),
        fixture
            .run(&["token", "--impersonate", &account, "--auth", "-"])
            .stdin(fixture.cloud.iam_token().unwrap()),
        fixture
            .run(&["token", "--impersonate", &account, "--method", "metadata"])
            .env("YC_METADATA_ADDR", &metadata),
    ] {
        let outcome = run.done();
        assert!(outcome.output().starts_with("t1."), "{outcome:?}");
    }
    let identity = fixture.whoami(&["--impersonate", &account, "--key-file", &path]);
    assert_eq!((&identity["method"], &identity["subject_id"]), (&json!("impersonation"), &json!(account)));
    assert_eq!(identity["by_way_of"]["subject_id"], key["service_account_id"]);
    let page = fixture.run(&["whoami", "--impersonate", &account, "--key-file", &path]).done();
    assert!(page.output().contains("\nvia\n  method   service-account-key\n"), "{page:?}");

    let stranger =
        fixture.run(&["token", "--impersonate", "ajefake0somebody0else", "--key-file", &path]).done();
    assert!(stranger.fails(6).contains("tokens:createForServiceAccount"), "{stranger:?}");
    let key =
        fixture.run(&["token", "--impersonate", &account, "--auth", "-"]).stdin("AQVN-FAKE-api-key").done();
    key.fails(4);
    fixture.run(&["token", "--impersonate", " "]).done().fails(4);
}

#[test]
fn a_profile_is_read_without_running_yc() {
    let fixture = Fixture::new();
    let (_, key) = fixture.key();
    let key = serde_json::to_string(&key).unwrap();
    let oauth = fixture.cloud.oauth_token();
    // The key is JSON, which is also YAML.
    let file = format!(
        "current: person\nprofiles:\n  person:\n    token: {oauth}\n    folder-id: b1gfake0folder\n  robot:\n    \
         service-account-key: {key}\n  away:\n    federation-id: bpf\n"
    );
    std::fs::create_dir_all(fixture.folder.path.join(".config/yandex-cloud")).unwrap();
    fixture.file(".config/yandex-cloud/config.yaml", file);
    let run = |words: &[&str]| {
        fixture
            .run(&[words, &["--method", "profile"]].concat())
            .env("HOME", &fixture.folder.path)
            .hides(oauth)
    };
    let token = run(&["token"]).done();
    assert!(token.output().starts_with("t1."));
    let identity = run(&["whoami", "--format", "json"]).done().json();
    assert_eq!((&identity["method"], &identity["folder_id"]), (&json!("profile"), &json!("b1gfake0folder")));
    let robot = run(&["whoami", "--format", "json", "--profile", "robot"]).done().json();
    assert_eq!(robot["subject_id"], fixture.cloud.service_account_id());
    assert!(run(&["token"]).env("YC_PROFILE", "robot").done().output().starts_with("t1."));
    let away = run(&["token", "--profile", "away"]).done();
    assert!(away.fails(4).contains("yc"), "{away:?}");
    assert!(run(&["token", "--profile", "missing"]).done().fails(4).contains("`person`"));
}

#[test]
fn a_token_file_is_used_without_a_check() {
    let fixture = Fixture::new();
    let file = fixture.file("token", "t1.FAKE-body.FAKE-signature\n");
    let run = |words: &[&str]| yc_auth(words).env("YC_IAM_TOKEN_FILE", &file);
    assert_eq!(run(&["token"]).done().output(), "t1.FAKE-body.FAKE-signature\n");
    assert_eq!(run(&["token", "--method", "token-file"]).done().output(), "t1.FAKE-body.FAKE-signature\n");
    let page = run(&["doctor"]).hides("t1.FAKE-body").done();
    assert!(page.stdout.contains("not checked with a server"), "{page:?}");
    yc_auth(["token", "--method", "token-file"]).done().fails(3);
}
