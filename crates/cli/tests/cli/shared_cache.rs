//! The tokens that the processes of a machine share: `token`, `--renew`, `--no-cache`, `cache`, and who renews.

use std::time::Duration;

use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Folder, Run, at, missing, yc_auth};

/// An emulator, a key of its account, and a folder that is `XDG_RUNTIME_DIR`.
struct Machine {
    cloud: Emulator,
    folder: Folder,
    key: String,
}

impl Machine {
    fn new(lifetime: Duration) -> Self {
        let cloud = Emulator::builder().token_lifetime(lifetime).start_in_thread().unwrap();
        let folder = Folder::new();
        let key = folder.file("key.json", cloud.service_account_key().unwrap());
        let key = key.display().to_string();
        Self { cloud, folder, key }
    }

    fn run(&self, words: &[&str]) -> Run {
        let run = yc_auth(words).env("YC_API_ENDPOINT", self.cloud.api_url());
        run.env("XDG_RUNTIME_DIR", &self.folder.path).env("YC_AUTH_CACHE", "on")
    }

    fn token(&self, words: &[&str]) -> String {
        self.run(&[&["token", "--key-file", &self.key], words].concat()).done().output().to_owned()
    }

    fn tokens_issued(&self) -> u64 {
        self.cloud.counters().tokens_issued()
    }
}

const HOURS: Duration = Duration::from_secs(12 * 3600);

