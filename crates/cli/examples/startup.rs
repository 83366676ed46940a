//! How long `yc-auth token` takes to start, against an empty program, and how much memory it has resident.
//!
//! Measures the release build that stands beside it, and fails where the figures are not reached:
//!
//! ```text
//! cargo build --release -p yc-auth && cargo run --release -p yc-auth --example startup
//! ```
//!
//! For Linux, with GNU time.

#![allow(clippy::print_stdout, reason = "it is a program that prints")]

#[cfg(target_os = "linux")]
use linux::main;

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitCode, Stdio};
    use std::time::{Duration, Instant};

    const RUNS: usize = 400;
    const MOST_TIME: Duration = Duration::from_micros(1500);
    const MOST_MEMORY_KIB: u64 = 5 << 10;
    const MOST_SIZE: u64 = 6 << 20;

    pub(crate) fn main() -> Result<ExitCode, Box<dyn Error>> {
        let folder = std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no folder")?.to_owned();
        let program = std::env::args_os().nth(1).map_or_else(|| folder.join("yc-auth"), PathBuf::from);
        let empty = empty_program(&folder)?;

        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            theirs.push(run(&mut Command::new(&empty))?);
            ours.push(run(on_its_own(Command::new(&program).arg("token")))?);
        }
        let (theirs, ours) = (median(theirs), median(ours));
        let more = ours.saturating_sub(theirs);
        let mut memory = 0;
        for _ in 0..50 {
            memory = memory.max(resident_kib(&program)?);
        }
        let size = std::fs::metadata(&program)?.len();
        println!("empty program    {theirs:.2?}");
        println!("yc-auth token    {ours:.2?}, {more:.2?} more; at most {MOST_TIME:?} more");
        println!("resident         {memory} KiB; at most {MOST_MEMORY_KIB} KiB");
        println!("size             {size} bytes; at most {MOST_SIZE}");
        let reached = more <= MOST_TIME && memory < MOST_MEMORY_KIB && size <= MOST_SIZE;
        Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// With nothing of the user's environment, and a token at hand.
    fn on_its_own(command: &mut Command) -> &mut Command {
        command.env_clear().env("YC_IAM_TOKEN", "t1.fake.token").env("YC_METADATA_ADDR", "127.0.0.1:1")
    }

    fn run(command: &mut Command) -> Result<Duration, Box<dyn Error>> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status()?;
        let took = start.elapsed();
        if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
    }

    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn empty_program(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
        let (source, program) = (folder.join("empty.rs"), folder.join("empty"));
        std::fs::write(&source, "fn main() {}\n")?;
        let options = ["-Copt-level=3", "-Cpanic=abort", "-Cstrip=symbols", "-o"];
        let built = Command::new("rustc").args(options).arg(&program).arg(&source).status()?;
        if built.success() { Ok(program) } else { Err("the empty program was not built".into()) }
    }

    /// The most that was resident, as GNU time tells it: it is small itself, so that its own memory does not count.
    fn resident_kib(program: &Path) -> Result<u64, Box<dyn Error>> {
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(program).arg("token");
        let output = on_its_own(&mut timed).stdout(Stdio::null()).output()?;
        let told = String::from_utf8(output.stderr)?;
        Ok(told.trim().parse().map_err(|_| format!("GNU time said {told:?}"))?)
    }
}
