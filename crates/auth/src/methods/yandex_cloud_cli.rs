//! `yandex-cloud-cli`: whatever the yc CLI is logged in as.
//!
//! For people at a terminal. Automatic selection asks it last, only where standard input is a terminal and its
//! endpoint is the one that is asked for. No expiry comes with its tokens: they are asked for again after an hour.
//!
//! Variables: `PATH` (absolute entries only), `YC_PROFILE`, `YC_API_ENDPOINT`. Errors: `NotConfigured` where there is
//! no yc, `Refused` where yc says so, `Unavailable` where it fails or hangs; its own words are the reason.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider, TokenSource};
use crate::cloud::Finding;
use crate::cloud::address::Address;
use crate::cloud::endpoints::Endpoint;
use crate::secret::{Secret, Shape};
use crate::system::{BoxFuture, Command, CommandOutput, System};
use crate::token::{Life, MAX_AGE, Token};
use crate::{Error, ErrorKind};

/// The variable with the profile.
const PROFILE: &str = "YC_PROFILE";

/// The yc CLI.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, YandexCloudCliAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let work = YandexCloudCliAuth::builder().profile("work").build();
/// let header = Credentials::from(work).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "YandexCloudCLIAuth")]
pub struct YandexCloudCliAuth {
    options: YandexCloudCliAuthBuilder,
}

/// What can vary about [`YandexCloudCliAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct YandexCloudCliAuthBuilder {
    program: Option<PathBuf>,
    profile: Option<String>,
    timeout: Duration,
    max_age: Duration,
}

impl YandexCloudCliAuth {
    /// The `yc` on `PATH`, with the profile in `YC_PROFILE` or the active one. Looked for at first use.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The same as [`new`](Self::new), named as with the other methods.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new()
    }

    /// With options.
    pub fn builder() -> YandexCloudCliAuthBuilder {
        YandexCloudCliAuthBuilder {
            program: None,
            profile: None,
            timeout: Duration::from_secs(30),
            max_age: MAX_AGE,
        }
    }
}

impl Default for YandexCloudCliAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl YandexCloudCliAuthBuilder {
    /// The program's absolute path, instead of a look on `PATH`.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// The profile; else `YC_PROFILE`, else yc's active one.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// How long yc may take; 30 s. Then it is killed, with everything it started.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long a token is used without another look; 1 h.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> YandexCloudCliAuth {
        YandexCloudCliAuth { options: self }
    }
}