#[test]
fn a_second_process_takes_the_token_of_the_first_one() {
    let machine = Machine::new(HOURS);
    let first = machine.token(&[]);
    assert_eq!(machine.token(&[]), first);
    let header = machine.run(&["header", "--key-file", &machine.key]).done();
    assert_eq!(header.output(), format!("Authorization: Bearer {first}"));
    // The same key in another form, and on another way in.
    let content = std::fs::read_to_string(&machine.key).unwrap();
    for run in [
        machine.run(&["token", "--auth", &at(machine.key.as_ref())]),
        machine.run(&["token", "--auth", "-"]).stdin(content.clone()),
        machine.run(&["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &content),
    ] {
        assert_eq!(run.done().output(), first);
    }
    assert_eq!(machine.tokens_issued(), 1);
}

#[test]
fn a_cache_that_is_off_or_unknown_is_not_used() {
    let machine = Machine::new(HOURS);
    let first = machine.token(&[]);
    assert_ne!(machine.token(&["--no-cache"]), first);
    let words = ["token", "--key-file", &*machine.key];
    assert_ne!(machine.run(&words).env("YC_AUTH_CACHE", "off").done().output(), first);
    let elsewhere = missing("cache");
    assert_ne!(machine.token(&["--cache-dir", &elsewhere]), first);
    assert_ne!(machine.run(&words).env("YC_AUTH_CACHE_DIR", missing("cache")).done().output(), first);
    assert_eq!(machine.token(&[]), first);
    let outcome = machine.run(&words).env("YC_AUTH_CACHE", "yes").done();
    assert!(outcome.fails(4).contains("YC_AUTH_CACHE: the value is neither `on` nor `off`"), "{outcome:?}");
    let outcome = machine.run(&[&words[..], &["--cache-dir", "here"]].concat()).done();
    assert!(outcome.fails(4).contains("--cache-dir: the path is not absolute"), "{outcome:?}");
    // A folder that cannot be used fails nothing, and says nothing.
    let file = machine.folder.file("file", "");
    assert_ne!(machine.token(&["--cache-dir", file.to_str().unwrap()]), first);
    // A diagnosis shows the fetch itself.
    let issued = machine.tokens_issued();
    machine.run(&["doctor", "--key-file", &machine.key]).done().output();
    assert_eq!(machine.tokens_issued(), issued + 1);
}

#[test]
fn renew_replaces_the_token_and_keeps_it_if_that_fails() {
    let machine = Machine::new(HOURS);
    let first = machine.token(&[]);
    let second = machine.token(&["--renew"]);
    assert_ne!(second, first);
    assert_eq!(machine.token(&[]), second);
    machine.cloud.faults().add(Fault::status(403).on(Service::Iam));
    let outcome = machine.run(&["token", "--key-file", &machine.key, "--renew"]).done();
    outcome.fails(6);
    assert_eq!(machine.token(&[]), second);
}

#[test]
fn renew_without_an_effect_is_told() {
    for (method, variable, value) in
        [("iam-token", "YC_IAM_TOKEN", "t1.fake.token"), ("api-key", "YC_API_KEY", "AQVN-fake-key-of-a-test")]
    {
        let outcome = yc_auth(["token", "--renew"]).env(variable, value).done();
        assert_eq!(outcome.stderr, format!("warning: --renew has no effect: the method is {method}\n"));
        // The command of a tool renews by itself, where it can.
        yc_auth(["token"]).env(variable, value).done().output();
    }
    let machine = Machine::new(HOURS);
    machine.token(&["--renew"]);
}

#[test]
fn the_list_has_the_audience_and_an_empty_one_names_its_folder_on_a_terminal() {
    let machine = Machine::new(HOURS);
    let folder = machine.folder.path.join("yc-auth").display().to_string();
    let empty = || {
        let variables = [("XDG_RUNTIME_DIR", machine.folder.path.to_str().unwrap())];
        crate::output::at_terminal(&["cache", "list"], &variables)
    };
    assert!(empty().contains(&format!("no shared tokens in {folder}")), "{:?}", empty());
    assert_eq!(machine.run(&["cache", "list"]).done().output(), "");
    let [url, token] = machine.cloud.github_variables();
    let run = machine.run(&["token", "--method", "workload-identity"]);
    let run = run.env("YC_OAUTH_ENDPOINT", machine.cloud.api_url());
    let run = run.env("YC_SERVICE_ACCOUNT_ID", machine.cloud.service_account_id());
    run.env(&url.0, &url.1).secret(&token.0, &token.1).done().output();
    let listed = machine.run(&["cache", "list", "--format", "json"]).done().json();
    let outcome = machine.run(&["cache", "list"]).done();
    if let Some(audience) = listed[0]["audience"].as_str() {
        assert!(outcome.output().ends_with(&format!("  audience {audience}\n")), "{outcome:?}");
    }
    assert!(listed[0]["audience"].is_string(), "{listed}");
}

#[test]
fn the_list_shows_no_token_and_clear_empties_the_folder() {
    let machine = Machine::new(HOURS);
    let list = |words: &[&str]| machine.run(&[&["cache", "list"], words].concat()).done();
    assert_eq!(list(&[]).output(), "");
    let token = machine.token(&[]);
    let outcome = list(&["--format", "json"]);
    let listed = outcome.json();
    let entry = &listed[0];
    assert_eq!(entry["method"], "service-account-key");
    assert!(entry["identity"].as_str().unwrap().starts_with(machine.cloud.service_account_id()), "{listed}");
    assert_eq!(entry["endpoint"], machine.cloud.api_url());
    assert!(entry["expires_at"].as_str().unwrap().ends_with('Z'), "{listed}");
    assert!(!outcome.stdout.contains("t1."), "{outcome:?}");
    assert!(list(&[]).output().starts_with("service-account-key  "));
    assert_eq!(machine.run(&["cache", "clear"]).done().output(), "");
    assert_eq!(list(&["--format", "json"]).output(), "[]\n");
    assert_ne!(machine.token(&[]), token);
}

#[test]
fn a_revoked_token_leaves_the_cache() {
    let machine = Machine::new(HOURS);
    let first = machine.token(&[]);
    let outcome = machine.run(&["revoke", "--key-file", &machine.key]).done();
    assert!(
        outcome
            .output()
            .starts_with("revoked: the IAM token that the processes of this machine share, of aje"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .contains("; programs that use it are refused from now on; the authorized key stays valid")
    );
    assert_ne!(machine.token(&[]), first);
}

#[test]
fn a_stale_token_is_printed_and_another_process_renews_it() {
    // Fresh for three quarters of its life.
    let machine = Machine::new(Duration::from_secs(4));
    let first = machine.token(&[]);
    let mut last = first.clone();
    test_support::wait::until("a stale token is renewed", || {
        let before = machine.tokens_issued();
        last = machine.token(&[]);
        // A run that prints the old token has not waited for a new one.
        assert!(last != first || machine.tokens_issued() == before || before == 1, "{last}");
        last != first
    });
    // The run that found the token stale printed the old one.
    assert_eq!(machine.tokens_issued(), 2);
}

#[test]
fn a_secret_on_standard_input_reaches_the_process_that_renews() {
    let machine = Machine::new(Duration::from_secs(4));
    let key = std::fs::read_to_string(&machine.key).unwrap();
    let token = || machine.run(&["token", "--auth", "-"]).stdin(key.clone()).done().output().to_owned();
    let first = token();
    test_support::wait::until("a stale token is renewed", || token() != first);
    assert_eq!(machine.tokens_issued(), 2);
}

#[test]
fn processes_that_start_together_make_one_exchange_and_none_fails_while_iam_is_down() {
    let machine = Machine::new(HOURS);
    let together = |count: usize| {
        let runs: Vec<_> = (0..count).map(|_| machine.run(&["token", "--key-file", &machine.key])).collect();
        crate::run::side_by_side(runs, |run: Run| {
            run.done().output();
        });
    };
    machine.cloud.faults().add(Fault::latency(Duration::from_millis(200)).on(Service::Iam));
    together(32);
    assert_eq!((machine.tokens_issued(), machine.cloud.counters().route("GET /endpoints")), (1, 1));
    machine.cloud.faults().clear();
    machine.cloud.faults().add(Fault::status(503).on(Service::Iam));
    together(32);
    assert_eq!(machine.tokens_issued(), 1);
}
