//! Programs: their output, their environment, and that no process is left when the caller stops waiting.

#![cfg(unix)]

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use yandex_cloud_auth::system::{Command, CommandOutput, Processes, SystemProcesses};

/// Longer than any test needs. Only a test that fails reaches it.
const TIME_LIMIT: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Command {
    Command::new("/bin/sh", ["-c", script])
}

async fn run(command: Command) -> io::Result<CommandOutput> {
    tokio::time::timeout(TIME_LIMIT, SystemProcesses.run(command)).await.expect("the run hangs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[derive(Debug, PartialEq)]
enum State {
    Alive,
    Zombie,
    Gone,
}

/// The state of a process, by signal 0 and, where /proc exists, by its state there.
fn state(pid: Pid) -> State {
    if rustix::process::test_kill_process(pid).is_err() {
        return State::Gone;
    }
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) if stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')) => State::Zombie,
        _ => State::Alive,
    }
}

/// Whether a process ends. A zombie counts as ended: the process that adopts an orphan may be slow to reap it.
fn ends(pid: Pid) -> bool {
    let start = Instant::now();
    while state(pid) == State::Alive {
        if start.elapsed() > TIME_LIMIT {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn pids(text: &str) -> Vec<Pid> {
    text.split_whitespace().map(|word| Pid::from_raw(word.parse().unwrap()).unwrap()).collect()
}

/// A temporary file, removed after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("processes-{}-{name}", std::process::id())))
    }

    /// The process ids in the file. Waits until the line is complete.
    async fn pids(&self) -> Vec<Pid> {
        let start = Instant::now();
        loop {
            match std::fs::read_to_string(&self.0) {
                Ok(line) if line.ends_with('\n') => return pids(&line),
                _ => assert!(start.elapsed() < TIME_LIMIT, "the program does not start"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A program with a grandchild. Both would run for a minute, and write their process ids to `file`.
fn family(file: &Path) -> Command {
    let mut command = shell("sleep 60 & echo $$ $! > \"$FILE\"; wait; sleep 60");
    command.environment = vec![("FILE".into(), file.into())];
    command
}

#[tokio::test]
async fn a_run_returns_the_exit_code_and_both_outputs() {
    let output = run(shell("echo token; echo notice >&2; exit 7")).await.unwrap();
    assert_eq!(
        (output.code(), text(output.stdout()), text(output.stderr())),
        (Some(7), "token\n", "notice\n")
    );
    assert_eq!(run(shell("kill -KILL $$")).await.unwrap().code(), None);
}

#[tokio::test]
async fn a_program_gets_exactly_the_given_environment_and_an_empty_input() {
    let mut command = Command::new("/usr/bin/env", [] as [&str; 0]);
    command.environment = vec![("YC_CLI_INITIALIZATION_SILENCE".into(), "true".into())];
    assert_eq!(text(run(command).await.unwrap().stdout()), "YC_CLI_INITIALIZATION_SILENCE=true\n");

    let output = run(Command::new("/bin/cat", [] as [&str; 0])).await.unwrap();
    assert_eq!((output.code(), output.stdout().len()), (Some(0), 0));
}

#[tokio::test]
async fn large_output_is_read_completely_but_only_its_beginning_is_kept() {
    let mut command = shell(
        "echo first; echo first >&2; head -c 3000000 /dev/zero && head -c 3000000 /dev/zero >&2 && exit 5",
    );
    command.max_output = 10_000;
    let output = run(command).await.unwrap();
    // If the output were not read, a signal would kill the program.
    assert_eq!(output.code(), Some(5));
    for kept in [output.stdout(), output.stderr()] {
        assert_eq!(kept.len(), 10_000);
        assert!(kept.starts_with(b"first\n\0"));
    }
}

#[tokio::test]
async fn dropping_the_run_kills_the_whole_group() {
    let file = Scratch::new("dropped");
    let mut running = SystemProcesses.run(family(&file.0));
    let pids = tokio::select! {
        ended = &mut running => panic!("it ended: {ended:?}"),
        pids = file.pids() => pids,
    };
    assert_eq!(pids.iter().map(|pid| state(*pid)).collect::<Vec<_>>(), [State::Alive, State::Alive]);
    drop(running);
    assert_eq!(state(pids[0]), State::Gone, "the child is reaped, not left as a zombie");
    assert!(ends(pids[1]), "the grandchild still runs");
}

#[test]
fn dropping_the_runtime_kills_the_whole_group() {
    let file = Scratch::new("runtime");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let command = family(&file.0);
    runtime.spawn(async move { SystemProcesses.run(command).await.map(drop) });
    let pids = runtime.block_on(file.pids());
    runtime.shutdown_background();
    assert_eq!(state(pids[0]), State::Gone, "the child is reaped, not left as a zombie");
    assert!(ends(pids[1]), "the grandchild still runs");
}

#[tokio::test]
async fn a_run_does_not_wait_for_a_background_process_that_holds_the_output() {
    let start = Instant::now();
    let output = run(shell("sleep 60 & echo $!; exit 3")).await.unwrap();
    assert_eq!(output.code(), Some(3));
    assert!(start.elapsed() < TIME_LIMIT / 2, "{:?}", start.elapsed());
    assert!(ends(pids(text(output.stdout()))[0]), "the grandchild still runs");
}

#[tokio::test]
async fn a_background_process_that_closed_the_output_is_left_running() {
    let output = run(shell("sleep 60 >/dev/null 2>&1 & echo $!")).await.unwrap();
    let background = pids(text(output.stdout()))[0];
    assert_eq!(state(background), State::Alive);
    kill_process(background, Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_run_waits_for_a_program_that_closed_its_outputs() {
    let output = run(shell("echo out; exec >&- 2>&-; sleep 0.3; exit 4")).await.unwrap();
    assert_eq!((output.code(), text(output.stdout())), (Some(4), "out\n"));
}

#[tokio::test]
async fn a_program_that_cannot_start_is_an_error_with_the_reason() {
    let kind = async |program: &str| run(Command::new(program, ["x"])).await.unwrap_err().kind();
    assert_eq!(kind("/nonexistent/yc").await, io::ErrorKind::NotFound);
    assert_eq!(
        kind(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).await,
        io::ErrorKind::PermissionDenied
    );
    assert_eq!(kind("sh").await, io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_file_that_is_not_a_program_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let file = Scratch::new("no-program");
    std::fs::write(&file.0, "no program").unwrap();
    std::fs::set_permissions(&file.0, PermissionsExt::from_mode(0o755)).unwrap();
    let start = Instant::now();
    let error = loop {
        let error = run(Command::new(&file.0, [] as [&str; 0])).await.unwrap_err();
        // A parallel test that forks at this moment may hold the file open for a while.
        if error.kind() != io::ErrorKind::ExecutableFileBusy || start.elapsed() > TIME_LIMIT {
            break error;
        }
    };
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOEXEC.raw_os_error()));
}

#[test]
fn a_run_outside_of_a_runtime_is_an_error_and_not_a_panic() {
    let mut running = SystemProcesses.run(shell("exit 0"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(running.as_mut().poll(&mut context), std::task::Poll::Ready(Err(_))));
}
