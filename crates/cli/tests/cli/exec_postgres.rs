//! `exec --postgres`: a password file for the named host alone, fresh while the command runs, gone afterwards.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{Folder, Run, yc_auth};

const HOST: &str = "c-fake.rw.mdb.yandexcloud.net";

/// `exec --postgres OPTIONS -- /bin/sh -c SCRIPT`, with its files in `folder`.
fn exec(folder: &Folder, options: &[&str], script: &str) -> Run {
    let run = yc_auth([&["exec", "--postgres"], options, &["--", "/bin/sh", "-c", script]].concat());
    let run = run.env("PATH", "/usr/bin:/bin").env("PGHOST", HOST).env("PGSSLROOTCERT", "/etc/fake-ca.pem");
    run.env("XDG_RUNTIME_DIR", &folder.path)
}

/// A command that runs until it is ended, after its first line, with the rest of its lines. Its password file is there.
fn started(folder: &Folder) -> (Child, Lines<BufReader<ChildStdout>>) {
    let script = "echo ready; exec tail -f /dev/null";
    let mut run = exec(folder, &["--auth", "t1.fake.token"], script).env("PGUSER", "u");
    let mut child = run.command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    assert!(!is_empty(&folder.path));
    (child, lines)
}

/// Whether no password file is left in the folder. The shared cache has a folder of its own there.
fn is_empty(folder: &Path) -> bool {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name != "yc-auth").count() == 0
}

#[test]
fn the_command_has_a_password_file_for_the_host_alone() {
    let folder = Folder::new();
    let script = "cat \"$PGPASSFILE\"; stat -c %a \"$PGPASSFILE\" \"$(dirname \"$PGPASSFILE\")\"; echo \"$PGHOST $PGSSLMODE\"
        printf '%s\\n' \"${PGPASSWORD-none} ${PGUSER-none} $YC_IAM_TOKEN\"";
    let given = ["--auth", "t1.fake.token"];
    let outcome = exec(&folder, &given, script).env("PGUSER", r"a:b\c").env("PGPASSWORD", "old").done();
    let expected = format!(
        "{HOST}:*:*:a\\:b\\\\c:t1.fake.token\n600\n700\n{HOST} verify-full\nnone a:b\\c t1.fake.token\n"
    );
    assert_eq!(outcome.output(), expected);
    assert!(is_empty(&folder.path));

    let outcome = exec(&folder, &["--auth", "t1.fake.token", "--host", "::1,db.example"], script).done();
    assert!(
        outcome.stdout.starts_with("\\:\\:1:*:*:*:t1.fake.token\ndb.example:*:*:*:t1.fake.token\n"),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("::1,db.example verify-full\nnone none t1"), "{outcome:?}");
    assert!(
        outcome.stderr.starts_with("warning: PGUSER is not set") && outcome.stderr.contains("`--ask`"),
        "{outcome:?}"
    );
    let kept = exec(
        &folder,
        &["--auth", "t1.fake.token", "--keep"],
        "echo ${PGPASSWORD-none} $YC_PROFILE $YC_API_KEY",
    )
    .env("PGPASSWORD", "old")
    .env("YC_API_KEY", "AQVN-fake")
    .env("PGUSER", "u")
    .done();
    assert_eq!(kept.output(), "none AQVN-fake\n", "a password in the variable would win over the file");
    assert!(is_empty(&folder.path));
}

#[test]
fn the_user_is_the_subject_if_it_is_known_or_asked_for() {
    let emulator = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    let keys = Folder::new();
    let key = keys.file("key.json", emulator.service_account_key().unwrap()).display().to_string();
    let account = emulator.service_account_id();
    let script = "echo $PGUSER; cut -d : -f 4 \"$PGPASSFILE\"";
    let run = |options: &[&str]| {
        let run = exec(&folder, options, script).env("YC_API_ENDPOINT", emulator.api_url());
        run.env("YC_OAUTH_ENDPOINT", emulator.api_url())
    };
    assert_eq!(run(&["--key-file", &key]).done().output(), format!("{account}\n{account}\n"));
    let token = emulator.iam_token().unwrap();
    let asked = run(&["--auth", "-", "--ask"]).stdin(token.as_str()).done();
    assert_eq!(asked.output(), format!("{account}\n{account}\n"));
    // The user of the shell stays.
    let outcome = run(&["--key-file", &key, "--ask"]).env("PGUSER", "login").done();
    assert_eq!(outcome.output(), "login\nlogin\n");
}

#[test]
fn the_token_goes_to_no_other_host_and_not_without_a_check_of_the_host() {
    let folder = Folder::new();
    for (name, value, place) in [
        ("PGHOST", "", "--postgres: no host is named"),
        ("PGHOST", "*", "PGHOST: "),
        ("PGHOST", "/var/run/postgresql", "PGHOST: a socket has no TLS"),
        ("PGSSLMODE", "require", "PGSSLMODE: require does not check the host"),
        ("PGSERVICE", "prod", "PGSERVICE: "),
    ] {
        let outcome = exec(&folder, &["--auth", "t1.fake.token"], "echo ran").env(name, value).done();
        assert!(outcome.fails(4).contains(place), "{outcome:?}");
    }
    let outcome = exec(&folder, &["--auth", "t1.fake.token"], "echo sslmode=disable").done();
    assert!(outcome.fails(4).contains("disable does not check the host"), "{outcome:?}");
    let outcome = exec(&folder, &["--auth", "AQVN-fake-key"], "echo ran").done();
    assert!(outcome.fails(4).contains("--postgres needs an IAM token"), "{outcome:?}");
    assert!(is_empty(&folder.path));
    let outcome =
        exec(&folder, &["--auth", "t1.fake.token"], "echo ran").env("PGUSER", "u").env("HOME", &folder.path);
    let outcome = outcome.env("PGSSLROOTCERT", "").done();
    assert!(
        outcome
            .stderr
            .contains("PGSSLROOTCERT is not set: save https://storage.yandexcloud.net/cloud-certs/CA.pem")
    );
    assert_eq!(yc_auth(["exec", "--host", "x", "--auth", "t1.fake", "--", "true"]).done().status, 2);
}

