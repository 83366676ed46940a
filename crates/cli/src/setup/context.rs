//! What the tools ask of the command line and of the user's machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use yandex_cloud_auth::sdk_internals::check_folder_id;
use yandex_cloud_auth::{Error, ErrorKind, Method};

use super::choice::{self, Choice, variable};
use super::command_line::{CommandLine, own_path};
use super::installation::Installation;
use super::plan::OwnFile;
use crate::arguments::{SetupOptions, Tool};
use crate::credentials;
use crate::deadline::Deadline;
use crate::hosts::{Hook, Hosts, is_loopback, shown};

/// The options, this program, and the credentials that the tool will use.
pub(super) struct Context<'a> {
    pub(super) options: &'a SetupOptions,
    pub(super) choice: Choice,
    program: String,
    deadline: Deadline,
}

impl<'a> Context<'a> {
    /// Pins the credentials, except for an undo, which needs none.
    pub(super) fn new(options: &'a SetupOptions, deadline: Deadline) -> Result<Self, Error> {
        let choice = if options.undo { Choice::default() } else { choice::pinned(&options.auth, deadline)? };
        Ok(Self { options, choice, program: own_path()?, deadline })
    }

    pub(super) fn is_undo(&self) -> bool {
        self.options.undo
    }

    /// Whether an undo takes out the named entries alone.
    pub(super) fn is_named(&self) -> bool {
        let options = self.options;
        let has_entries = self.options.tool == Tool::Git || self.options.tool == Tool::Docker;
        options.name.is_some()
            || !options.mcp.is_empty()
            || options.gateway.is_some()
            || (has_entries && !options.host.is_empty())
    }

    /// The name of the tool's entry.
    ///
    /// # Errors
    /// `Invalid` if a file of a tool would need quotes for the name.
    pub(super) fn name(&self) -> Result<&str, Error> {
        let name = self.options.name.as_deref().unwrap_or("yandex-cloud");
        check_name(name, "--name")?;
        Ok(name)
    }

    /// A command of this program with the choice.
    pub(super) fn command(&self, words: &[&str]) -> CommandLine {
        let words = words.iter().map(|word| (*word).to_owned());
        let arguments = words.chain(self.choice.arguments.iter().cloned()).collect();
        CommandLine { program: self.program.clone(), arguments }
    }

    /// A command of this program with the choice, and with the hosts of `--host`, which the hook has to accept.
    pub(super) fn command_with_hosts(&self, hook: Hook, words: &[&str]) -> Result<CommandLine, Error> {
        let hosts = self.hosts()?;
        self.known_hosts(hook)?;
        let flags = hosts.iter().flat_map(|host| ["--host", host]);
        Ok(self.command(&words.iter().copied().chain(flags).collect::<Vec<_>>()))
    }

    /// The hosts that a hook will answer for.
    pub(super) fn known_hosts(&self, hook: Hook) -> Result<Hosts, Error> {
        let hosts: Vec<_> = self.hosts()?.into_iter().map(str::to_owned).collect();
        Hosts::of(hook, &hosts)
    }

    /// The address of AI Studio's API.
    ///
    /// # Errors
    /// `Blocked` for a host that must not get the token; `NotConfigured` if the address is not known.
    pub(super) fn api_url(&self) -> Result<String, Error> {
        match self.given_url()? {
            Some(url) => Ok(url),
            None => Ok(self.installation().ai_studio()?.to_owned()),
        }
    }

    /// The address of Object Storage, and its region.
    ///
    /// # Errors
    /// As [`api_url`](Self::api_url).
    pub(super) fn object_storage(&self) -> Result<(String, &'static str), Error> {
        let installation = self.installation();
        let url = match self.given_url()? {
            Some(url) => url,
            None => installation.object_storage()?.to_owned(),
        };
        Ok((url, installation.region()))
    }

    fn installation(&self) -> Installation {
        Installation::of(self.choice.endpoint.as_deref())
    }

    /// The address of `--url`.
    fn given_url(&self) -> Result<Option<String>, Error> {
        let Some(url) = self.options.url.as_deref().map(str::trim) else { return Ok(None) };
        if !is_loopback(url) {
            self.check_host(url, "--url")?;
        }
        Ok(Some(url.trim_end_matches('/').to_owned()))
    }

    /// Refuses an address whose host must not get the token.
    pub(super) fn check_host(&self, url: &str, flag: &'static str) -> Result<(), Error> {
        if self.known_hosts(Hook::Headers)?.of_url(url).is_some() {
            return Ok(());
        }
        let shown = shown(url).unwrap_or_else(|| "the host".to_owned());
        Err(Error::new(
            ErrorKind::Blocked,
            format!("{shown} gets no token: it is not an https address of Yandex Cloud"),
        )
        .at(flag)
        .with_help("if the token belongs there, add the host: `--host HOST`"))
    }

