//! One login of yc: the program, the profile, the endpoint, and the command that uses them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::output::{failure, find_token, knows_no_format, last_line};
use crate::cloud::address::Address;
use crate::cloud::endpoints::Endpoint;
use crate::cloud::installation::Installation;
use crate::error::in_seconds;
use crate::log::log;
use crate::methods::{Provider, TokenSource};
use crate::system::{BoxFuture, Command, CommandOutput, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// The source of tokens. Program, profile and endpoint are read once: a changed variable must not change the identity
/// at the next refresh.
pub(super) struct Login {
    /// The full path. Another yc that comes earlier on `PATH` later can be logged in as another user.
    pub(super) program: PathBuf,
    pub(super) profile: Option<String>,
    /// The endpoint of the system; `None` if neither the code nor the environment names one.
    pub(super) endpoint: Option<Endpoint>,
    /// The endpoint in yc's own configuration, once it was asked for; `None` in it stands for the default.
    pub(super) configured: OnceLock<Option<String>>,
    /// Whether this yc does not know `--format json`.
    pub(super) prints_text: AtomicBool,
    pub(super) timeout: Duration,
    pub(super) max_age: Duration,
}

impl Login {
    pub(super) fn provider(self) -> Provider {
        if let Some(endpoint) = &self.endpoint {
            endpoint.warn_if_foreign("yc sends its credentials there");
        }
        Provider::Source(Arc::new(self))
    }

    /// The endpoint of the system, as yc understands it.
    pub(super) fn address(&self) -> Option<&Address> {
        self.endpoint.as_ref().map(|endpoint| &endpoint.without_scheme)
    }

    /// One value of yc's configuration; `None` if yc has no value for the key.
    pub(super) async fn config(&self, system: &System, key: &str) -> Result<Option<String>, Error> {
        self.config_answer(system, key).await?
    }

    /// As [`config`](Self::config). The outer error: yc has not answered, because it cannot be run or did not end.
    pub(super) async fn config_answer(
        &self,
        system: &System,
        key: &str,
    ) -> Result<Result<Option<String>, Error>, Error> {
        let output = self.run(system, &["config", "get", key], None, self.timeout).await?;
        Ok(self.success(output).map(|output| last_line(output.stdout())))
    }

    /// The endpoint in yc's configuration, asked for once; `None` if yc uses its default.
    pub(super) async fn own_endpoint(&self, system: &System) -> Result<Option<&str>, Error> {
        if self.configured.get().is_none() {
            let endpoint = self.config(system, "endpoint").await?;
            // A second caller at the same time has asked the same yc.
            let _ = self.configured.set(endpoint);
        }
        Ok(self.configured.get().and_then(Option::as_deref))
    }

    /// The output of a success, or an error with yc's own message.
    fn success(&self, output: CommandOutput) -> Result<CommandOutput, Error> {
        match output.is_success() {
            true => Ok(output),
            // yc has tried by itself, and gives its reason.
            false => Err(failure(&output).at(self.program.display().to_string()).without_retry()),
        }
    }

    /// What `yc iam create-token` prints: JSON, which has the expiry, or text from a yc that does not know the flag. Both
    /// runs share the timeout.
    async fn create_token(&self, system: &System) -> Result<CommandOutput, Error> {
        let words = ["iam", "create-token", "--no-user-output", "--format", "json"];
        let began = system.clock().now().monotonic;
        if !self.prints_text.load(Ordering::Relaxed) {
            let output = self.run(system, &words, self.address(), self.timeout).await?;
            if !knows_no_format(&output) {
                return self.success(output);
            }
            log(|| {
                tracing::debug!("this yc does not know `--format json`, so its tokens have no known expiry");
            });
        }
        let elapsed = system.clock().now().monotonic.saturating_sub(began);
        let output =
            self.run(system, &words[..3], self.address(), self.timeout.saturating_sub(elapsed)).await?;
        let output = self.success(output)?;
        // Not after a failure: another error may have looked like an unknown flag.
        self.prints_text.store(true, Ordering::Relaxed);
        Ok(output)
    }

    /// Runs yc to its end, whatever its exit status is.
    async fn run(
        &self,
        system: &System,
        words: &[&str],
        endpoint: Option<&Address>,
        limit: Duration,
    ) -> Result<CommandOutput, Error> {
        let location = self.program.display().to_string();
        system.begin_step(&format!("{location} {}", words.join(" ")));
        let command = self.command(system, words, endpoint);
        let run = async {
            // A program on a file server that is down would hold the thread that starts it. This look holds another one.
            system.is_executable(&self.program).await;
            system.processes().run(command).await
        };
        match system.within(limit, run).await {
            None => Err(Error::new(
                ErrorKind::Unavailable,
                format!("yc did not end within {} and was killed", in_seconds(self.timeout)),
            )
            .at(location)
            .with_help("run `yc iam create-token` by hand: yc may be waiting for a browser login")
            .without_retry()),
            Some(Err(error)) => {
                let kind = match error.kind() {
                    std::io::ErrorKind::NotFound => ErrorKind::NotConfigured,
                    _ => ErrorKind::Unavailable,
                };
                Err(Error::new(kind, format!("yc cannot be run: {error}"))
                    .at(location)
                    .with_help("run `yc version` by hand; if yc has moved, restart this program")
                    .with_source(error))
            }
            Some(Ok(output)) => Ok(output),
        }
    }

    fn command(&self, system: &System, words: &[&str], endpoint: Option<&Address>) -> Command {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        if let Some(endpoint) = endpoint {
            arguments.extend(["--endpoint".into(), endpoint.authority().into()]);
        }
        if let Some(profile) = &self.profile {
            arguments.extend(["--profile".into(), profile.into()]);
        }
        let mut command = Command::new(&self.program, arguments);
        command.environment = system.environment().variables();
        // YC_IAM_TOKEN would override the profile (docs, "yc: IAM token from the environment").
        command
            .environment
            .retain(|(name, _)| name != "YC_IAM_TOKEN" && name != "YC_CLI_INITIALIZATION_SILENCE");
        command.environment.push(("YC_CLI_INITIALIZATION_SILENCE".into(), "true".into()));
        command
    }
}

impl TokenSource for Login {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let output = self.create_token(system).await?;
            match find_token(output.stdout()) {
                Ok(token) => Ok(token),
                Err(reason) => Err(Error::new(ErrorKind::Unavailable, reason)
                    .at(self.program.display().to_string())
                    .with_help("run `yc iam create-token` by hand and look at the output")
                    .without_retry()),
            }
        })
    }

    fn timeout(&self) -> Duration {
        // `run` keeps the limit and names the program that exceeded it. This later limit is a fallback.
        self.timeout.saturating_add(Duration::from_secs(1))
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Without an endpoint of the system, yc logs in to the endpoint of its own configuration.
    fn installation(&self, system: &System) -> Result<Installation, Error> {
        match &self.endpoint {
            Some(_) => Installation::of(system),
            None => Installation::of_profile(self.configured.get().and_then(Option::as_deref), system),
        }
    }

    fn learn_installation<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            match &self.endpoint {
                Some(_) => Ok(()),
                None => self.own_endpoint(system).await.map(drop),
            }
        })
    }
}
