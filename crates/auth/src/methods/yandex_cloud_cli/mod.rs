//! `yandex-cloud-cli`: the account that the yc CLI is logged in to.
//!
//! For people at a terminal. Automatic selection tries it last, and only if standard input is a terminal and yc's
//! endpoint is that of the system. yc prints JSON with the expiry of the token (`--format json`). A token of a yc that
//! prints text has no known expiry, and is fetched again after an hour.
//!
//! Variables: `PATH` (absolute entries only), `YC_PROFILE`, `YC_API_ENDPOINT`. Errors: `NotConfigured` if there is no
//! yc, `Refused` if yc reports a refusal, `Unavailable` if yc fails or hangs. The reason is yc's own message.

mod login;
mod output;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::login::Login;
use super::options::duration_options;
use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider};
use crate::cloud::address::Address;
use crate::cloud::endpoints::Endpoint;
use crate::error::in_seconds;
use crate::system::{BoxFuture, System};
use crate::token::MAX_AGE;
use crate::{Error, ErrorKind};

/// The variable with the profile.
const PROFILE: &str = "YC_PROFILE";

/// How long yc may take: a login in a browser needs some time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the search for yc may take: a folder of `PATH` may be on a server that is down.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);

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

/// The options of [`YandexCloudCliAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct YandexCloudCliAuthBuilder {
    program: Option<PathBuf>,
    profile: Option<String>,
    timeout: Duration,
    max_age: Duration,
}

impl YandexCloudCliAuth {
    /// The `yc` on `PATH`, with the profile in `YC_PROFILE` or the active one. Both are read at first use.
    ///
    /// If the [`Endpoints`](crate::Endpoints) of the system or `YC_API_ENDPOINT` name an API, yc uses that API
    /// (`--endpoint`). Otherwise yc uses the endpoint of its profile.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// With options.
    pub fn builder() -> YandexCloudCliAuthBuilder {
        YandexCloudCliAuthBuilder { program: None, profile: None, timeout: TIMEOUT, max_age: MAX_AGE }
    }
}

impl Default for YandexCloudCliAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl YandexCloudCliAuthBuilder {
    /// The absolute path of the program. `PATH` is not searched.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// The profile; by default `YC_PROFILE`, then yc's current profile.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    duration_options! {
        timeout: "How long yc may take; 30 s. Then yc is killed, with all processes that it started.",
        max_age: "How long a token is used before yc is run again; 1 h."
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> YandexCloudCliAuth {
        YandexCloudCliAuth { options: self }
    }
}

impl YandexCloudCliAuth {
    /// The full path of yc, checked.
    async fn find(&self, system: &System) -> Result<PathBuf, Error> {
        let search = async {
            match &self.options.program {
                Some(program) => check(program, system).await,
                None => search_path(system).await,
            }
        };
        system.within(SEARCH_TIMEOUT, search).await.unwrap_or_else(|| {
            let waiting = system.waiting_for().map(|step| format!("; {step}")).unwrap_or_default();
            Err(Error::new(
                ErrorKind::Unavailable,
                format!("yc was not found within {}{waiting}", in_seconds(SEARCH_TIMEOUT)),
            )
            .at("PATH")
            .with_help("remove the folder from PATH, or repair its file server; or choose another method")
            .without_retry())
        })
    }

    /// The same method with the full path of yc.
    fn at(&self, program: PathBuf) -> Self {
        Self { options: YandexCloudCliAuthBuilder { program: Some(program), ..self.options.clone() } }
    }

    /// The login of the located method.
    fn login(&self, system: &System) -> Result<Login, Error> {
        let program = self.options.program.clone().ok_or_else(not_on_path)?;
        let profile = match &self.options.profile {
            Some(profile) => Some(profile.clone()),
            None => system.variable(PROFILE)?.map(|profile| profile.to_string()),
        };
        let endpoint = Endpoint::configured(system)?;
        let YandexCloudCliAuthBuilder { timeout, max_age, .. } = self.options;
        let prints_text = AtomicBool::new(false);
        Ok(Login { program, profile, endpoint, configured: OnceLock::new(), prints_text, timeout, max_age })
    }

