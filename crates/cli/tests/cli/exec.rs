//! `exec`: the command has one credential, no other one, and takes the place of the process.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use test_support::http_server::{Reply, Server};
use yandex_cloud_emulator::Emulator;

use crate::run::{Folder, Run, yc_auth};

/// `exec OPTIONS -- /bin/sh -c SCRIPT`.
fn exec(options: &[&str], script: &str) -> Run {
    yc_auth([&["exec"], options, &["--", "/bin/sh", "-c", script]].concat())
}

/// The variables of `/usr/bin/env` in such a command, less those that the tests set themselves.
fn variables(run: Run) -> Vec<String> {
    let outcome = run.done();
    let lines = outcome.output().lines().map(str::to_owned);
    let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("YC_METADATA_ADDR=")).collect();
    lines.sort();
    lines
}

#[test]
fn the_kind_of_the_credential_decides_the_variable() {
    for (secret, variable) in [("t1.fake.token", "YC_IAM_TOKEN"), ("AQVN-fake-api-key", "YC_API_KEY")] {
        let run = yc_auth(["exec", "--auth", "-", "--", "/usr/bin/env"]).stdin(secret);
        assert_eq!(variables(run), [format!("{variable}={secret}")]);
    }
    let run = yc_auth(["exec", "--method", "none", "--", "/usr/bin/env"]).env("YC_API_KEY", "AQVN-fake");
    assert_eq!(variables(run), [""; 0]);
    let run =
        yc_auth(["exec", "--auth", "t1.fake.token", "--", "/usr/bin/env"]).env("YC_FOLDER_ID", "b1gfake");
    assert_eq!(variables(run), ["YC_FOLDER_ID=b1gfake", "YC_IAM_TOKEN=t1.fake.token"]);
}

#[test]
fn the_folder_of_the_machine_is_given_too() {
    let emulator = Emulator::start_in_thread().unwrap();
    let metadata = emulator.metadata_addr().to_string();
    let outcome =
        exec(&[], "echo $YC_FOLDER_ID; echo $YC_IAM_TOKEN").env("YC_METADATA_ADDR", metadata).done();
    let (folder, token) = outcome.output().split_once('\n').unwrap();
    assert_eq!(folder, emulator.folder_id());
    assert!(token.starts_with("t1."), "{outcome:?}");
}

/// Every variable with credentials that the help lists is gone, with every other one left.
#[test]
fn the_command_has_no_other_credentials() {
    let help = yc_auth(["--help"]).done().output().to_owned();
    let list = help.split("Environment (").nth(1).unwrap();
    let names: Vec<_> = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let names = names.into_iter().filter(|name| name.starts_with("YC_") || name.starts_with("ACTIONS_"));
    let names: Vec<_> = names.take_while(|name| *name != "YC_METADATA_ADDR").collect();
    for name in
        ["YC_API_KEY_FILE", "YC_AUTH_METHOD", "YC_OIDC_TOKEN", "YC_SERVICE_ACCOUNT_KEY_FILE", "YC_TOKEN"]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let with_all = |options: &[&str]| {
        let words = [&["exec", "--auth", "t1.fake.token"], options, &["--", "/usr/bin/env"]].concat();
        let run = yc_auth(words).env("MINE", "1").env("YC_PROFILE", "work");
        variables(names.iter().fold(run, |run, name| run.env(name, "of-the-shell")))
    };
    assert_eq!(with_all(&[]), ["MINE=1", "YC_IAM_TOKEN=t1.fake.token", "YC_PROFILE=work"]);
    let kept = with_all(&["--keep"]);
    assert_eq!(kept.len(), names.len() + 2, "{kept:?}");
    assert!(kept.contains(&"YC_API_KEY=of-the-shell".to_owned()));
    assert!(kept.contains(&"YC_IAM_TOKEN=t1.fake.token".to_owned()), "ours replaces the other one: {kept:?}");
}

