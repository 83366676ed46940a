//! The demo's surroundings: an emulator in this process, and a system whose variables name only that emulator.
//!
//! The demo reads no variable of the user and connects only to the emulator. Its `yc` is this binary, linked into a
//! folder that is removed at the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use yandex_cloud_auth::System;
use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::system::{BoxFuture, Clock, Environment, Now, SystemClock};
use yandex_cloud_emulator::{Emulator, VirtualClock};

use super::fake_yc;
use crate::signals::Signals;

/// The emulator, its clock, and the files of the simulated system.
pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    clock: DemoClock,
    folder: Folder,
}

impl Fixture {
    /// Starts the emulator and makes the folder.
    pub(crate) fn new() -> io::Result<Self> {
        // Before the emulator: without a file descriptor this is an error, and the first runtime of tokio a panic.
        let folder = Folder::with_yc()?;
        let emulator = Emulator::start_in_thread()?;
        let clock = DemoClock { emulated: emulator.clock(), start: emulator.clock().now() };
        Ok(Self { emulator, clock, folder })
    }

    /// A system with these variables and those that name the emulator.
    pub(crate) fn system(&self, variables: &[(&str, &str)]) -> System {
        let emulator = &self.emulator;
        let mut all: BTreeMap<OsString, OsString> = [
            ("YC_API_ENDPOINT", emulator.api_url()),
            ("YC_METADATA_ADDR", emulator.metadata_addr().to_string()),
            (fake_yc::VARIABLE, emulator.api_addr().to_string()),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        all.insert("PATH".into(), self.folder.path.clone().into());
        all.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        System::real().with_environment(DemoEnvironment(all)).with_clock(self.clock.clone())
    }

    /// Writes a file into the folder, which only the user can open.
    pub(crate) fn file(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.folder.path.join(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Advances the clock of the emulator and of the credentials.
    pub(crate) fn advance(&self, duration: Duration) {
        self.clock.emulated.advance(duration);
    }
}

/// An environment with only these variables, and with a terminal as standard input.
struct DemoEnvironment(BTreeMap<OsString, OsString>);

impl Environment for DemoEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.0.get(std::ffi::OsStr::new(name)).cloned()
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        self.0.clone().into_iter().collect()
    }

    fn stdin_is_terminal(&self) -> bool {
        true
    }
}

/// The emulator's clock. Only the demo advances it. Sleeps use real time, so that time limits still work.
#[derive(Clone)]
struct DemoClock {
    emulated: VirtualClock,
    start: SystemTime,
}

impl Clock for DemoClock {
    fn now(&self) -> Now {
        let now = self.emulated.now();
        Now {
            wall: now.duration_since(UNIX_EPOCH).unwrap_or_default(),
            monotonic: now.duration_since(self.start).unwrap_or_default(),
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock::new().sleep(duration)
    }
}

/// A folder with this binary as `yc`; removed when dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn with_yc() -> io::Result<Self> {
        let random = SystemClock::new().random().to_bits();
        let path = std::env::temp_dir().join(format!("yc-auth-demo-{}-{random:x}", std::process::id()));
        let path = std::path::absolute(path)?;
        // Before the folder exists: a signal at any moment must leave nothing behind.
        remove_on_signal(path.clone())?;
        create_private(&path)?;
        let folder = Self { path };
        let program = std::env::current_exe()?;
        let yc = folder.path.join(format!("yc{}", std::env::consts::EXE_SUFFIX));
        link(&program, &yc)
            .or_else(|_| fs::hard_link(&program, &yc))
            .or_else(|_| fs::copy(&program, &yc).map(drop))?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folder on Ctrl-C too, and ends the process.
fn remove_on_signal(folder: PathBuf) -> io::Result<()> {
    let runtime = new_runtime()?;
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen()
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let status = runtime.block_on(signals.first());
        let _ = fs::remove_dir_all(&folder);
        std::process::exit(status);
    })?;
    Ok(())
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

#[cfg(unix)]
fn link(program: &Path, name: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(program, name)
}

#[cfg(not(unix))]
fn link(program: &Path, name: &Path) -> io::Result<()> {
    fs::hard_link(program, name)
}
