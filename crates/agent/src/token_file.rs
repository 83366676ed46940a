//! A file that holds the token, for programs that read one: Prometheus, nginx, Envoy, psql.
//!
//! Such programs read at any moment, and some of them send a request without the header where the file is empty or
//! absent. So a new token arrives by a rename, and an old one stays where no new one can be had.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use yandex_cloud_auth::{Error, ErrorKind, Scheme, Snapshot};
use zeroize::Zeroizing;

use crate::config::{FileFormat, TokenFileConfig};
use crate::identity::Identity;

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
    mode: u32,
    #[cfg(unix)]
    group: Option<u32>,
}

impl Prepared {
    /// Checks the place, and keeps other agents from it. `held`: the lock, if this agent has it.
    ///
    /// # Errors
    /// `Invalid` if no file can be there, if another agent writes it, or if there is no such group.
    pub(crate) fn new(config: &TokenFileConfig, held: Option<Arc<File>>) -> Result<Self, Error> {
        TokenFile::check(config)?;
        let path = &config.path;
        let error = |reason: String, help: &'static str| {
            Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(help)
        };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => {
                return Err(error(
                    "it is not a regular file".to_owned(),
                    "give the path of a new file, or of a file of an earlier agent; symbolic links are not followed",
                ));
            }
            Ok(_) => {}
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            Err(reason) => return Err(error(reason.to_string(), "give a path that the agent can write to")),
        }
        let lock = held.map_or_else(|| lock(path).map(Arc::new), Ok);
        let lock = lock.map_err(|reason| match reason.kind() {
            io::ErrorKind::WouldBlock => {
                error("another agent writes this file".to_owned(), "end that agent, or give another path")
            }
            _ => error(
                format!("cannot write here: {reason}"),
                "give a path in a folder that the agent can write to",
            ),
        })?;
        let target = Target {
            mode: config.mode()?,
            #[cfg(unix)]
            group: group_of(config)?,
            config: config.clone(),
        };
        Ok(Self { target, lock })
    }

    /// Writes the tokens of the identity from now on.
    pub(crate) fn start(self, identity: Arc<Identity>) -> TokenFile {
        let config = self.target.config.clone();
        TokenFile { config, task: tokio::spawn(write_all(self.target, identity)), lock: self.lock }
    }
}

impl TokenFile {
    /// Checks what can be checked without writing: the folder, and the group.
    ///
    /// # Errors
    /// `Invalid` as for [`Prepared::new`].
    pub(crate) fn check(config: &TokenFileConfig) -> Result<(), Error> {
        let folder = config.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Error::new(ErrorKind::Invalid, "the folder does not exist")
                .at(config.path.display().to_string())
                .with_help("make the folder, or give a path in another one"));
        }
        #[cfg(unix)]
        group_of(config)?;
        Ok(())
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
                if !has_ended && !identity.is_ready() && target.config.path.exists() {
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
            if let Some(group) = self.group {
                rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(group)))?;
            }
            file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        }
        #[cfg(not(unix))]
        let _ = self.mode;
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

/// Takes the lock of the path: a file beside it, which stays.
fn lock(path: &Path) -> io::Result<File> {
    if path.file_name().is_none() {
        return Err(io::Error::other("the path has no file name"));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A link here would make a file in another place.
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    let file = options.open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// `.NAME` with an ending, in the same folder.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{ending}"))
}

/// The number of the group of a file.
#[cfg(unix)]
fn group_of(config: &TokenFileConfig) -> Result<Option<u32>, Error> {
    config.group.as_deref().map(group_id).transpose().map_err(|reason| {
        Error::new(ErrorKind::Invalid, reason)
            .at(config.path.display().to_string())
            .with_help("give the name or the number of a group that the agent belongs to")
    })
}

/// The number of a group, by its name in `/etc/group`.
#[cfg(unix)]
fn group_id(group: &str) -> Result<u32, String> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups =
        fs::read_to_string("/etc/group").map_err(|error| format!("cannot read the groups: {error}"))?;
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == group).then(|| fields.nth(1)?.parse().ok())?
    });
    number.ok_or_else(|| format!("there is no group `{group}`"))
}
