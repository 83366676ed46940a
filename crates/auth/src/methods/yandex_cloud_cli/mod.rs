//! `yandex-cloud-cli`: the account that the yc CLI is logged in to.
//!
//! For people at a terminal. Automatic selection tries it last, and only if standard input is a terminal and yc's
//! endpoint is that of the system. yc prints JSON with the expiry of the token (`--format json`). A token of a yc that
//! prints text has no known expiry, and is fetched again after an hour.
//!
//! Variables: `PATH` (absolute entries only), then `HOME` (`yandex-cloud/bin`), `YC_PROFILE`, `YC_API_ENDPOINT`. Errors: `NotConfigured` if there is no
//! yc, `Refused` if yc reports a refusal, `Unavailable` if yc fails or hangs. The reason is yc's own message.

mod login;
mod output;
mod search;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::login::Login;
use super::options::duration_options;
use super::sealed::{Sealed, with_warning};
use super::{Detection, Identity, IdentityField, Method, Provider};
use crate::cloud::address::Address;
use crate::cloud::endpoints::Endpoint;
use crate::system::{BoxFuture, System};
use crate::token::MAX_AGE;
use crate::{Error, ErrorKind};

/// The variable with the profile.
const PROFILE: &str = "YC_PROFILE";

/// How long yc may take: a login in a browser needs some time.
const TIMEOUT: Duration = Duration::from_secs(30);

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
    /// Whether the search found yc where its installer puts it, and not on `PATH`.
    is_off_path: bool,
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
    /// The `yc` on `PATH`, else the one in `~/yandex-cloud/bin`, with the profile in `YC_PROFILE` or the active one. All
    /// are read at first use.
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
    /// The absolute path of the program. Nothing is searched.
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
        YandexCloudCliAuth { options: self, is_off_path: false }
    }
}

impl YandexCloudCliAuth {
    /// The same method with the full path of yc, checked.
    async fn located(&self, system: &System) -> Result<Self, Error> {
        let found = search::find(self.options.program.as_deref(), system).await?;
        let options = YandexCloudCliAuthBuilder { program: Some(found.program), ..self.options.clone() };
        Ok(Self { options, is_off_path: found.is_off_path })
    }

    /// The login of the located method.
    fn login(&self, system: &System) -> Result<Login, Error> {
        let program = self.options.program.clone().ok_or_else(|| search::not_found(system))?;
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
        let located = match self.located(system).await {
            Ok(located) => located,
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
                reason: with_warning(
                    "standard input is a terminal, and yc's endpoint is the expected one",
                    self.warning(system),
                ),
            },
            Ok(Err(reason)) => Detection::Absent(reason),
            // Also where yc cannot be run (`NotConfigured`): yc is installed, so the method is configured.
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

impl Sealed for YandexCloudCliAuth {
    fn method(&self) -> Method {
        Method::YandexCloudCli
    }

    fn location(&self, _system: &System) -> String {
        self.options.program.as_ref().map_or_else(|| "yc".to_owned(), |program| program.display().to_string())
    }

    fn locate<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Option<Arc<dyn Sealed>>, Error>> {
        Box::pin(async {
            let located: Arc<dyn Sealed> = Arc::new(self.located(system).await?);
            Ok(Some(located))
        })
    }

    fn warning(&self, _system: &System) -> Option<&'static str> {
        self.is_off_path.then_some("yc is not on PATH: its installer has put it there")
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
                Err(error) => {
                    let fields = [IdentityField::Folder, IdentityField::Cloud];
                    return identity.without_answer(&fields, error.to_string());
                }
            };
            for (key, id, field) in [
                ("folder-id", &mut identity.folder_id, IdentityField::Folder),
                ("cloud-id", &mut identity.cloud_id, IdentityField::Cloud),
            ] {
                match login.config_answer(system, key).await {
                    Ok(Ok(value)) => *id = value,
                    Ok(Err(error)) => identity.remarks.push(error.to_string()),
                    Err(error) => {
                        identity.unanswered.push(field);
                        identity.remarks.push(error.to_string());
                    }
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}