#[test]
fn options_add_variables() {
    let emulator = Emulator::start_in_thread().unwrap();
    let base = format!("OPENAI_BASE_URL={}/v1", emulator.api_url());
    let words = ["exec", "--auth", "t1.fake.token", "--openai", "--terraform", "--", "/usr/bin/env"];
    let run = yc_auth(words).env("YC_FOLDER_ID", "b1gfake").env("YC_TOKEN", "t1.fake.other");
    let with_endpoint = variables(run.env("YC_API_ENDPOINT", emulator.api_url()));
    assert_eq!(
        with_endpoint,
        [
            base.as_str(),
            "OPENAI_API_KEY=t1.fake.token",
            "OPENAI_PROJECT_ID=b1gfake",
            &format!("YC_API_ENDPOINT={}", emulator.api_url()),
            "YC_FOLDER_ID=b1gfake",
            "YC_IAM_TOKEN=t1.fake.token",
            "YC_TOKEN=t1.fake.token",
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    // The address of the public installation is documented, so no service is asked.
    let outcome =
        exec(&["--auth", "AQVN-fake-api-key", "--openai"], "echo $OPENAI_BASE_URL $OPENAI_API_KEY").done();
    assert_eq!(outcome.stdout, "https://ai.api.cloud.yandex.net/v1 AQVN-fake-api-key\n");
    assert!(outcome.stderr.contains("OPENAI_PROJECT_ID is not set: set YC_FOLDER_ID"), "{outcome:?}");

    let kinds =
        ["--var", "A=token", "--var", "B=header", "--var", "C=iam-token", "--var", "YC_FOLDER_ID=folder-id"];
    let run = yc_auth([&["exec", "--auth", "t1.fake.token"], &kinds[..], &["--", "/usr/bin/env"]].concat());
    let with_kinds = variables(run.env("YC_FOLDER_ID", "b1gfake"));
    let fake = "t1.fake.token";
    assert_eq!(
        with_kinds,
        [
            format!("A={fake}"),
            format!("B=Bearer {fake}"),
            format!("C={fake}"),
            "YC_FOLDER_ID=b1gfake".to_owned(),
            format!("YC_IAM_TOKEN={fake}")
        ]
    );
    let folder = Folder::new();
    let key = folder.file("key.json", emulator.service_account_key().unwrap());
    let facts = ["--var", "S=subject-id", "--var", "E=expires-at", "--key-file", key.to_str().unwrap()];
    let outcome = exec(&facts, "echo $S $E").env("YC_API_ENDPOINT", emulator.api_url()).done();
    let (subject, end) = outcome.output().trim_end().split_once(' ').unwrap();
    assert!(
        subject == emulator.service_account_id() && end.starts_with("20") && end.ends_with('Z'),
        "{outcome:?}"
    );
}

#[test]
fn what_the_credentials_cannot_give_is_an_error_before_the_command() {
    for (options, reason) in [
        (
            &["--auth", "AQVN-fake-key", "--terraform"][..],
            "--terraform needs an IAM token, and the method api-key gives an API key",
        ),
        (&["--auth", "AQVN-fake-key", "--var", "A=iam-token"], "--var A needs an IAM token"),
        (&["--auth", "t1.fake.token", "--var", "A=api-key"], "--var A needs an API key"),
        (&["--auth", "t1.fake.token", "--var", "A=subject-id"], "--var A: the subject is not known"),
        (&["--auth", "t1.fake.token", "--var", "A=folder-id"], "--var A: the folder is not known"),
        (
            &["--method", "none", "--openai"],
            "--openai needs a token or a key, and the method none gives no credentials",
        ),
        (&["--method", "none", "--var", "A=header"], "--var A needs a token or a key"),
    ] {
        let outcome = exec(options, "echo ran").done();
        let printed = outcome.fails(4);
        assert!(printed.contains(reason), "{options:?}: {printed}");
    }
    let outcome =
        exec(&["--auth", "t1.fake.token"], "echo ran").secret("YC_FOLDER_ID", "t1.fake.pasted").done();
    assert!(outcome.fails(4).contains("YC_FOLDER_ID: "), "{outcome:?}");
    exec(&["--method", "api-key"], "echo ran").done().fails(3);
    // A host that a variable names does not get the credentials.
    let foreign = exec(&["--auth", "t1.fake.token", "--openai"], "echo ran");
    foreign.env("YC_API_ENDPOINT", "api.example.com:443").done().fails(4);
    for words in
        [&["exec"][..], &["exec", "--"], &["exec", "--var", "A=t1.fake.token", "--", "env"], &["exec", "env"]]
    {
        let outcome = yc_auth(words).done();
        assert!(outcome.status == 2 && !outcome.stderr.contains("fake"), "{outcome:?}");
    }
}

/// A true exec: the command has the process id, and so the signals, the terminal and the exit status.
#[test]
fn the_command_takes_the_place_of_the_process() {
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        let outcome = exec(&["--auth", "t1.fake.token"], script).done();
        assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (status, "", ""));
    }
    let mut run = exec(&["--auth", "t1.fake.token"], "echo $$; exec tail -f /dev/null");
    let mut child = run.command.env("PATH", "/usr/bin:/bin").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), child.id().to_string());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(15), "{ended:?}");
}

