//! The user that `kubectl config` writes: kubectl alone knows which of its files has which entry.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::system::{Command, CommandOutput, Processes, SystemProcesses};
use yandex_cloud_auth::{Error, ErrorKind};

use super::command_line::{CommandLine, runs_yc_auth};
use crate::quoting;

const API_VERSION: &str = "client.authentication.k8s.io/v1";

/// `kubectl config` reads and writes files only.
const LIMIT: Duration = Duration::from_secs(20);

/// A user with a command for its token.
pub(super) struct KubectlUser {
    pub(super) name: String,
    pub(super) command: CommandLine,
}

/// What kubectl has under the name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Present {
    Nothing,
    /// Exactly this command.
    Same,
    /// Another command of `yc-auth`.
    Own,
    Foreign,
}

impl KubectlUser {
    /// The arguments that set the user.
    fn set_arguments(&self) -> Vec<String> {
        let mut arguments = ["config", "set-credentials", &self.name].map(str::to_owned).to_vec();
        arguments.push(format!("--exec-api-version={API_VERSION}"));
        arguments.push("--exec-interactive-mode=Never".to_owned());
        arguments.push(format!("--exec-command={}", self.command.program));
        // kubectl reads the value of this flag as a line of CSV.
        let csv = |argument: &String| match argument.contains([',', '"', '\n', '\r']) {
            true => format!("--exec-arg=\"{}\"", argument.replace('"', "\"\"")),
            false => format!("--exec-arg={argument}"),
        };
        arguments.extend(self.command.arguments.iter().map(csv));
        arguments
    }

    /// The command that sets the user, for a person.
    pub(super) fn shown(&self) -> String {
        let words: Vec<_> = self.set_arguments().iter().map(|word| quoting::sh(word)).collect();
        format!("kubectl {}", words.join(" "))
    }

    /// What is there now.
    ///
    /// # Errors
    /// If there is no kubectl, or if kubectl cannot read its file.
    pub(super) fn present(&self) -> Result<Present, Error> {
        let view = view()?;
        let users = view["users"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(user) = users.iter().find(|user| user["name"] == self.name.as_str()) else {
            return Ok(Present::Nothing);
        };
        let exec = &user["user"]["exec"];
        let program = exec["command"].as_str().unwrap_or_default();
        let arguments = serde_json::Value::from(self.command.arguments.clone());
        // A program path with blanks is one word here.
        if !runs_yc_auth(&quoting::sh(program)) {
            return Ok(Present::Foreign);
        }
        let is_same = program == self.command.program
            && exec["args"] == arguments
            && exec["apiVersion"] == API_VERSION
            && exec["interactiveMode"] == "Never";
        Ok(if is_same { Present::Same } else { Present::Own })
    }

    /// Sets the user, after a copy of the files. Returns the copies. A copy of the files without the user stays.
    ///
    /// # Errors
    /// If a file cannot be copied, or if kubectl fails.
    pub(super) fn set(&self, is_new: bool) -> Result<Vec<PathBuf>, Error> {
        let mut copies = Vec::new();
        for file in files() {
            let copy = PathBuf::from(format!("{}.yc-auth-backup", file.display()));
            let text =
                fs::read_to_string(&file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
            if fs::metadata(&file).is_ok_and(|found| found.permissions().readonly()) {
                return Err(super::file::invalid(&file, "the file is read-only".to_owned())
                    .with_help("make the file writable, or set KUBECONFIG to another file"));
            }
            if is_new || !copy.exists() {
                super::file::replace(&copy, &text, &file)
                    .map_err(|error| failed(format!("{}: {error}", copy.display())))?;
                copies.push(copy);
            }
        }
        kubectl(&self.set_arguments())?;
        Ok(copies)
    }

    /// Removes the file that kubectl has made for the user, if nothing else is in it. A file that was there before has a copy.
    fn remove_empty_file() -> Result<(), Error> {
        let view = view()?;
        let is_empty = ["clusters", "contexts", "users"]
            .iter()
            .all(|kind| view[kind].as_array().is_none_or(Vec::is_empty));
        if let ([file], true) = (&files()[..], is_empty)
            && !PathBuf::from(format!("{}.yc-auth-backup", file.display())).exists()
        {
            let _ = fs::remove_file(file);
        }
        Ok(())
    }

    /// Deletes the user, and a copy of a file that is as before.
    pub(super) fn delete(&self) -> Result<(), Error> {
        kubectl(&["config", "delete-user", &self.name].map(str::to_owned))?;
        for file in files() {
            let copy = PathBuf::from(format!("{}.yc-auth-backup", file.display()));
            if let (Ok(now), Ok(before)) = (fs::read(&file), fs::read(&copy))
                && now == before
            {
                let _ = fs::remove_file(copy);
            }
        }
        Self::remove_empty_file()
    }
}

/// The files of kubectl that exist.
fn files() -> Vec<PathBuf> {
    let named = env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    let mut files: Vec<PathBuf> = match named {
        Some(list) => env::split_paths(&list).collect(),
        None => env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
    };
    files.retain(|file| file.is_file());
    files
}

/// What kubectl reads in its files.
fn view() -> Result<serde_json::Value, Error> {
    let view = kubectl(&["config", "view", "--raw", "-o", "json"].map(str::to_owned))?;
    serde_json::from_slice(view.stdout())
        .map_err(|_| failed("the output of `kubectl config view` is not JSON".to_owned()))
}

/// Runs kubectl to its end.
fn kubectl(arguments: &[String]) -> Result<CommandOutput, Error> {
    let folders =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let name = if cfg!(windows) { "kubectl.exe" } else { "kubectl" };
    let program =
        folders.iter().map(|folder| folder.join(name)).find(|file| file.is_absolute() && file.is_file());
    let program = program.ok_or_else(|| {
        Error::new(ErrorKind::NotConfigured, "kubectl is not in a folder of PATH")
            .with_help("install kubectl, or add its folder to PATH")
    })?;
    let mut command = Command::new(program, arguments.iter().cloned());
    command.environment = env::vars_os().collect();
    command.max_output = 8 << 20;
    let runtime = new_runtime().map_err(|error| failed(error.to_string()))?;
    let output = runtime.block_on(async { tokio::time::timeout(LIMIT, SystemProcesses.run(command)).await });
    let output = output
        .map_err(|_| failed("kubectl did not end in time".to_owned()))?
        .map_err(|error| failed(format!("kubectl cannot run: {error}")))?;
    if !output.is_success() {
        let reason = String::from_utf8_lossy(output.stderr()).trim().to_owned();
        return Err(Error::new(ErrorKind::Invalid, format!("kubectl: {reason}"))
            .with_help("check the file in KUBECONFIG, by default ~/.kube/config"));
    }
    Ok(output)
}

fn failed(reason: String) -> Error {
    Error::new(ErrorKind::Unavailable, reason)
}

/// Whether a file of kubectl has comments: kubectl writes its files without them.
pub(super) fn has_comments() -> bool {
    let has = |file: &Path| {
        fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with('#')))
    };
    files().iter().any(|file| has(file))
}
