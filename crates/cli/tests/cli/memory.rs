//! Other processes cannot read the memory of the command. Programs that the command runs are as usual.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_support::users::can_become_others;

use crate::run::Folder;

/// A user without rights, and the one that owns what nobody else may see.
const NOBODY: u32 = 65534;
const ROOT: u32 = 0;

/// The program, where every user may run it.
fn program(folder: &Folder) -> std::path::PathBuf {
    let program = folder.path.join("yc-auth");
    fs::copy(env!("CARGO_BIN_EXE_yc-auth"), &program).unwrap();
    program
}

/// Starts a command as a user without rights: the owner of its files in /proc then tells whether it is dumpable.
fn start(program: &Path, arguments: &[&str]) -> Child {
    let start = Instant::now();
    loop {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        match command.spawn() {
            // A test that forks at this moment may hold the copy open for a while.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
            child => return child.unwrap(),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the program stays busy");
    }
}

fn owner_of_memory(process: u32) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{process}/mem")).ok()?.uid())
}

/// Whether this process is the only user of its namespace, who is root there: all memory belongs to this user.
fn is_alone() -> bool {
    rustix::process::geteuid().is_root() && !can_become_others()
}

fn user() -> u32 {
    match rustix::process::geteuid().as_raw() {
        ROOT => NOBODY,
        user => user,
    }
}

/// Waits until the memory of a process belongs to `owner`.
fn until_owned_by(owner: u32, process: u32) {
    let start = Instant::now();
    while owner_of_memory(process) != Some(owner) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", owner_of_memory(process));
        std::thread::yield_now();
    }
}

/// A folder that every user may enter.
fn open_folder() -> Folder {
    let mut folder = Folder::new();
    let name = folder.path.file_name().unwrap().to_owned();
    let _ = fs::remove_dir(&folder.path);
    folder.path = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder.path).unwrap();
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn the_memory_of_the_command_belongs_to_root() {
    if is_alone() {
        return;
    }
    let folder = open_folder();
    let mut child = start(&program(&folder), &["token", "--auth", "-"]);
    until_owned_by(ROOT, child.id());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(4), "the input is empty");
}

#[test]
fn the_memory_of_a_program_that_the_command_runs_belongs_to_its_user() {
    if is_alone() {
        return;
    }
    let folder = open_folder();
    let program = program(&folder);
    let pid = folder.path.join("pid");
    let yc = folder.file(
        "yc",
        format!("#!/bin/sh\nulimit -c > {0}.core\necho $$ > {0}\nread line\nexec sleep 60\n", pid.display()),
    );
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(&yc, fs::Permissions::from_mode(0o755)).unwrap();
    let start = Instant::now();
    let mut child = {
        // A shell allows core dumps, where the machine lets it: the command must not take that from the program.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; ulimit -c > \"$0\".allowed; exec env \"$@\""]);
        command.arg(&pid).arg(format!("PATH={}:/usr/bin:/bin", folder.path.display()));
        command.arg(&program).args(["token", "--method", "yandex-cloud-cli"]);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.spawn().unwrap()
    };
    let yc = loop {
        match fs::read_to_string(&pid).unwrap_or_default().trim().parse() {
            Ok(yc) => break yc,
            Err(_) => assert!(start.elapsed() < Duration::from_secs(20), "yc does not start"),
        }
        std::thread::yield_now();
    };
    until_owned_by(ROOT, child.id());
    until_owned_by(user(), yc);
    let [allowed, left] =
        ["allowed", "core"].map(|name| fs::read_to_string(pid.with_extension(name)).unwrap());
    assert_eq!(left, allowed, "the limit of core dumps");
    let terminate = rustix::process::Signal::TERM;
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), terminate).unwrap();
    child.wait().unwrap();
}
