//! Measures what the shared tokens of a machine save: one command with a cached token, and two hundred at once. Fails
//! where a figure is over its limit.
//!
//! The first argument is the installed form of the command (see the example `startup`). A second program, such as that of
//! an older commit, makes the same two hundred calls in the same run, and has no limit.
//!
//! ```text
//! cargo run --profile dist -p yc-auth --example shared_tokens -- /tmp/yc-auth [OTHER]
//! ```
//!
//! For Linux, with GNU time. Connects to an emulator inside this program alone.

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
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::time::{Duration, Instant};

    use crate::measure::{build_empty_program, median, resident_kib, run};
    use yandex_cloud_emulator::{Emulator, Fault, Service};

    const RUNS: usize = 200;
    const TOGETHER: usize = 200;
    const EXTRA_TIME_LIMIT: Duration = Duration::from_millis(2);
    const MEMORY_LIMIT_KIB: u64 = 6 << 10;
    const TIMES_FASTER: f64 = 8.0;
    const LAST_LIMIT: f64 = 1.3;

    /// An emulator, a key, and a folder for the shared tokens.
    struct Machine {
        cloud: Emulator,
        folder: PathBuf,
        key: PathBuf,
    }

    impl Machine {
        fn start(lifetime: Duration, iam_takes: Duration) -> Result<Self, Box<dyn Error>> {
            let cloud = Emulator::builder().token_lifetime(lifetime).start_in_thread()?;
            cloud.faults().add(Fault::latency(iam_takes).on(Service::Iam));
            let folder = std::env::temp_dir().join(format!("shared-tokens-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir(&folder)?;
            let key = folder.join("key.json");
            std::fs::write(&key, cloud.service_account_key()?)?;
            Ok(Self { cloud, folder, key })
        }

        fn command(&self, program: &Path, words: &[&str]) -> Command {
            let mut command = Command::new(program);
            self.complete(&mut command, words);
            command
        }

        fn complete(&self, command: &mut Command, words: &[&str]) {
            command.arg("token").arg("--key-file").arg(&self.key).args(words);
            command.env_clear().env("YC_API_ENDPOINT", self.cloud.api_url());
            command.env("XDG_RUNTIME_DIR", &self.folder);
            command.stdin(Stdio::null()).stdout(Stdio::null());
        }

        /// Starts many commands, waits for all, and returns the time until the last has ended and how many failed.
        fn together(&self, program: &Path) -> Result<(Duration, usize), Box<dyn Error>> {
            let start = Instant::now();
            let children: Vec<Child> =
                (0..TOGETHER).map(|_| self.command(program, &[]).spawn()).collect::<Result<_, _>>()?;
            let mut failed = 0;
            for mut child in children {
                failed += usize::from(!child.wait()?.success());
            }
            Ok((start.elapsed(), failed))
        }

        fn requests(&self) -> (u64, u64) {
            let counters = self.cloud.counters();
            (counters.route("GET /endpoints"), counters.tokens_issued())
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    pub(crate) fn main() -> Result<ExitCode, Box<dyn Error>> {
        let program = std::env::args_os().nth(1).map(PathBuf::from).ok_or("name the command to measure")?;
        let other = std::env::args_os().nth(2).map(PathBuf::from);
        let one = one_at_a_time(&program)?;
        let many = many_at_once(&program, other.as_deref())?;
        let stale = stale_and_down(&program)?;
        Ok(if one && many && stale { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn one_at_a_time(program: &Path) -> Result<bool, Box<dyn Error>> {
        let machine = Machine::start(Duration::from_secs(12 * 3600), Duration::from_millis(20))?;
        let empty = build_empty_program(&machine.folder)?;
        run(&mut machine.command(program, &[]))?;
        let (mut of_empty, mut cached, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
        // By turns, so that a change in the load of the machine affects all.
        for _ in 0..RUNS {
            of_empty.push(run(&mut Command::new(&empty))?);
            cached.push(run(&mut machine.command(program, &[]))?);
            fetched.push(run(&mut machine.command(program, &["--no-cache"]))?);
        }
        let (of_empty, cached, fetched) = (median(of_empty), median(cached), median(fetched));
        let extra = cached.saturating_sub(of_empty);
        let ratio = fetched.as_secs_f64() / cached.as_secs_f64();
        let memory = resident_kib(program, 50, |command| machine.complete(command, &[]))?;
        println!("a cached token   {extra:.2?} more than an empty program; at most {EXTRA_TIME_LIMIT:?}");
        println!(
            "without a cache  {fetched:.2?}, IAM at 20 ms: {ratio:.1} times as long; at least {TIMES_FASTER}"
        );
        println!("resident memory  {memory} KiB; at most {MEMORY_LIMIT_KIB} KiB");
        Ok(extra <= EXTRA_TIME_LIMIT && ratio >= TIMES_FASTER && memory <= MEMORY_LIMIT_KIB)
    }

    fn many_at_once(program: &Path, other: Option<&Path>) -> Result<bool, Box<dyn Error>> {
        let slow = Duration::from_millis(200);
        let machine = Machine::start(Duration::from_secs(12 * 3600), slow)?;
        let alone = run(&mut machine.command(program, &[]))?;
        // The time to start as many processes, with a token at hand.
        let (start_up, _) = machine.together(program)?;
        let machine = Machine::start(Duration::from_secs(12 * 3600), slow)?;
        let (last, failed) = machine.together(program)?;
        let limit = alone.mul_f64(LAST_LIMIT) + start_up;
        let requests = machine.requests();
        println!(
            "{TOGETHER} at once, IAM at 200 ms: {requests:?} discoveries and exchanges, {failed} failed, the last after \
             {last:.0?}; at most {limit:.0?} (one alone {alone:.0?}, start-up of all {start_up:.0?})"
        );
        if let Some(other) = other {
            let machine = Machine::start(Duration::from_secs(12 * 3600), slow)?;
            let (last, failed) = machine.together(other)?;
            println!(
                "  the other program: {:?}, {failed} failed, the last after {last:.0?}",
                machine.requests()
            );
        }
        Ok(requests == (1, 1) && failed == 0 && last <= limit)
    }

    fn stale_and_down(program: &Path) -> Result<bool, Box<dyn Error>> {
        // Fresh for 45 s, so a renewal is due after that.
        let machine = Machine::start(Duration::from_secs(60), Duration::ZERO)?;
        run(&mut machine.command(program, &[]))?;
        std::thread::sleep(Duration::from_secs(46));
        machine.cloud.faults().clear();
        machine.cloud.faults().add(Fault::status(503).on(Service::Iam));
        let before = machine.cloud.counters().requests(Service::Iam);
        let (last, failed) = machine.together(program)?;
        // The renewals run in processes of their own.
        std::thread::sleep(Duration::from_secs(1));
        let asked = machine.cloud.counters().requests(Service::Iam) - before;
        println!(
            "{TOGETHER} with a stale token, IAM down: {failed} failed, the last after {last:.0?}, {asked} requests to IAM in \
             the first second"
        );
        Ok(failed == 0 && asked > 0)
    }
}
