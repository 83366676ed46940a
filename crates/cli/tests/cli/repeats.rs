//! Tools that run the command again: `--on-repeat=renew`, and failures that are told once. The test process is the tool.

use std::fs;
use std::time::Duration;

use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Folder, Outcome, Run, yc_auth};

/// An emulator, a key of its account, and a folder for the shared tokens.
struct Machine {
    cloud: Emulator,
    folder: Folder,
    key: String,
}

impl Machine {
    fn new() -> Self {
        let cloud = Emulator::start_in_thread().unwrap();
        let folder = Folder::new();
        let key = folder.file("key.json", cloud.service_account_key().unwrap());
        Self { cloud, key: key.display().to_string(), folder }
    }

    fn in_environment(&self, run: Run) -> Run {
        let run = run.env("YC_API_ENDPOINT", self.cloud.api_url());
        run.env("XDG_RUNTIME_DIR", &self.folder.path)
    }

    fn token(&self, words: &[&str]) -> Outcome {
        let words = [&["token", "--key-file", &self.key], words].concat();
        self.in_environment(yc_auth(words)).done()
    }

    fn repeated(&self) -> String {
        self.token(&["--on-repeat=renew"]).output().to_owned()
    }

    fn tokens_issued(&self) -> u64 {
        self.cloud.counters().tokens_issued()
    }

    fn iam_requests(&self) -> u64 {
        self.cloud.counters().requests(Service::Iam)
    }

    /// Moves the records of the tool into the past.
    fn age_records(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        for file in fs::read_dir(self.folder.path.join("yc-auth")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|suffix| suffix == "answer" || suffix == "hook") {
                let mut record: serde_json::Value =
                    serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                for (name, value) in record.as_object_mut().unwrap() {
                    if name.ends_with("_ms") {
                        *value = value.as_u64().unwrap().saturating_sub(by).into();
                    }
                }
                fs::write(&path, record.to_string()).unwrap();
            }
        }
    }
}

#[test]
fn a_repeat_renews_the_token_three_times_at_once_and_then_at_intervals() {
    let machine = Machine::new();
    let mut tokens = vec![machine.token(&[]).output().to_owned()];
    // The first call of the tool takes the shared token.
    assert_eq!(machine.repeated(), tokens[0]);
    for number in 2..=4 {
        let token = machine.repeated();
        assert!(!tokens.contains(&token), "call {number}");
        tokens.push(token);
        assert_eq!(machine.tokens_issued(), number);
    }
    assert_eq!(machine.repeated(), tokens[3], "a fourth renewal in a row");
    machine.age_records(Duration::from_secs(1));
    assert_ne!(machine.repeated(), tokens[3]);
    machine.age_records(Duration::from_secs(1));
    let last = machine.repeated();
    assert_eq!(machine.tokens_issued(), 5, "the pause does not grow");
    // A process that only reads gets what was renewed last.
    assert_eq!(machine.token(&[]).output(), last);
}

#[test]
fn nothing_but_the_flag_takes_a_repeat_for_a_refusal() {
    let machine = Machine::new();
    let first = machine.token(&[]).output().to_owned();
    for _ in 0..3 {
        assert_eq!(machine.token(&[]).output(), first);
        machine.in_environment(yc_auth(["header", "--key-file", &machine.key])).done().output();
    }
    assert_eq!(machine.tokens_issued(), 1);
}

#[test]
fn shells_between_the_tool_and_the_command_do_not_matter() {
    let machine = Machine::new();
    let by_shell = || {
        let mut run = machine.in_environment(yc_auth([""; 0]));
        let program = run.command.get_program().to_owned();
        let line = format!("'{}' token --key-file '{}' --on-repeat=renew; :", program.display(), machine.key);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &line]).env_clear();
        shell.envs(run.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run.command = shell;
        let output = run.command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let first = by_shell();
    assert_ne!(by_shell(), first, "each shell counts as a tool");
    assert_eq!(machine.tokens_issued(), 2);
}

