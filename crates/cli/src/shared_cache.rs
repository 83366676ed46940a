//! The tokens that the processes of this machine share: which folder has them, and who renews a stale one.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use yandex_cloud_auth::system::CacheFolder;
use yandex_cloud_auth::{Error, ErrorKind, System};

use crate::arguments::AuthOptions;
use crate::input::Value;
use crate::program;

/// What a pipe takes without a reader.
const PIPE_BUFFER: usize = 64 << 10;

/// The given folder, else that of the environment; `None` where the cache is off.
///
/// # Errors
/// `Invalid` if the folder or the switch cannot be used.
pub(crate) fn named_folder(given: Option<&Path>, system: &System) -> Result<Option<CacheFolder>, Error> {
    match given {
        Some(folder) if folder.is_absolute() => Ok(Some(CacheFolder::new(folder))),
        Some(_) => Err(Error::new(ErrorKind::Invalid, "the path is not absolute")
            .at("--cache-dir")
            .with_help("give the absolute path of a folder that only you can write to")),
        None => CacheFolder::from_env(system.environment()),
    }
}

/// Whether these options, and the environment, leave the cache on.
///
/// # Errors
/// As [`named_folder`].
pub(crate) fn is_on(options: &AuthOptions, system: &System) -> Result<bool, Error> {
    Ok(!options.no_cache && named_folder(options.cache_dir.as_deref(), system)?.is_some())
}

/// The system with the shared cache of these options. `renews`: a new token takes the place of a usable one, as with
/// `--renew`.
///
/// # Errors
/// As [`named_folder`].
pub(crate) fn attach(system: System, options: &AuthOptions, renews: bool) -> Result<System, Error> {
    if options.no_cache {
        return Ok(system);
    }
    let Some(folder) = named_folder(options.cache_dir.as_deref(), &system)? else { return Ok(system) };
    let system = system.with_shared_cache(folder);
    Ok(if options.renew || renews {
        system.renewing_shared_tokens()
    } else if options.renew_stale || reads_key_once(options) {
        system.renewing_stale_shared_tokens()
    } else {
        system
    })
}

/// Whether the key comes through a pipe: a process that renews the token later could not read the key again.
fn reads_key_once(options: &AuthOptions) -> bool {
    let file = options.key_file.as_ref().and_then(|file| std::fs::metadata(file).ok());
    file.is_some_and(|file| !file.is_file())
}

/// Leaves the renewal of a stale token to a process of its own, which outlives this one. That process has no standard
/// output and no standard error, so `$(…)` does not wait for it. A secret reaches it on standard input.
pub(crate) fn renew_in_background(options: &AuthOptions, value: Option<&Value>) {
    let secret = value.map(|value| value.text.as_str()).or_else(|| inline_key(options));
    // More does not fit into the buffer of a pipe, and this process must not wait. No key and no token is as large.
    if secret.is_some_and(|secret| secret.len() > PIPE_BUFFER) {
        return;
    }
    let Ok(mut command) = program::detached() else { return };
    command.arg("token").args(selection(options)).args(["--renew-stale", "--timeout", "60"]);
    if secret.is_some() {
        command.args(["--auth", "-"]);
    }
    command.stdin(if secret.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // The token at hand is good, so a renewal that cannot start fails nothing.
    let Ok(mut child) = command.spawn() else { return };
    if let (Some(mut stdin), Some(secret)) = (child.stdin.take(), secret) {
        let _ = stdin.write_all(secret.as_bytes());
    }
    // Ends at once, and leaves the process that renews.
    #[cfg(unix)]
    let _ = child.wait();
}

/// The key that `--key-file` holds itself, in the place of a path. It must not be an argument of another process.
fn inline_key(options: &AuthOptions) -> Option<&str> {
    options.key_file.as_ref().filter(|file| !file.exists())?.to_str()
}

/// The arguments that select the same credentials, without a secret.
fn selection(options: &AuthOptions) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut add = |flag: &str, value: Option<OsString>| {
        if let Some(value) = value {
            arguments.extend([OsString::from(flag), value]);
        }
    };
    add("--method", options.method.map(|method| method.method().name().into()));
    let key_file = options.key_file.as_ref().filter(|_| inline_key(options).is_none());
    add("--key-file", key_file.map(|path| path.clone().into_os_string()));
    add("--impersonate", options.impersonate.as_ref().map(OsString::from));
    add("--audience", options.audience.as_ref().map(OsString::from));
    add("--endpoint", options.endpoint.as_ref().map(OsString::from));
    add("--profile", options.profile.as_ref().map(OsString::from));
    add("--cache-dir", options.cache_dir.as_ref().map(|path| path.clone().into_os_string()));
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: AuthOptions,
    }

    #[test]
    fn a_key_in_the_place_of_a_path_is_no_argument_of_the_process_that_renews() {
        let key = "{\"private_key\":\"fake\"}";
        let options = |file: &str| Line::parse_from(["", "--key-file", file, "--endpoint", "e"]).options;
        assert_eq!(selection(&options(key)), ["--endpoint", "e"]);
        assert_eq!(inline_key(&options(key)), Some(key));
        let program = std::env::current_exe().unwrap();
        let path = program.to_str().unwrap();
        assert_eq!(selection(&options(path)), ["--key-file", path, "--endpoint", "e"]);
        assert_eq!(inline_key(&options(path)), None);
    }
}
