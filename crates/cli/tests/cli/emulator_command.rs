//! `emulator -- COMMAND`: the command has the variables, the outputs and the signals, and gives the exit status.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::output::terminal;
use crate::run::{Folder, Run, yc_auth};

/// `emulator -- /bin/sh -c SCRIPT`.
fn emulator(script: &str) -> Run {
    yc_auth(["emulator", "--", "/bin/sh", "-c", script])
}

#[test]
fn the_command_has_the_variables_and_the_outputs() {
    let outcome =
        emulator("echo \"$YC_API_ENDPOINT $OPENAI_BASE_URL\"; echo to stderr >&2; cat").stdin("input").done();
    let (line, input) = outcome.stdout.split_once('\n').unwrap();
    let (endpoint, base) = line.split_once(' ').unwrap();
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{outcome:?}");
    assert_eq!(base, format!("{endpoint}/v1"));
    assert_eq!((outcome.status, input, outcome.stderr.as_str()), (0, "input", "to stderr\n"));
}

#[test]
fn the_variables_work_and_the_others_stay() {
    let program = env!("CARGO_BIN_EXE_yc-auth");
    for method in ["api-key", "iam-token", "oauth-token", "metadata"] {
        let words = ["emulator", "--", program, "token", "--method", method];
        let outcome = yc_auth(words).done();
        assert!(!outcome.output().is_empty(), "{method}");
    }
    let outcome =
        emulator("echo $MINE $YC_FOLDER_ID").env("MINE", "1").env("YC_FOLDER_ID", "b1gother").done();
    assert!(outcome.output().starts_with("1 ") && !outcome.output().contains("b1gother"), "{outcome:?}");
}

/// Variables of the shell that would choose other credentials, contradict those of the emulator, or lead to a proxy.
#[test]
fn the_command_has_no_other_credentials_and_no_proxy() {
    let program = env!("CARGO_BIN_EXE_yc-auth");
    let run = yc_auth(["emulator", "--", program, "token"]);
    let run = run.env("YC_AUTH_METHOD", "env-iam-token").secret("YC_TOKEN", "t1.fake-of-the-shell.fake");
    let outcome = run.env("YC_API_KEY_FILE", "/nonexistent").done();
    assert!(outcome.output().starts_with("AQVN"), "{outcome:?}");

    // Every variable with credentials that the help names is the emulator's, or not there.
    let help = yc_auth(["--help"]).done().output().to_owned();
    let list = help.split("Environment (").nth(1).unwrap();
    let names: Vec<_> = list.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let names = names.into_iter().filter(|name| name.starts_with("YC_") || name.starts_with("ACTIONS_"));
    let names: Vec<_> = names.take_while(|name| *name != "YC_PROFILE").collect();
    assert!(names.contains(&"YC_OIDC_TOKEN") && names.contains(&"YC_TOKEN"), "{names:?}");
    let mut run = yc_auth(["emulator", "--", "/usr/bin/env"]);
    for name in &names {
        run = run.env(name, "of-the-shell");
    }
    let outcome = run.done();
    let kept: Vec<_> = outcome.output().lines().filter(|line| line.contains("of-the-shell")).collect();
    assert!(kept.is_empty(), "{kept:?}");

    let outcome = emulator("echo \"$NO_PROXY $no_proxy\"").env("NO_PROXY", "corp.example").done();
    assert_eq!(outcome.output(), "corp.example,127.0.0.1 127.0.0.1\n");
}

#[test]
fn the_exit_status_is_that_of_the_command() {
    for (script, status) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        let outcome = emulator(script).done();
        assert_eq!(
            (outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (status, "", ""),
            "{script}"
        );
    }
}

#[test]
fn a_command_that_cannot_run_has_the_status_of_a_shell() {
    let folder = Folder::new();
    let script = folder.file("script", "#!/bin/sh\n");
    fs_mode(&script, 0o644);
    for (command, status) in [
        (folder.path.join("missing").display().to_string(), 127),
        ("yc-auth-no-such-command".to_owned(), 127),
        (script.display().to_string(), 126),
        (folder.path.display().to_string(), 126),
    ] {
        let outcome = yc_auth(["emulator", "--", &command]).env("PATH", "/usr/bin:/bin").done();
        let printed = outcome.fails(status);
        assert!(printed.contains(&format!("emulator: cannot run {command}: ")), "{printed}");
    }
    // Arguments follow the command, also those that look like options.
    let outcome = yc_auth(["emulator", "--", "/bin/echo", "--tls", "--", "x"]).done();
    assert_eq!(outcome.output(), "--tls -- x\n");
    assert_eq!(yc_auth(["emulator", "--"]).done().status, 2);
}