    /// One value of yc's configuration, by the rules of automatic selection; `Ok(Err(reason))` if selection would not
    /// take yc, or if yc has no value. `unattended` allows a yc without a terminal.
    pub(crate) async fn config(
        &self,
        system: &System,
        key: &str,
        unattended: bool,
    ) -> Result<Result<String, String>, Error> {
        let located = match self.find(system).await {
            Ok(program) => self.at(program),
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                return Ok(Err(error.reason().to_owned()));
            }
            Err(error) => return Err(error),
        };
        let login = match located.login_for_selection(system, unattended).await? {
            Ok(login) => login,
            Err(reason) => return Ok(Err(reason)),
        };
        let value = login.config(system, key).await?;
        Ok(value.ok_or_else(|| format!("yc has no {key}")))
    }

    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        Ok(match self.login_for_selection(system, false).await {
            Ok(Ok(login)) => Detection::Found {
                provider: login.provider(),
                first: None,
                reason: "standard input is a terminal, and yc's endpoint is the expected one".to_owned(),
            },
            Ok(Err(reason)) => Detection::Absent(reason),
            // Also where yc cannot be run (`NotConfigured`): yc is on `PATH`, so the method is configured.
            Err(error) => Detection::Invalid(error),
        })
    }

    /// The login of the located method that automatic selection takes, or the reason why it takes none.
    async fn login_for_selection(
        &self,
        system: &System,
        unattended: bool,
    ) -> Result<Result<Login, String>, Error> {
        if !unattended && !system.environment().stdin_is_terminal() {
            // yc could wait for an answer for its whole time limit.
            let reason = "standard input is not a terminal, and yc may ask a question";
            return Ok(Err(reason.to_owned()));
        }
        let login = self.login(system)?;
        let expected = login.address().cloned().unwrap_or_else(Address::public_api);
        let actual = login.own_endpoint(system).await?.unwrap_or_default().to_owned();
        // yc prints nothing if its endpoint is the default.
        let is_expected = actual.is_empty() && expected == Address::public_api()
            || Address::parse_without_scheme(&actual).is_ok_and(|actual| actual == expected);
        if !is_expected {
            let actual = if actual.is_empty() { "the default" } else { &actual };
            return Ok(Err(format!("yc's endpoint is {actual}, not {}", expected.authority())));
        }
        Ok(Ok(login))
    }
}

/// The program that code names.
async fn check(program: &Path, system: &System) -> Result<PathBuf, Error> {
    let location = || program.display().to_string();
    if !program.is_absolute() {
        return Err(Error::new(ErrorKind::Invalid, "the path of yc is not absolute")
            .at(location())
            .with_help("give the full path"));
    }
    system.begin_step(&format!("the program {}", location()));
    match system.is_executable(program).await {
        true => Ok(program.to_owned()),
        false => Err(Error::new(ErrorKind::NotConfigured, "the program does not exist")
            .at(location())
            .with_help("give the full path of yc")),
    }
}

/// The first yc on `PATH`.
async fn search_path(system: &System) -> Result<PathBuf, Error> {
    let path = system.environment().variable("PATH").unwrap_or_default();
    let name = format!("yc{}", std::env::consts::EXE_SUFFIX);
    // A relative entry would run a program from the current folder.
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute()) {
        let program = folder.join(&name);
        system.begin_step(&format!("the program {}", program.display()));
        if system.is_executable(&program).await {
            return Ok(program);
        }
    }
    Err(not_on_path())
}

fn not_on_path() -> Error {
    Error::new(ErrorKind::NotConfigured, "yc is not on PATH")
        .at("PATH")
        .with_help("install the yc CLI (https://yandex.cloud/docs/cli/quickstart), or choose another method")
}

impl Sealed for YandexCloudCliAuth {
    fn method(&self) -> Method {
        Method::YandexCloudCli
    }

    fn location(&self, _system: &System) -> String {
        self.options.program.as_ref().map_or_else(|| "yc".to_owned(), |program| program.display().to_string())
    }

    fn locate<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Option<Arc<dyn Sealed>>, Error>> {
        Box::pin(async {
            let located: Arc<dyn Sealed> = Arc::new(self.at(self.find(system).await?));
            Ok(Some(located))
        })
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        self.login(system).map(Login::provider)
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let mut identity =
                Identity::of(self.method()).remark("the account that yc is logged in to: `yc iam whoami`");
            let login = match self.login(system) {
                Ok(login) => login,
                Err(error) => return identity.remark(error.to_string()),
            };
            for (key, field) in [("folder-id", &mut identity.folder_id), ("cloud-id", &mut identity.cloud_id)]
            {
                match login.config(system, key).await {
                    Ok(value) => *field = value,
                    Err(error) => identity.remarks.push(error.to_string()),
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}
