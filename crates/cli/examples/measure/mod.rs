//! What the measurements of the command share: the time of a process, and an empty program to compare with.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The time from the start of a process to its end.
pub(crate) fn run(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let status = command.status()?;
    let elapsed = start.elapsed();
    if status.success() { Ok(elapsed) } else { Err(format!("{command:?}: {status}").into()) }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Builds a program that does nothing: the time of the process itself.
pub(crate) fn build_empty_program(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (source, program) = (folder.join("empty.rs"), folder.join("empty"));
    std::fs::write(&source, "fn main() {}\n")?;
    let options = ["-Copt-level=3", "-Cpanic=abort", "-Cstrip=symbols", "-o"];
    let status = Command::new("rustc").args(options).arg(&program).arg(&source).status()?;
    if status.success() { Ok(program) } else { Err("rustc did not build the empty program".into()) }
}

/// The peak resident memory of a command that GNU time runs: `set` gets a command without its program, and adds the rest.
///
/// The file pages that the system keeps count too, so single runs differ: the most of several counts. GNU time is small
/// itself, so that its own memory does not count.
pub(crate) fn resident_kib(
    program: &Path,
    runs: usize,
    set: impl Fn(&mut Command),
) -> Result<u64, Box<dyn Error>> {
    let mut most = 0;
    for _ in 0..runs {
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(program);
        set(&mut timed);
        let output = timed.output()?;
        let printed = String::from_utf8(output.stderr)?;
        most = most.max(printed.trim().parse().map_err(|_| format!("GNU time printed {printed:?}"))?);
    }
    Ok(most)
}