#[test]
fn a_command_that_cannot_run_has_the_status_of_a_shell() {
    let folder = Folder::new();
    let script = folder.file("script", "#!/bin/sh\n");
    for (command, status) in [
        (folder.path.join("missing").display().to_string(), 127),
        ("yc-auth-no-such-command".to_owned(), 127),
        (script.display().to_string(), 126),
        (folder.path.display().to_string(), 126),
    ] {
        let run = yc_auth(["exec", "--auth", "t1.fake.token", "--", &command]).env("PATH", "/usr/bin:/bin");
        let outcome = run.done();
        let printed = outcome.fails(status);
        assert!(printed.contains(&format!("exec: cannot run {command}: ")), "{printed}");
    }
    let outcome = yc_auth(["exec", "--auth", "t1.fake.token", "--", "/bin/echo", "--keep", "--", "x"]).done();
    assert_eq!(outcome.output(), "--keep -- x\n");
}

/// The command reads its own standard input; a program of the shell's own kind ends with SIGPIPE as usual.
#[test]
fn input_and_broken_pipes_are_the_commands_own() {
    let outcome = exec(&["--auth", "t1.fake.token"], "cat").stdin("input").done();
    assert_eq!(outcome.output(), "input");
    let outcome = exec(&["--auth", "t1.fake.token"], "(yes; echo $? >&2) | head -n 1")
        .env("PATH", "/usr/bin:/bin")
        .done();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("y\n", "141\n"),
        "SIGPIPE is not ignored"
    );
}

#[test]
fn a_token_that_ends_soon_is_told() {
    let run = |life: u64| {
        let emulator =
            Emulator::builder().token_lifetime(Duration::from_secs(life)).start_in_thread().unwrap();
        let run = exec(&[], "echo ran").secret("YC_OAUTH_TOKEN", emulator.oauth_token());
        run.env("YC_API_ENDPOINT", emulator.api_url()).done()
    };
    let short = run(3590);
    assert_eq!((short.status, short.stdout.as_str()), (0, "ran\n"));
    assert!(short.stderr.starts_with("warning: the IAM token expires in 59 min "), "{short:?}");
    assert_eq!(short.stderr.lines().count(), 1, "{short:?}");
    run(2 * 3600).output();
}

/// The token of IAM reaches the command once, and a failure of IAM keeps the command from running.
#[test]
fn the_command_does_not_run_without_a_token() {
    let iam = Server::always(Reply::status(401));
    let run = exec(&["--timeout", "5"], "echo ran").secret("YC_OAUTH_TOKEN", "y0_fake-oauth-token");
    let outcome = run.env("YC_API_ENDPOINT", iam.url()).done();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (6, ""), "{outcome:?}");
}

/// The process that renews a stale token is no child of the command: a program may wait for any of its children.
#[test]
#[cfg(target_os = "linux")]
fn the_command_has_no_child_that_it_did_not_start() {
    let emulator = Emulator::builder().token_lifetime(Duration::from_secs(4)).start_in_thread().unwrap();
    let folder = Folder::new();
    let key = folder.file("key.json", emulator.service_account_key().unwrap());
    let options = ["--key-file", key.to_str().unwrap(), "--cache-dir", folder.path.to_str().unwrap()];
    let run = || {
        let script = "read children < /proc/$$/task/$$/children; echo \"$YC_IAM_TOKEN:$children\"";
        let outcome = exec(&options, script).env("YC_API_ENDPOINT", emulator.api_url()).done();
        let (token, children) = outcome.stdout.trim_end().split_once(':').unwrap();
        assert_eq!(children, "", "{outcome:?}");
        token.to_owned()
    };
    let first = run();
    test_support::wait::until("a stale token is renewed", || run() != first);
}
