//! The stage of one row: an emulator, a clock that both sides share, files and a yc that can fail.

use std::io;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use test_support::system::isolated_system;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use yandex_cloud_auth::system::{BoxFuture, Clock, Command, CommandOutput, Files, Processes};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{Counters, Credentials, Error, System};
use yandex_cloud_emulator::{Emulator, Renewal, Service};

use super::faults::{Fault, FileState};
use super::within;

pub(super) const TOKEN_FILE: &str = "/run/token";
pub(super) const PROFILE: &str = "/home/me/config.yaml";
const YC: &str = "/usr/bin/yc";

/// How long something that has to happen may take in real time. Only a test that fails waits that long.
const REAL_TIME_LIMIT: Duration = Duration::from_secs(60);

/// While a call waits, virtual time goes on by this much in each turn, ten times as fast as real time: real sockets have
/// to answer inside virtual limits of 5 s and 10 s.
const STEP: Duration = Duration::from_millis(20);
const TURN: Duration = Duration::from_millis(2);
const CREEP: Duration = Duration::from_micros(10);

pub(super) struct Stage {
    pub(super) emulator: Arc<Emulator>,
    clock: TestClock,
    environment: TestEnvironment,
    machine: Machine,
}

/// The files and the yc of the stage. Clones share them.
#[derive(Clone)]
struct Machine {
    state: Arc<(Mutex<MachineState>, Condvar)>,
    emulator: Arc<Emulator>,
    clock: TestClock,
}

struct MachineState {
    fault: Option<Fault>,
    token: String,
    /// What yc printed last.
    yc_output: String,
    profile: String,
}

impl Stage {
    pub(super) fn new() -> Self {
        let clock = TestClock::new();
        // A jitter in the middle: the bounds are the affair of other tests.
        clock.set_random(0.5);
        let wall = SystemTime::UNIX_EPOCH + clock.now().wall;
        let builder = Emulator::builder().clock_start(wall);
        let builder = builder.metadata_renewal(Renewal::Always).exchange_renewal(Renewal::Always);
        let emulator = Arc::new(builder.start_in_thread().unwrap());
        emulator.clock().freeze();
        let (api, metadata) = (emulator.api_url(), emulator.metadata_addr().to_string());
        let environment = TestEnvironment::new([
            ("YC_API_ENDPOINT", api.clone()),
            ("YC_OAUTH_ENDPOINT", api),
            ("YC_METADATA_ADDR", metadata),
            ("YC_TOKEN", emulator.iam_token().unwrap()),
            ("PATH", "/usr/bin".to_owned()),
        ]);
        let state = MachineState {
            fault: None,
            token: emulator.iam_token().unwrap(),
            yc_output: String::new(),
            profile: format!("profiles:\n  test:\n    token: {}\n", emulator.oauth_token()),
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let machine = Machine { state, emulator: Arc::clone(&emulator), clock: clock.clone() };
        Self { emulator, clock, environment, machine }
    }

    pub(super) fn system(&self) -> System {
        isolated_system()
            .with_environment(self.environment.clone())
            .with_clock(self.clock.clone())
            .with_files(self.machine.clone())
            .with_processes(self.machine.clone())
    }

    /// Begins or ends a fault, everywhere.
    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        self.emulator.faults().clear();
        if let Some(fault) = fault {
            self.emulator.faults().add(fault.injected());
        }
        self.machine.state().fault = fault;
        self.machine.state.1.notify_all();
    }

    /// Another program writes a new token into the file.
    pub(super) fn renew_value(&self) {
        self.machine.state().token = self.emulator.iam_token().unwrap();
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now().monotonic
    }