    /// The hosts of `--host`, without a scheme.
    pub(super) fn hosts(&self) -> Result<Vec<&str>, Error> {
        let host = |host: &'a String| {
            let name = host.trim().trim_start_matches("https://").trim_end_matches('/');
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_host) {
                return Err(Error::new(ErrorKind::Invalid, "not the name of a host")
                    .at("--host")
                    .with_help("give a name without a path, such as `registry.example.com`"));
            }
            Ok(name)
        };
        self.options.host.iter().map(host).collect()
    }

    /// The folder of AI Studio.
    pub(super) fn folder_id(&self) -> Result<String, Error> {
        if self.is_undo() {
            return Ok(String::new());
        }
        let id = match self.given_folder_id()? {
            Some(id) => return Ok(id),
            None => credentials::with_session(&self.options.auth, self.deadline, |session| {
                let identity = session.credentials.blocking().identity(session.deadline.options());
                Ok(identity.ok().and_then(|identity| identity.folder_id))
            })?,
        };
        let missing = || {
            Error::new(ErrorKind::NotConfigured, "the folder of AI Studio is not known")
                .with_help("give `--folder-id ID`, or set YC_FOLDER_ID")
        };
        checked_folder(&id.ok_or_else(missing)?)
    }

    /// The folder of the option, or of the variable.
    pub(super) fn given_folder_id(&self) -> Result<Option<String>, Error> {
        if self.is_undo() {
            return Ok(None);
        }
        let (given, location) = match self.options.folder_id.clone() {
            Some(id) => (Some(id), "--folder-id"),
            None => (variable("YC_FOLDER_ID")?, "YC_FOLDER_ID"),
        };
        given.map(|id| checked_folder(&id).map_err(|error| error.at(location))).transpose()
    }

    /// The folder of the user.
    pub(super) fn home(&self) -> Result<PathBuf, Error> {
        let home = env::home_dir().filter(|home| home.is_absolute());
        home.ok_or_else(|| {
            Error::new(ErrorKind::NotConfigured, "the variable is not set, or is not an absolute path")
                .at("HOME")
        })
    }

    /// The folder of configurations: `XDG_CONFIG_HOME`, else `~/.config`.
    pub(super) fn config_folder(&self) -> Result<PathBuf, Error> {
        match variable("XDG_CONFIG_HOME")?.map(PathBuf::from).filter(|path| path.is_absolute()) {
            Some(folder) => Ok(folder),
            None => Ok(self.home()?.join(".config")),
        }
    }

    /// The path in a variable, else the default.
    pub(super) fn path_or(
        &self,
        name: &str,
        default: impl FnOnce() -> Result<PathBuf, Error>,
    ) -> Result<PathBuf, Error> {
        match variable(name)? {
            Some(path) => Ok(choice::absolute(Path::new(&path))?.into()),
            None => default(),
        }
    }

    /// Refuses credentials that give no IAM token, where only an IAM token works.
    pub(super) fn needs_iam_token(&self) -> Result<(), Error> {
        if self.choice.method == Some(Method::ApiKey) {
            let tool = self.options.tool.name();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{tool} needs an IAM token, and an API key gives none"),
            )
            .with_help("choose other credentials, such as `--key-file FILE`"));
        }
        Ok(())
    }

    /// The error for a command with characters that the file of the tool cannot hold. Names what of the command has them.
    pub(super) fn cannot_stand(&self, characters: [char; 2]) -> Error {
        let [first, second] = characters;
        let words = std::iter::once(&self.program).chain(&self.choice.arguments);
        let word = words.into_iter().find(|word| word.contains(characters)).unwrap_or(&self.program);
        Error::new(
            ErrorKind::Invalid,
            format!("`{first}` and `{second}` begin a comment in the file of {}", self.options.tool.name()),
        )
        .at(word.trim_start_matches('@'))
        .with_help("move the file to a path without these characters")
    }

    /// A script in a folder of PATH that runs this program: a link could not carry the choice.
    ///
    /// # Errors
    /// If the tool would not find the script.
    pub(super) fn script(&self, name: &str, command: &CommandLine) -> Result<OwnFile, Error> {
        let tool = self.options.tool.name();
        let folder = match &self.options.bin {
            Some(folder) => PathBuf::from(choice::absolute(folder)?),
            None => Path::new(&self.program).parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let path = folder.join(name);
        let folders: Vec<_> =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        if !self.is_undo() {
            let same = |other: &PathBuf| {
                *other == folder
                    || other
                        .canonicalize()
                        .is_ok_and(|other| folder.canonicalize().is_ok_and(|folder| folder == other))
            };
            let Some(at) = folders.iter().position(same) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("{tool} finds `{name}` by PATH, and {} is not in PATH", folder.display()),
                )
                .with_help("name a folder of PATH that you can write to: `--bin FOLDER`"));
            };
            let earlier = folders[..at].iter().map(|folder| folder.join(name));
            if let Some(other) = earlier
                .filter(|other| other.is_absolute())
                .find(|other| fs::metadata(other).is_ok_and(|found| found.is_file()))
            {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("{} comes first in PATH", other.display()),
                )
                .with_help("name an earlier folder of PATH: `--bin FOLDER`"));
            }
        }
        let content = format!(
            "#!/bin/sh\n# Written by `yc-auth setup {tool}`; `yc-auth setup {tool} --undo` removes the file.\nexec {}{} \"$@\"\n",
            command.for_shell(),
            // The arguments of `keyring` begin with flags of its own.
            if name == "keyring" { " --" } else { "" }
        );
        let places = folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
        Ok(OwnFile {
            places: places.filter(|place| *place != path).collect(),
            path,
            content,
            mark: "# Written by `yc-auth setup",
            is_program: true,
            kept_for: None,
        })
    }

    /// The folder of the shared tokens, for a program without the variables of the user's session.
    pub(super) fn cache_arguments(&self) -> Vec<String> {
        let folder = self.choice.cache_folder.iter();
        folder.flat_map(|folder| ["--cache-dir".to_owned(), folder.clone()]).collect()
    }
}

/// Refuses a name that some file of a tool would write with quotes.
pub(super) fn check_name(name: &str, location: &'static str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
        return Err(Error::new(ErrorKind::Invalid, "not a name for an entry")
            .at(location)
            .with_help("use letters, digits, `-` and `_`"));
    }
    Ok(())
}

fn checked_folder(id: &str) -> Result<String, Error> {
    let id = id.trim();
    check_folder_id(id).map_err(|error| error.at("--folder-id"))?;
    Ok(id.to_owned())
}
