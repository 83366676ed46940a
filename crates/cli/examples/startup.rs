//! Measures the installed form of `yc-auth token`: its start-up time beside an empty program, its resident memory, and
//! its size. Fails where a figure is over its limit.
//!
//! ```text
//! cargo build --profile dist -p yc-auth && cp target/dist/yc-auth /tmp/
//! cargo run --profile dist -p yc-auth --example startup -- /tmp/yc-auth
//! ```
//!
//! The copy is the installed form: a build of the example builds the binary again, with what the tests need besides.
//!
//! A second program is compared with the first, for a change that must not cost time. Build the other commit elsewhere:
//!
//! ```text
//! cargo run --profile dist -p yc-auth --example startup -- target/dist/yc-auth /elsewhere/target/release/yc-auth
//! ```
//!
//! For Linux, with GNU time.

#![allow(clippy::print_stdout, reason = "printing is the purpose of this program")]

#[cfg(target_os = "linux")]
mod measure;

#[cfg(target_os = "linux")]
use linux::main;

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitCode, Stdio};
    use std::time::Duration;

    use crate::measure::{build_empty_program, median, resident_kib, run};

    const RUNS: usize = 400;
    const COMPARED_RUNS: usize = 60;
    const RATIO_LIMIT: f64 = 1.05;
    const EXTRA_TIME_LIMIT: Duration = Duration::from_micros(1500);
    const MEMORY_LIMIT_KIB: u64 = 6 << 10;
    const SIZE_LIMIT: u64 = 6 << 20;

    pub(crate) fn main() -> Result<ExitCode, Box<dyn Error>> {
        let folder = std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no folder")?.to_owned();
        let program = std::env::args_os().nth(1).map_or_else(|| folder.join("yc-auth"), PathBuf::from);
        if let Some(other) = std::env::args_os().nth(2).map(PathBuf::from) {
            return compare(&program, &other);
        }
        let empty = build_empty_program(&folder)?;

        // In turns, so that a change in the load of the machine affects both.
        let (mut empty_times, mut token_times) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            empty_times.push(run(Command::new(&empty).stdin(Stdio::null()).stdout(Stdio::null()))?);
            token_times.push(run(isolated(Command::new(&program).arg("token")))?);
        }
        let (empty_time, token_time) = (median(empty_times), median(token_times));
        let extra = token_time.saturating_sub(empty_time);
        let memory = resident_kib(&program, 50, |command| {
            isolated(command.arg("token"));
        })?;
        let size = std::fs::metadata(&program)?.len();
        println!("empty program    {empty_time:.2?}");
        println!("yc-auth token    {token_time:.2?}, {extra:.2?} more; at most {EXTRA_TIME_LIMIT:?} more");
        println!("resident memory  {memory} KiB; at most {MEMORY_LIMIT_KIB} KiB");
        println!("size             {size} bytes; at most {SIZE_LIMIT}");
        let within_limits = extra <= EXTRA_TIME_LIMIT && memory <= MEMORY_LIMIT_KIB && size <= SIZE_LIMIT;
        Ok(if within_limits { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Compares the time of the whole process with that of another program, by turns, so that a change in the load of the
    /// machine affects both.
    fn compare(program: &Path, other: &Path) -> Result<ExitCode, Box<dyn Error>> {
        let (mut times, mut other_times) = (Vec::new(), Vec::new());
        for _ in 0..COMPARED_RUNS {
            other_times.push(run(isolated(Command::new(other).arg("token")))?);
            times.push(run(isolated(Command::new(program).arg("token")))?);
        }
        let (time, other_time) = (median(times), median(other_times));
        let ratio = time.as_secs_f64() / other_time.as_secs_f64();
        println!("{}  {time:.2?}", program.display());
        println!("{}  {other_time:.2?}", other.display());
        println!("ratio  {ratio:.3}; at most {RATIO_LIMIT}");
        Ok(if ratio <= RATIO_LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Removes the user's environment, sets a token that needs no request, and takes the standard streams away.
    fn isolated(command: &mut Command) -> &mut Command {
        command.env_clear().env("YC_IAM_TOKEN", "t1.fake.token").env("YC_METADATA_ADDR", "127.0.0.1:1");
        command.stdin(Stdio::null()).stdout(Stdio::null())
    }
}
