//! `yc-auth env`: the variables of `exec`, for a shell that evaluates the output, or for a file.
//!
//! A shell that has other credentials, which programs would take first, loses these: `unset`. A file cannot say so, so
//! standard error does.

mod formats;

use std::io::{Write, stderr};

use yandex_cloud_auth::{Error, ErrorKind};

use crate::arguments::{EnvFormat, EnvOptions};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::variables::{Variables, for_one_use, warn};

/// The variables that win over `YC_IAM_TOKEN`, or over `YC_API_KEY`, in the order of selection.
const STRONGER: [&str; 3] = ["YC_AUTH_METHOD", "YC_API_KEY", "YC_API_KEY_FILE"];

/// Prints the variables.
pub(crate) fn run(options: &EnvOptions, deadline: Deadline, out: &mut dyn Write) -> Result<(), Failure> {
    if options.format == EnvFormat::Github && has_one_file_for_both_outputs() {
        return Err(Error::new(ErrorKind::Invalid, "standard output and standard error are the same file")
            .at("--format github")
            .with_help(
                "the masks must not be in the file: redirect standard output alone, `>> \"$GITHUB_ENV\"`",
            )
            .into());
    }
    let newer = "run `yc-auth env` again before that";
    let variables = for_one_use(&options.auth, &options.variables, deadline, newer)?;
    let stronger = if options.keep { Vec::new() } else { stronger(&variables) };
    let text = formats::text(options.format, &variables, &stronger)?;
    if !formats::can_unset(options.format) {
        for name in &stronger {
            warn(&format!("{name} is set, and programs take it first: unset it where the output is used"));
        }
    }
    if options.format == EnvFormat::Github {
        // Before the values, and nowhere else: the runner reads commands on both outputs.
        let mut stderr = stderr().lock();
        stderr.write_all(&formats::masks(&variables))?;
        stderr.flush()?;
    }
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}

/// The variables of the environment that programs take instead of the printed ones.
fn stronger(variables: &Variables) -> Vec<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    STRONGER.into_iter().filter(|name| !variables.has(name)).filter(is_set).collect()
}

/// Whether both outputs go to the same regular file.
#[cfg(unix)]
fn has_one_file_for_both_outputs() -> bool {
    use rustix::fs::{FileType, fstat};
    let of_stdout = fstat(std::io::stdout());
    let of_stderr = fstat(stderr());
    matches!((of_stdout, of_stderr), (Ok(out), Ok(err)) if out.st_dev == err.st_dev
        && out.st_ino == err.st_ino
        && FileType::from_raw_mode(out.st_mode) == FileType::RegularFile)
}

#[cfg(not(unix))]
fn has_one_file_for_both_outputs() -> bool {
    false
}
