//! The search for yc: the program that code names, else the first one on `PATH`, else the one of its installer.
//!
//! The installer puts yc into `~/yandex-cloud/bin`, and adds this folder to `PATH` in a file that only later shells read. So
//! yc is often not on the `PATH` of an editor, a service, or the shell that has just installed it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::in_seconds;
use crate::methods::HOME;
use crate::system::System;
use crate::{Error, ErrorKind};

/// How long the search may take: a folder of `PATH` may be on a server that is down.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A yc that can be run.
pub(super) struct Found {
    pub(super) program: PathBuf,
    /// Whether it is the one of the installer, and not on `PATH`.
    pub(super) is_off_path: bool,
}

/// Searches for yc. `given` is the program that code names.
///
/// # Errors
/// `NotConfigured` if there is none, `Invalid` if the path in code is not absolute, `Unavailable` if a folder does not
/// respond.
pub(super) async fn find(given: Option<&Path>, system: &System) -> Result<Found, Error> {
    let search = async {
        match given {
            Some(program) => check(program, system).await,
            None => search(system).await,
        }
    };
    system.within(TIMEOUT, search).await.unwrap_or_else(|| {
        let waiting = system.waiting_for().map(|step| format!("; {step}")).unwrap_or_default();
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("yc was not found within {}{waiting}", in_seconds(TIMEOUT)),
        )
        .at("PATH")
        .with_help("remove the folder from PATH, or repair its file server; or choose another method")
        .without_retry())
    })
}

/// The program that code names.
async fn check(program: &Path, system: &System) -> Result<Found, Error> {
    let location = || program.display().to_string();
    if !program.is_absolute() {
        return Err(Error::new(ErrorKind::Invalid, "the path of yc is not absolute")
            .at(location())
            .with_help("give the full path"));
    }
    match is_executable(program, system).await {
        true => Ok(Found { program: program.to_owned(), is_off_path: false }),
        false => Err(Error::new(ErrorKind::NotConfigured, "the program does not exist")
            .at(location())
            .with_help("give the full path of yc")),
    }
}

async fn search(system: &System) -> Result<Found, Error> {
    let path = system.environment().variable("PATH").unwrap_or_default();
    // A relative entry would run a program from the current folder.
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute()) {
        let program = folder.join(name());
        if is_executable(&program, system).await {
            return Ok(Found { program, is_off_path: false });
        }
    }
    match of_installer(system) {
        Some(program) if is_executable(&program, system).await => Ok(Found { program, is_off_path: true }),
        _ => Err(not_found(system)),
    }
}

async fn is_executable(program: &Path, system: &System) -> bool {
    system.begin_step(&format!("the program {}", program.display()));
    system.is_executable(program).await
}

/// Where the installer puts yc; `None` without a home folder.
fn of_installer(system: &System) -> Option<PathBuf> {
    let home = PathBuf::from(system.environment().variable(HOME)?);
    home.is_absolute().then(|| home.join("yandex-cloud").join("bin").join(name()))
}

/// The name of the program.
fn name() -> String {
    format!("yc{}", std::env::consts::EXE_SUFFIX)
}

/// The error if there is no yc.
pub(super) fn not_found(system: &System) -> Error {
    let installer = of_installer(system).map(|program| format!(", and there is no {}", program.display()));
    let reason = format!("yc is not on PATH{}", installer.unwrap_or_default());
    Error::new(ErrorKind::NotConfigured, reason)
        .at("PATH")
        .with_help("install the yc CLI (https://yandex.cloud/docs/cli/quickstart), or choose another method")
}
