//! Runs a test in its own process, because the test observes state of the whole process.

use std::process::{Command, Stdio};

/// The variable of the child process. Its value is the name of the only test that the child runs.
const VARIABLE: &str = "YC_AUTH_TEST_OF_THIS_PROCESS";

/// Runs `test` in a new process: starts this test binary again with the single test `name`, the path of the test in
/// the binary.
pub fn in_own_process(name: &str, test: impl FnOnce()) {
    if std::env::var(VARIABLE).is_ok_and(|child| child == name) {
        return test();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(VARIABLE, name)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(
        child.status.success() && stdout.contains("1 passed"),
        "{name}: {}\n{stdout}{stderr}",
        child.status
    );
}