/// The command waits for a new token, then for the outage, then for the token after it.
#[test]
fn the_file_is_fresh_while_the_command_runs_and_empty_without_a_token() {
    let emulator = Emulator::builder().token_lifetime(Duration::from_secs(2)).start_in_thread().unwrap();
    let folder = Folder::new();
    let script = "wait_until() { n=0; until eval \"$1\"; do n=$((n + 1)); [ $n -lt 300 ] || exit 9; sleep 0.05; done; }
        content() { cat \"$PGPASSFILE\"; }
        first=$(content); wait_until '[ \"$(content)\" != \"$first\" ]'; echo \"renewed $(content)\"
        read line; wait_until '[ ! -s \"$PGPASSFILE\" ]'; echo empty
        read line; wait_until '[ -s \"$PGPASSFILE\" ]'; echo \"again $(content)\"; exit 7";
    let mut run = exec(&folder, &[], script).env("YC_OAUTH_TOKEN", emulator.oauth_token());
    run = run.env("YC_API_ENDPOINT", emulator.api_url()).env("PGUSER", "login");
    run.command.stdin(std::process::Stdio::piped());
    let mut child = run.command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let go_on = |input: &mut std::process::ChildStdin| std::io::Write::write_all(input, b"\n").unwrap();
    assert!(next().starts_with(&format!("renewed {HOST}:*:*:login:t1.")));
    emulator.faults().add(Fault::status(503).on(Service::Iam));
    go_on(&mut input);
    assert_eq!(next(), "empty");
    // Two warnings: that the variables keep the first token, and that there is no token now.
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let told: Vec<_> = told.by_ref().take(2).map(Result::unwrap).collect();
    assert!(told[0].contains("the variables keep this token"), "{told:?}");
    let without = "warning: exec: the password file is empty until there is a token again: oauth-token: ";
    assert!(told[1].starts_with(without) && !told[1].contains("t1."), "{told:?}");
    emulator.faults().clear();
    go_on(&mut input);
    assert!(next().starts_with(&format!("again {HOST}:*:*:login:t1.")));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(is_empty(&folder.path));
}

#[test]
fn the_exit_status_is_that_of_the_command_and_nothing_is_left() {
    let folder = Folder::new();
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let outcome = exec(&folder, &["--auth", "t1.fake.token"], script).env("PGUSER", "u").done();
        assert_eq!(
            (outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (status, "", ""),
            "{script}"
        );
        assert!(is_empty(&folder.path), "{script}");
    }
    let missing =
        yc_auth(["exec", "--postgres", "--host", HOST, "--auth", "t1.fake.token", "--", "/missing"]);
    let outcome = missing.env("PGUSER", "u").env("XDG_RUNTIME_DIR", &folder.path).done();
    assert!(outcome.fails(127).contains("exec: cannot run /missing: "), "{outcome:?}");
    assert!(is_empty(&folder.path));
    // A signal to this process is the command's, and the file goes with the command.
    let (mut child, _lines) = started(&folder);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(is_empty(&folder.path));
}

/// SIGKILL gives this process no time to remove the file: another process does.
#[test]
fn nothing_is_left_of_a_process_that_is_killed() {
    let folder = Folder::new();
    let (mut child, mut lines) = started(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    test_support::wait::until("the password file is gone", || is_empty(&folder.path));
    // The command has ended too (Linux).
    assert!(cfg!(not(target_os = "linux")) || lines.next().is_none());
}

/// Ctrl-C in psql cancels a query. It must not end this process, also while yc renews the token.
#[test]
fn a_signal_during_a_renewal_by_yc_is_the_commands() {
    let folder = Folder::new();
    let tools = Folder::new();
    let yc = tools.file(
        "yc",
        format!(
            "#!/bin/sh
            case \"$*\" in *create-token*) ;; *) exit 0 ;; esac
            [ -e {0}/first ] && {{ : > {0}/second; exec tail -f /dev/null; }}
            : > {0}/first
            echo '{{\"iam_token\":\"t1.fake.token\",\"expires_at\":\"'$(date -u -d '+2 seconds' +%FT%TZ)'\"}}'",
            tools.path.display()
        ),
    );
    fs::set_permissions(&yc, fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!(
        "trap 'echo INT' INT; trap 'exit 5' TERM
        n=0; while ! [ -e {}/second ]; do n=$((n + 1)); [ $n -lt 300 ] || exit 9; sleep 0.05; done
        echo ready; while [ $n -lt 600 ]; do n=$((n + 1)); sleep 0.05; done; exit 9",
        tools.path.display()
    );
    let options = ["--method", "yandex-cloud-cli"];
    let run = exec(&folder, &options, &script).env("PGUSER", "u");
    let mut run = run.env("PATH", format!("{}:/usr/bin:/bin", tools.path.display()));
    let mut child = run.command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "INT");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(is_empty(&folder.path));
}
