//! A program that the library runs does not get the standard input of this process.

use std::io::Write;
use std::process::{Command, Stdio};

use yandex_cloud_auth::system::{self, Processes, SystemProcesses};

#[test]
fn a_program_reads_an_empty_input() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cat = system::Command::new("/bin/cat", [] as [&str; 0]);
    let output = runtime.block_on(SystemProcesses.run(cat)).unwrap();
    assert_eq!((output.code(), output.stdout()), (Some(0), &b""[..]));
}

#[test]
fn the_input_of_this_process_is_left_to_this_process() {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "standard_input::a_program_reads_an_empty_input", "--test-threads=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(b"an answer to a question of the program\n").unwrap();
    let output = run.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