impl YandexCloudCliAuth {
    /// The full path of yc.
    fn locate(&self, system: &System) -> Result<PathBuf, Error> {
        if let Some(program) = &self.options.program {
            if !program.is_absolute() {
                return Err(Error::new(ErrorKind::Invalid, "the path of yc is not absolute")
                    .at(program.display().to_string())
                    .with_help("give the full path"));
            }
            return match system.files().is_executable(program) {
                true => Ok(program.clone()),
                false => Err(Error::new(ErrorKind::NotConfigured, "there is no such program")
                    .at(program.display().to_string())
                    .with_help("give the full path of yc")),
            };
        }
        let path = system.environment().variable("PATH").unwrap_or_default();
        let name = format!("yc{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|program| system.files().is_executable(program))
            .ok_or_else(|| {
                Error::new(ErrorKind::NotConfigured, "no yc on PATH").at("PATH").with_help(
                    "install the yc CLI (https://yandex.cloud/docs/cli/quickstart), or choose another method",
                )
            })
    }

    /// The yc that was found, and as whom it is asked.
    fn login(&self, program: PathBuf, system: &System) -> Result<Login, Error> {
        let profile = match &self.options.profile {
            Some(profile) => Some(profile.clone()),
            None => system.variable(PROFILE)?.map(|profile| profile.to_string()),
        };
        let endpoint = Endpoint::configured(system)?;
        let YandexCloudCliAuthBuilder { timeout, max_age, .. } = self.options;
        Ok(Login { program, profile, endpoint, timeout, max_age })
    }

    /// One value of yc's configuration, `yc config get KEY`: `folder-id`, for one.
    ///
    /// On the terms of automatic selection: nothing is there where there is no yc on `PATH`, where standard input is no
    /// terminal (unless `unattended`), or where yc's endpoint is another one, since what it is set to then belongs to
    /// another cloud.
    ///
    /// ```
    /// use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestRun};
    /// use yandex_cloud_auth::{System, YandexCloudCliAuth};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
    /// let system = System::real()
    ///     .with_environment(TestEnvironment::new([("PATH", "/usr/bin")]))
    ///     .with_files(TestFiles::new([("/usr/bin/yc", "")]))
    ///     .with_processes(TestProcesses::new(|command| match command.arguments.last() {
    ///         Some(key) if key == "folder-id" => TestRun::prints("b1gexample\n"),
    ///         _ => TestRun::prints(""),
    ///     }));
    /// let folder = YandexCloudCliAuth::new().config(&system, "folder-id", true).await?;
    /// assert_eq!(folder.found(), Some("b1gexample"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where yc is there and fails; its own words are the reason.
    pub async fn config(&self, system: &System, key: &str, unattended: bool) -> Result<Finding, Error> {
        let login = match self.approach(system, unattended).await? {
            Ok(login) => login,
            Err(reason) => return Ok(Finding::Absent(reason)),
        };
        let output = login.run(system, &["config", "get", key], None).await?;
        Ok(match last_line(output.stdout()) {
            Some(value) => Finding::Found(value),
            None => Finding::Absent(format!("it has no {key}")),
        })
    }

    async fn probe(&self, system: &System) -> Detection {
        match self.approach(system, false).await {
            Ok(Ok(login)) => Detection::Found {
                provider: login.source(),
                first: None,
                reason: "standard input is a terminal, and its endpoint is the right one".to_owned(),
            },
            Ok(Err(reason)) => Detection::Absent(reason),
            Err(error) => Detection::Invalid(error),
        }
    }

    /// The yc that may be taken without anybody naming it, or why there is none.
    async fn approach(&self, system: &System, unattended: bool) -> Result<Result<Login, String>, Error> {
        let program = match self.locate(system) {
            Ok(program) => program,
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                return Ok(Err(error.reason().to_owned()));
            }
            Err(error) => return Err(error),
        };
        if !unattended && !system.environment().stdin_is_terminal() {
            let reason = "standard input is no terminal, and yc could ask a question there";
            return Ok(Err(reason.to_owned()));
        }
        let login = self.login(program, system)?;
        let wanted = login.address().cloned().unwrap_or_else(Address::public_api);
        let output = login.run(system, &["config", "get", "endpoint"], None).await?;
        let configured = last_line(output.stdout()).unwrap_or_default();
        let same = configured.is_empty() && wanted == Address::public_api()
            || Address::parse_without_scheme(&configured).is_ok_and(|there| there == wanted);
        if !same {
            let there = if configured.is_empty() { "the default" } else { &configured };
            return Ok(Err(format!("its endpoint is {there}, not {}", wanted.authority())));
        }
        Ok(Ok(login))
    }
}

/// The last line that is not empty.
fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// yc's own words, from standard error alone: standard output is where tokens go.
fn failed(output: &CommandOutput) -> Error {
    let text = String::from_utf8_lossy(output.stderr());
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let how =
        output.code().map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit status {code}"));
    let said = if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") };
    let kind = if is_refusal(&said) { ErrorKind::Refused } else { ErrorKind::Unavailable };
    Error::new(kind, format!("{how}: {said}"))
        .with_help("run `yc iam create-token` by hand; `yc init` logs in anew")
}

/// Whether a server said no, in the words of gRPC. "Permission denied" is what the system says of a file.
fn is_refusal(said: &str) -> bool {
    let lower = said.to_ascii_lowercase();
    let words = ["unauthenticated", "permissiondenied", "permission_denied"];
    let codes = ["code = invalidargument", "code = notfound", "code = failedprecondition"];
    words.iter().chain(&codes).any(|word| lower.contains(word))
}

/// The token in yc's output: the last line that looks like one, since notices come before and after it; else the
/// last line that is not empty.
fn find_token(output: &[u8]) -> Result<Secret, &'static str> {
    let Ok(text) = std::str::from_utf8(output) else { return Err("its output is not UTF-8") };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_token = |line: &&str| Shape::of(line) == Shape::IamToken && Secret::parse(line).is_ok();
    let line = lines.clone().rfind(is_token).or_else(|| lines.next_back()).ok_or("it printed nothing")?;
    match Shape::of(line) {
        Shape::OAuthToken => Err("it printed an OAuth token, not an IAM token"),
        _ => Secret::parse(line).map_err(|_| "it printed no token"),
    }
}

impl Sealed for YandexCloudCliAuth {
    fn method(&self) -> Method {
        Method::YandexCloudCli
    }

    fn location(&self, system: &System) -> String {
        self.locate(system).map_or_else(|_| "yc".to_owned(), |program| program.display().to_string())
    }