fn fs_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Prints `ready`, then each signal. Ends at SIGTERM, with the number of other signals as its status.
///
/// SIGKILL ends `sleep`: the shell's copy that is about to become `sleep` loses any other signal. The shell ends by itself
/// where no signal comes.
const WAITING: &str = "n=0
    trap 'n=$((n + 1)); echo INT' INT
    trap 'n=$((n + 1)); echo HUP' HUP
    trap 'n=$((n + 1)); echo USR1' USR1
    trap 'n=$((n + 1)); echo USR2' USR2
    trap 'kill -KILL $!; exit $n' TERM
    round=0
    while [ $round -lt 40 ]; do
        sleep 1 &
        [ $round -gt 0 ] || echo ready
        round=$((round + 1))
        wait $!
    done
    echo late";

#[test]
fn signals_go_to_the_command() {
    let mut run = emulator(WAITING);
    // A group of its own: the signals do not come from the terminal of whoever runs the tests.
    let mut child = run.command.process_group(0).env("PATH", "/usr/bin:/bin").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut expect = |line: &str| assert_eq!(lines.next().unwrap().unwrap(), line);
    let send = |signal| kill_process(Pid::from_child(&child), signal).unwrap();
    expect("ready");
    send(Signal::INT);
    expect("INT");
    send(Signal::HUP);
    expect("HUP");
    send(Signal::INT);
    expect("INT");
    send(Signal::USR1);
    expect("USR1");
    send(Signal::USR2);
    expect("USR2");
    send(Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(5), 0), "{output:?}");
}

/// The command is in the group, so it has got the signal already.
#[test]
fn a_signal_to_the_group_reaches_the_command_once() {
    let mut run = emulator(WAITING);
    let mut child = run.command.process_group(0).env("PATH", "/usr/bin:/bin").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut expect = |line: &str| assert_eq!(lines.next().unwrap().unwrap(), line);
    let group = Pid::from_child(&child);
    expect("ready");
    // A signal to the emulator alone is forwarded after the one to the group, so the count is whole at the end.
    for (signal, name) in [(Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")] {
        kill_process_group(group, signal).unwrap();
        expect(name);
        kill_process(group, Signal::USR2).unwrap();
        expect("USR2");
    }
    kill_process(group, Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
}

/// SIGKILL gives the emulator no time to end the command: the kernel does.
#[test]
#[cfg(target_os = "linux")]
fn the_command_ends_with_an_emulator_that_is_killed() {
    // The shell keeps the pipe open for as long as it runs.
    let script = "trap '' TERM HUP INT; echo ready; n=0; while [ $n -lt 20 ]; do sleep 1; n=$((n + 1)); done; echo late";
    let mut run = emulator(script);
    let mut child = run.command.env("PATH", "/usr/bin:/bin").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(lines.next().is_none(), "the command has not ended with the emulator");
}

#[test]
fn a_command_that_a_signal_ends_ends_the_emulator() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut run = yc_auth(["emulator", "--", "/bin/sh", "-c", "echo ready; exec tail -f /dev/null"]);
        let mut child = run.command.process_group(0).env("PATH", "/usr/bin:/bin").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(status));
    }
}

/// A terminal sends the signal of Ctrl-C to the command itself: the emulator adds none.
#[test]
#[cfg(target_os = "linux")]
fn the_command_gets_one_signal_for_ctrl_c() {
    let (mut test_end, program_end) = terminal();
    let mut run = Command::new("setsid");
    run.args(["--ctty", env!("CARGO_BIN_EXE_yc-auth"), "emulator", "--", "/bin/sh", "-c", WAITING]);
    run.env_clear().env("PATH", "/usr/bin:/bin").env("YC_METADATA_ADDR", crate::run::CLOSED_PORT);
    run.stdin(Stdio::from(program_end)).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A system without setsid.
    let Ok(mut child) = run.spawn() else { return };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    for _ in 0..2 {
        test_end.write_all(b"\x03").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "INT");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