#[test]
fn a_renewal_that_fails_leaves_the_shared_token() {
    let machine = Machine::new();
    let first = machine.repeated();
    machine.cloud.faults().add(Fault::status(403).on(Service::Iam));
    assert_eq!(machine.repeated(), first);
    machine.cloud.faults().clear();
    assert_ne!(machine.repeated(), first);
}

#[test]
fn a_failure_is_told_again_for_ten_seconds_without_a_request() {
    let machine = Machine::new();
    machine.cloud.faults().add(Fault::status(403).on(Service::Iam));
    for words in [
        &["token", "--on-repeat=renew"][..],
        &["credential", "kubernetes"],
        &["headers", "--host", "127.0.0.1", "--url", "http://127.0.0.1/"],
    ] {
        let run = || {
            let words = [words, &["--key-file", &machine.key]].concat();
            machine.in_environment(yc_auth(words)).done()
        };
        let first = run();
        assert_eq!(first.status, 6, "{first:?}");
        let asked = machine.iam_requests();
        let again = run();
        assert_eq!((again.status, &again.stderr), (first.status, &first.stderr));
        assert_eq!(machine.iam_requests(), asked, "{words:?}");
        machine.age_records(Duration::from_secs(10));
        run();
        assert!(machine.iam_requests() > asked, "{words:?}");
    }
    // Another command line has a failure of its own, and a success ends nothing for others.
    machine.cloud.faults().clear();
    machine.token(&["--on-repeat=renew", "--timeout", "9"]).output();
}

#[test]
fn a_mended_cause_is_no_failure_any_more() {
    let machine = Machine::new();
    let elsewhere = Folder::new();
    let run = |folder: &Folder, words: &[&str]| {
        let mut run = machine.in_environment(yc_auth([&["credential", "kubernetes"], words].concat()));
        run.command.current_dir(&folder.path);
        run
    };
    // The file is not there, and then it is.
    assert_eq!(run(&elsewhere, &["--key-file", "late.json"]).done().status, 4);
    fs::copy(&machine.key, elsewhere.path.join("late.json")).unwrap();
    run(&elsewhere, &["--key-file", "late.json"]).done().output();
    // IAM refuses in one folder. The same words in another folder, or with another variable, are another question.
    machine.cloud.faults().add(Fault::status(403).on(Service::Iam));
    fs::copy(&machine.key, machine.folder.path.join("other.json")).unwrap();
    fs::copy(&machine.key, elsewhere.path.join("other.json")).unwrap();
    let words = ["--key-file", "other.json", "--renew"];
    assert_eq!(run(&machine.folder, &words).done().status, 6);
    machine.cloud.faults().clear();
    assert_eq!(run(&machine.folder, &words).done().status, 6, "the failure is not remembered");
    run(&elsewhere, &words).done().output();
    run(&machine.folder, &words).env("YC_FOLDER_ID", "b1gfake").done().output();
}

#[test]
fn records_without_a_meaning_are_removed() {
    let machine = Machine::new();
    machine.cloud.faults().add(Fault::status(403).on(Service::Iam));
    for audience in ["one", "two"] {
        let words =
            ["headers", "--host", "127.0.0.1", "--url", "http://127.0.0.1/", "--key-file", &machine.key];
        let words = [&words[..], &["--audience", audience]].concat();
        assert_eq!(machine.in_environment(yc_auth(words)).done().status, 6);
        let records = fs::read_dir(machine.folder.path.join("yc-auth")).unwrap();
        let hooks = records
            .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|suffix| suffix == "hook"));
        assert_eq!(hooks.count(), 1, "{audience}");
        machine.age_records(Duration::from_secs(10));
    }
}

#[test]
fn cache_clear_removes_the_records_too() {
    let machine = Machine::new();
    machine.repeated();
    machine.in_environment(yc_auth(["cache", "clear"])).done().output();
    let left: Vec<_> = fs::read_dir(machine.folder.path.join("yc-auth")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