    fn location_offline(&self, _system: &System) -> String {
        self.options.program.as_ref().map_or_else(|| "yc".to_owned(), |program| program.display().to_string())
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        let program = self.locate(system)?;
        self.login(program, system).map(Login::source)
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let mut identity =
                Identity::of(self.method()).remark("whoever yc is logged in as: `yc iam whoami`");
            let login = match self.locate(system).and_then(|program| self.login(program, system)) {
                Ok(login) => login,
                Err(error) => return identity.remark(error.to_string()),
            };
            for (key, field) in [("folder-id", &mut identity.folder_id), ("cloud-id", &mut identity.cloud_id)]
            {
                match login.run(system, &["config", "get", key], None).await {
                    Ok(output) => *field = last_line(output.stdout()),
                    Err(error) => identity.remarks.push(error.to_string()),
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(self.probe(system))
    }
}

/// The source: yc, as the one that was chosen. A refresh after the variables have changed must not be somebody else.
struct Login {
    /// The full path: another yc that comes first on `PATH` later may be logged in as somebody else.
    program: PathBuf,
    profile: Option<String>,
    /// The endpoint that was asked for, where one was.
    endpoint: Option<Endpoint>,
    timeout: Duration,
    max_age: Duration,
}

impl Login {
    fn source(self) -> Provider {
        if let Some(endpoint) = &self.endpoint {
            endpoint.warn_if_foreign("yc sends its credentials there");
        }
        Provider::Source(Arc::new(self))
    }

    /// The endpoint that was asked for, as yc understands it.
    fn address(&self) -> Option<&Address> {
        self.endpoint.as_ref().map(|endpoint| &endpoint.without_scheme)
    }

    /// Runs yc, and takes its output or its own words about why there is none.
    async fn run(
        &self,
        system: &System,
        words: &[&str],
        endpoint: Option<&Address>,
    ) -> Result<CommandOutput, Error> {
        let shown = self.program.display().to_string();
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        if let Some(endpoint) = endpoint {
            arguments.extend(["--endpoint".into(), endpoint.authority().into()]);
        }
        if let Some(profile) = &self.profile {
            arguments.extend(["--profile".into(), profile.into()]);
        }
        let mut command = Command::new(&self.program, arguments);
        command.environment = system.environment().variables();
        // The variable would override the profile (docs, "yc: IAM token from the environment").
        command
            .environment
            .retain(|(name, _)| name != "YC_IAM_TOKEN" && name != "YC_CLI_INITIALIZATION_SILENCE");
        command.environment.push(("YC_CLI_INITIALIZATION_SILENCE".into(), "true".into()));
        let limit = self.timeout;
        match system.within(limit, system.processes().run(command)).await {
            None => Err(Error::new(ErrorKind::Unavailable, format!("no end within {limit:?}; killed"))
                .at(shown)
                .with_help("run `yc iam create-token` by hand: it may be waiting for a browser login")),
            Some(Err(error)) => {
                let kind = match error.kind() {
                    std::io::ErrorKind::NotFound => ErrorKind::NotConfigured,
                    _ => ErrorKind::Unavailable,
                };
                Err(Error::new(kind, format!("could not be run: {error}"))
                    .at(shown)
                    .with_help("run `yc version` by hand; where yc has moved, restart this program")
                    .with_source(error))
            }
            Some(Ok(output)) if output.code() == Some(0) => Ok(output),
            Some(Ok(output)) => Err(failed(&output).at(shown)),
        }
    }
}

impl TokenSource for Login {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let words = ["iam", "create-token", "--no-user-output"];
            let output = self.run(system, &words, self.address()).await?;
            match find_token(output.stdout()) {
                Ok(secret) => Ok(Token { secret, life: Life::Unknown }),
                Err(reason) => Err(Error::new(ErrorKind::Unavailable, reason)
                    .at(self.program.display().to_string())
                    .with_help("run `yc iam create-token` by hand and look at what it prints")),
            }
        })
    }

    fn timeout(&self) -> Duration {
        // `run` has the limit; this one only stands behind it.
        self.timeout.saturating_add(Duration::from_secs(1))
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_token_among_notices() {
        for (output, token) in [
            ("t1.fake.token\n", Ok("t1.fake.token")),
            ("notice\nt1.old.token\r\nt1.fake.token\r\n\nThere is a new yc version\n", Ok("t1.fake.token")),
            ("CggVAgAAA-fake\n", Ok("CggVAgAAA-fake")),
            ("", Err("it printed nothing")),
            ("\n \n", Err("it printed nothing")),
            ("There is a new yc version", Err("it printed no token")),
            ("y0_fake", Err("it printed an OAuth token, not an IAM token")),
        ] {
            assert_eq!(
                find_token(output.as_bytes()).as_ref().map(Secret::expose),
                token.as_ref().copied(),
                "{output:?}"
            );
        }
        assert_eq!(find_token(b"t1.\xff").unwrap_err(), "its output is not UTF-8");
    }

    proptest! {
        #[test]
        fn no_output_panics(output: Vec<u8>, code in -1..300_i32) {
            let _ = find_token(&output);
            let _ = last_line(&output);
            let _ = failed(&CommandOutput::new(Some(code), output.clone(), output)).to_string();
        }
    }
}