    pub(super) fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.clock.now().wall
    }

    /// How many requests have reached the emulator.
    pub(super) fn requests(&self) -> u64 {
        let counters = self.emulator.counters();
        [Service::Iam, Service::Metadata, Service::Endpoints]
            .map(|service| counters.requests(service))
            .iter()
            .sum()
    }

    pub(super) fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
        self.machine.follow_clock();
    }

    /// A call with this deadline. Virtual time goes on while it waits, up to the deadline. After that time creeps, since
    /// the call may have read the clock a little later than it said.
    pub(super) fn drive(&self, credentials: &Credentials, deadline: Duration) -> Result<(), Error> {
        let (sender, events) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let _ = sender.send(None);
                let header = credentials.blocking().header_with(within(deadline));
                let _ = sender.send(Some(header.map(drop)));
            });
            let _ = events.recv();
            let (began, end) = (Instant::now(), self.now() + deadline);
            loop {
                match events.recv_timeout(TURN) {
                    Ok(outcome) => return outcome.expect("a call begins once"),
                    Err(RecvTimeoutError::Timeout) => {
                        assert!(began.elapsed() < REAL_TIME_LIMIT, "a call is not told by its deadline");
                        let left = end.saturating_sub(self.now());
                        self.advance(if left.is_zero() { CREEP } else { STEP.min(left) });
                    }
                    Err(RecvTimeoutError::Disconnected) => panic!("a call has panicked"),
                }
            }
        })
    }

    /// Waits until the fetch that a stale call has started is over. None is due where the source has returned the same
    /// token again a short while ago. The end of a fetch that returns the same token shows nowhere.
    pub(super) fn settle(&self, credentials: &Credentials, before: Counters, generation: u64, fault: Fault) {
        if credentials.counters().fetches == before.fetches || fault == Fault::SameOldToken {
            return;
        }
        let mut last_advance = Instant::now();
        let is_over = || {
            // Not in each turn: the threads that a timer wakes need real time, and the token must not end meanwhile.
            if fault.ends_by_time() && self.clock.sleepers() > 0 && last_advance.elapsed() > 10 * TURN {
                self.advance(Duration::from_secs(31));
                last_advance = Instant::now();
            }
            let generation_now = credentials.snapshot().map_or(0, |snapshot| snapshot.generation());
            credentials.counters().failures > before.failures || generation_now != generation
        };
        assert!(self.until(is_over), "the refresh under {fault:?} does not end");
    }

    /// Waits for a change that other threads make; false if it does not come within a minute.
    pub(super) fn until(&self, mut happened: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        while !happened() {
            if began.elapsed() > REAL_TIME_LIMIT {
                return false;
            }
            // The threads that make the change need the processor more than this loop.
            std::thread::park_timeout(TURN / 4);
        }
        true
    }
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, MachineState> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow_clock(&self) {
        self.emulator.clock().set(SystemTime::UNIX_EPOCH + self.clock.now().wall);
    }
}

impl Files for Machine {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        if path == Path::new(PROFILE) {
            return Ok(state.profile.clone().into_bytes());
        }
        if path != Path::new(TOKEN_FILE) {
            return Err(io::ErrorKind::NotFound.into());
        }
        loop {
            match state.fault.and_then(|fault| fault.of_file(&state.token)) {
                None => return Ok(state.token.clone().into_bytes()),
                Some(FileState::Content(content)) if content.len() > limit => {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Some(FileState::Content(content)) => return Ok(content),
                Some(FileState::Error(kind)) => return Err(kind.into()),
                Some(FileState::Hangs) => {
                    state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn is_executable(&self, path: &Path) -> bool {
        path == Path::new(YC)
    }
}

impl Processes for Machine {
    fn run(&self, command: Command) -> BoxFuture<'_, io::Result<CommandOutput>> {
        let mut state = self.state();
        let fault = state.fault;
        if fault != Some(Fault::SameOldToken) || state.yc_output.is_empty() {
            let end = OffsetDateTime::from(self.emulator.clock().now() + Duration::from_secs(12 * 3600));
            let (token, end) = (self.emulator.iam_token().unwrap(), end.format(&Rfc3339).unwrap());
            state.yc_output = serde_json::json!({ "iam_token": token, "expires_at": end }).to_string();
        }
        let output = state.yc_output.clone();
        drop(state);
        Box::pin(async move {
            if command.arguments.first().is_some_and(|word| word == "config") {
                return Ok(CommandOutput::new(Some(0), Vec::new(), Vec::new()));
            }
            match fault {
                None => Ok(CommandOutput::new(Some(0), output.into_bytes(), Vec::new())),
                Some(fault) => match fault.of_yc(&output) {
                    Some(output) => Ok(output),
                    None => std::future::pending().await,
                },
            }
        })
    }
}
