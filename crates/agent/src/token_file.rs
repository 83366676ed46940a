//! A file that holds the token, for programs that read one: Prometheus, nginx, Envoy, psql.
//!
//! Such programs read at any moment, and some of them send a request without the header where the file is empty or
//! absent. So a new token arrives by a rename, and an old one stays where no new one can be had.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use yandex_cloud_auth::{Error, Scheme, Snapshot};
use zeroize::Zeroizing;

use crate::config::{FileFormat, TokenFileConfig};
use crate::identity::Identity;
use crate::place::{self, Permissions, beside};

/// The pause after a write that failed, such as that to a full disk.
const RETRY: Duration = Duration::from_secs(1);

/// How often the file's token is compared with the clock.
const LOOK: Duration = Duration::from_secs(1);

/// A token file, written until it is dropped. The file stays.
pub(crate) struct TokenFile {
    pub(crate) config: TokenFileConfig,
    task: JoinHandle<()>,
    /// Keeps other agents from the path.
    pub(crate) lock: Arc<File>,
}

/// A token file that is not written yet.
pub(crate) struct Prepared {
    target: Target,
    lock: Arc<File>,
}

/// What is written, and where.
struct Target {
    config: TokenFileConfig,
    permissions: Permissions,
}

impl Prepared {
    /// Checks the place, and keeps other agents from it. `held`: the lock, if this agent has it.
    ///
    /// # Errors
    /// `Invalid` if no file can be there, if another agent writes it, or if there is no such group.
    pub(crate) fn new(config: &TokenFileConfig, held: Option<Arc<File>>) -> Result<Self, Error> {
        let permissions = check_place(config)?;
        let lock = held.map_or_else(|| place::lock(&config.path).map(Arc::new), Ok);
        let lock = lock.map_err(|reason| cannot_write(&config.path, &reason))?;
        let target = Target { permissions, config: config.clone() };
        Ok(Self { target, lock })
    }

    /// Writes the tokens of the identity from now on.
    pub(crate) fn start(self, identity: Arc<Identity>) -> TokenFile {
        let config = self.target.config.clone();
        TokenFile { config, task: tokio::spawn(write_all(self.target, identity)), lock: self.lock }
    }
}

impl TokenFile {
    /// Checks the place. No file that this makes stays.
    ///
    /// # Errors
    /// `Invalid` as for [`Prepared::new`], but for another agent, which may be the one that the configuration is for.
    pub(crate) fn check(config: &TokenFileConfig) -> Result<(), Error> {
        check_place(config)?;
        place::can_be_locked(&config.path).map_err(|reason| cannot_write(&config.path, &reason))
    }
}

/// Checks the folder, what is at the path, and the group. The permissions of the file.
fn check_place(config: &TokenFileConfig) -> Result<Permissions, Error> {
    let path = &config.path;
    place::check_folder(path)?;
    let error = |reason, help| Err(place::invalid(path, reason, help));
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => error(
            "it is not a regular file".to_owned(),
            "give the path of a new file, or of a file of an earlier agent; symbolic links are not followed",
        ),
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => {
            error(reason.to_string(), "give a path that the agent can write to")
        }
        _ => Permissions::new(path, config.mode()?, config.group.as_deref()),
    }
}

fn cannot_write(path: &Path, reason: &io::Error) -> Error {
    match reason.kind() {
        io::ErrorKind::WouldBlock => place::invalid(
            path,
            "another agent writes this file".to_owned(),
            "end that agent, or give another path",
        ),
        _ => place::invalid(
            path,
            format!("cannot write here: {reason}"),
            "give a path in a folder that the agent can write to",
        ),
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Writes each new token, and tells the log when the token in the file has ended.
async fn write_all(target: Target, identity: Arc<Identity>) {
    let path = target.config.path.display().to_string();
    let mut subscription = identity.credentials.subscribe();
    // The credentials may have a token already.
    let mut next = identity.credentials.snapshot();
    let mut has_ended = false;
    let sleep = |pause| identity.credentials.system().clock().sleep(pause);
    loop {
        if let Some(token) = &next {
            match target.write(token) {
                Ok(()) => {
                    tracing::info!(path, generation = token.generation(), "wrote the token");
                    next = None;
                    has_ended = false;
                }
                Err(error) => {
                    tracing::warn!(path, %error, "cannot write the token; the file keeps the last one");
                    sleep(RETRY).await;
                    next = identity.credentials.snapshot().or(next);
                }
            }
            continue;
        }
        tokio::select! {
            changed = subscription.changed() => match changed {
                Some(token) => next = Some(token),
                None => return,
            },
            () = sleep(LOOK) => {
                if !has_ended && !identity.has_token() && target.config.path.exists() {
                    has_ended = true;
                    tracing::warn!(path, identity = identity.name(), "the token in the file has ended, and there is no other");
                }
            }
        }
    }
}

impl Target {
    /// Puts a new file in the place of the old one.
    fn write(&self, token: &Snapshot) -> io::Result<()> {
        let content = self.content(token)?;
        let temporary = beside(&self.config.path, ".tmp");
        // The lock says that no other agent is here: a file is one that an agent left behind when it was killed.
        let _ = fs::remove_file(&temporary);
        let written =
            self.write_new(&temporary, &content).and_then(|()| fs::rename(&temporary, &self.config.path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write_new(&self, path: &Path, content: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Nobody else reads the file before the group is right.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            if let Some(group) = self.permissions.group {
                rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(group)))?;
            }
            file.set_permissions(fs::Permissions::from_mode(self.permissions.mode))?;
        }
        #[cfg(not(unix))]
        let _ = self.permissions;
        file.write_all(content.as_bytes())
    }

    fn content(&self, token: &Snapshot) -> io::Result<Zeroizing<String>> {
        let value = token
            .expose_secret()
            .ok_or_else(|| io::Error::other("the identity has no token: its method is `none`"))?;
        let is_key = token.scheme() == Some(Scheme::ApiKey);
        Ok(Zeroizing::new(match self.config.format {
            FileFormat::Bare => value.to_owned(),
            FileFormat::Header => {
                let scheme = if is_key { "Api-Key" } else { "Bearer" };
                format!("Authorization: {scheme} {value}\n")
            }
            FileFormat::Dotenv => {
                let name = if is_key { "YC_API_KEY" } else { "YC_IAM_TOKEN" };
                format!("{name}={value}\n")
            }
            FileFormat::Pgpass => {
                if is_key {
                    return Err(io::Error::other(
                        "a database takes an IAM token, and the identity has an API key",
                    ));
                }
                let (host, user) = (self.config.host.as_deref(), self.config.user.as_deref());
                format!("{}:*:*:{}:{value}\n", host.unwrap_or_default(), user.unwrap_or_default())
            }
        }))
    }
}
