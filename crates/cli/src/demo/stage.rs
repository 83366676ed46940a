//! Where the demo plays: an emulator in this process, and a machine that knows nothing but it.
//!
//! No variable of the user's is read, no address but the emulator's is spoken to, and `yc` is this very binary, in a
//! folder that is removed at the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use yandex_cloud_auth::System;
use yandex_cloud_auth::system::{BoxFuture, Clock, Environment, Now, SystemClock};
use yandex_cloud_emulator::{Emulator, VirtualClock};

use super::fake_yc;
use crate::children::Signals;

/// The emulator, and the way to it.
pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    clock: DemoClock,
    folder: Folder,
}

impl Stage {
    /// Sets it up.
    pub(crate) fn set() -> io::Result<Self> {
        let emulator = Emulator::start_in_thread()?;
        let folder = Folder::with_yc()?;
        let clock = DemoClock { shown: emulator.clock(), start: emulator.clock().now() };
        Ok(Self { emulator, clock, folder })
    }

    /// A machine with these variables, beside those that lead to the emulator.
    pub(crate) fn machine(&self, variables: &[(&str, &str)]) -> System {
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

    /// Writes a file of the machine; its owner alone can look into its folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.folder.path.join(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Lets time pass, for the emulator and for the credentials.
    pub(crate) fn advance(&self, span: Duration) {
        self.clock.shown.advance(span);
    }
}

/// These variables, and a person at the terminal.
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

/// The emulator's clock, which only goes forward here. Waits are real, so that hangs are bounded.
#[derive(Clone)]
struct DemoClock {
    shown: VirtualClock,
    start: SystemTime,
}

impl Clock for DemoClock {
    fn now(&self) -> Now {
        let now = self.shown.now();
        Now {
            wall: now.duration_since(UNIX_EPOCH).unwrap_or_default(),
            monotonic: now.duration_since(self.start).unwrap_or_default(),
        }
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        SystemClock::new().sleep(span)
    }
}

/// A folder with this binary as `yc`; gone when dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn with_yc() -> io::Result<Self> {
        let dice = SystemClock::new().random().to_bits();
        let path = std::env::temp_dir().join(format!("yc-auth-demo-{}-{dice:x}", std::process::id()));
        let path = std::path::absolute(path)?;
        clean_up_on_signal(path.clone())?;
        create(&path)?;
        let folder = Self { path };
        let program = std::env::current_exe()?;
        let yc = folder.path.join(format!("yc{}", std::env::consts::EXE_SUFFIX));
        link(&program, &yc)
            .or_else(|_| fs::hard_link(&program, &yc))
            .or_else(|_| fs::copy(&program, &yc).map(drop))?;
        Ok(folder)
    }
}

/// Removes the folder at Ctrl-C too, and ends the process.
fn clean_up_on_signal(folder: PathBuf) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<()> {
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
