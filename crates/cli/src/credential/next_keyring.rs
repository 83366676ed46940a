//! The next `keyring` on PATH, which gets every question that this hook does not answer.
//!
//! A script with the name `keyring` can run this command in its turn. So each program that was tried is named in a
//! variable, and is not tried again.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use yandex_cloud_auth::{Error, ErrorKind};

use crate::failure::Failure;

/// The programs that were tried, as in `PATH`.
const TRIED: &str = "YC_AUTH_KEYRINGS_TRIED";

/// Runs the next `keyring` with the same arguments, in the place of this process where the system can do that.
pub(super) fn run(words: &[OsString]) -> Result<(), Failure> {
    let own = env::current_exe().and_then(fs::canonicalize).ok();
    let mut tried: Vec<_> = env::var_os(TRIED).iter().flat_map(env::split_paths).collect();
    let path = env::var_os("PATH").unwrap_or_default();
    // As `keyring` itself: no credentials for this host.
    let Some((program, file)) = find(&path, own.as_deref(), &tried) else { return Err(Failure::NotFound) };
    tried.push(file);
    let mut command = Command::new(&program);
    command.args(words).env(TRIED, env::join_paths(&tried).unwrap_or_default());
    execute(&mut command).map_err(|error| {
        let reason = format!("cannot be run: {error}");
        Failure::Hook(
            Error::new(ErrorKind::Unavailable, reason)
                .at(program.display().to_string())
                .with_help("make it executable, or remove it from PATH"),
        )
    })?
}

/// The first program of that name that is neither this command nor one that was tried: its path, and the file.
fn find(path: &OsStr, own: Option<&Path>, tried: &[PathBuf]) -> Option<(PathBuf, PathBuf)> {
    let name = format!("keyring{}", env::consts::EXE_SUFFIX);
    // A relative folder would be a folder of the project that is being installed.
    env::split_paths(path).filter(|folder| folder.is_absolute()).find_map(|folder| {
        let program = folder.join(&name);
        let file = fs::canonicalize(&program).ok()?;
        let is_new = own != Some(&file) && !tried.contains(&file);
        (is_new && is_executable(&file)).then_some((program, file))
    })
}

fn is_executable(file: &Path) -> bool {
    let Ok(metadata) = fs::metadata(file) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    metadata.is_file()
}

#[cfg(unix)]
fn execute(command: &mut Command) -> std::io::Result<Result<(), Failure>> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn execute(command: &mut Command) -> std::io::Result<Result<(), Failure>> {
    let status = command.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(if status.success() { Ok(()) } else { Err(Failure::Program { status: code, reason: None }) })
}
