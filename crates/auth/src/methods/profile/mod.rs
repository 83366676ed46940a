//! `profile`: a profile of yc, read from its configuration file, without running yc.
//!
//! For people who have set yc up, in programs that must not start another one, or where yc is not installed. Of a
//! profile's logins it knows the OAuth token (exchanged as by [`OAuthTokenAuth`](crate::OAuthTokenAuth)), an IAM token
//! that was pasted in its place, the key of a service account, and the service account of the machine, which a profile
//! without a login means too. A federated login is known to yc alone: that is the method `yandex-cloud-cli`.
//!
//! The file is `~/.config/yandex-cloud/config.yaml`, or one given in code. It is read again for each token, since what is
//! in it may be replaced; the name of the profile and its endpoint stay, once they were read.
//!
//! Variables: `YC_PROFILE` for the profile, else the current one; `YC_API_ENDPOINT` for the discovery endpoint, else the
//! profile's; `HOME`, on Windows `USERPROFILE`. Errors: `NotConfigured` where there is no file, `Invalid` for what is
//! wrong in it, and those of the way that the profile logs in.

mod config;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use self::config::{Config, Key, Proof, Settings};
use super::file::NamedFile;
use super::oauth_token::{explain, warn_once};
use super::sealed::Sealed;
use super::{Identity, Method, Provider, TokenSource};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::cloud::metadata::{MetadataAddress, Patience, fetch_token};
use crate::secret::redact;
use crate::system::{BoxFuture, System};
use crate::token::{Life, MAX_AGE, Token};
use crate::{Error, ErrorKind};

const MAX_FILE: usize = 1 << 20;

/// The folder that yc keeps its configuration in, below that of the person.
const FILE: [&str; 3] = [".config", "yandex-cloud", "config.yaml"];

const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// A profile of yc, read from its file.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, ProfileAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// let current = Credentials::from(ProfileAuth::new());
/// let work = Credentials::from(ProfileAuth::named("work"));
/// let header = work.header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ProfileAuth {
    options: ProfileAuthBuilder,
}

/// What can vary about [`ProfileAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProfileAuthBuilder {
    name: Option<String>,
    file: Option<NamedFile>,
    timeout: Duration,
    max_age: Duration,
}

/// What a profile of yc says beside its login. Holds no secret.
///
/// ```
/// use yandex_cloud_auth::testing::{TestEnvironment, TestFiles};
/// use yandex_cloud_auth::{Profile, System};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
/// let file = "current: default\nprofiles:\n  default:\n    token: y0_fake\n    folder-id: b1gexample\n";
/// let system = System::real()
///     .with_environment(TestEnvironment::new([("HOME", "/home/me"), ("USERPROFILE", "/home/me")]))
///     .with_files(TestFiles::new([("/home/me/.config/yandex-cloud/config.yaml", file)]));
/// let profile = Profile::read(&system).await?;
/// assert_eq!((&*profile.name, profile.folder_id.as_deref()), ("default", Some("b1gexample")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// `folder-id`.
    pub folder_id: Option<String>,
    /// `cloud-id`.
    pub cloud_id: Option<String>,
    /// `organization-id`.
    pub organization_id: Option<String>,
    /// `endpoint`, the discovery endpoint.
    pub endpoint: Option<String>,
}

impl Profile {
    /// Reads the profile that `YC_PROFILE` names, else the current one.
    ///
    /// # Errors
    /// As [`ProfileAuth::profile`].
    pub async fn read(system: &System) -> Result<Self, Error> {
        ProfileAuth::new().profile(system).await
    }

    fn of(settings: &Settings<'_>) -> Result<Self, Error> {
        Ok(Self {
            name: settings.name().to_owned(),
            folder_id: settings.id("folder-id")?,
            cloud_id: settings.id("cloud-id")?,
            organization_id: settings.id("organization-id")?,
            endpoint: settings.text("endpoint")?.map(|text| redact(text, &[])),
        })
    }
}

impl ProfileAuth {
    /// The variable that names the profile.
    pub const VARIABLE: &'static str = "YC_PROFILE";

    /// The profile that `YC_PROFILE` names, else the current one. Nothing is looked at yet.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The same as [`new`](Self::new), named as with the other methods.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new()
    }

    /// The profile of this name.
    #[must_use]
    pub fn named(profile: impl Into<String>) -> Self {
        Self::builder().profile(profile).build()
    }

    /// With options.
    pub fn builder() -> ProfileAuthBuilder {
        ProfileAuthBuilder { name: None, file: None, timeout: iam::TIMEOUT, max_age: MAX_AGE }
    }

    /// What the profile says beside its login. Reads the file, on a tokio runtime with time.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is no file, or nothing says which profile; [`ErrorKind::Invalid`] where
    /// it cannot be read or has no profile of that name.
    pub async fn profile(&self, system: &System) -> Result<Profile, Error> {
        let read = async {
            let source = self.source(system)?;
            let config = source.config(system).await?;
            let settings = config.profile(source.wanted.as_deref());
            settings
                .and_then(|settings| Profile::of(&settings))
                .map_err(|error| error.at(source.file.location()))
        };
        let limit = self.options.timeout;
        let profile = system.within(limit, read).await.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, format!("not read within {limit:?}"))
                .at(self.location(system))
                .with_help("the file is a pipe without a writer, or on a server that is down"))
        });
        profile.map_err(|error| error.of(Method::Profile))
    }
}

impl Default for ProfileAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfileAuthBuilder {
    /// The profile; else `YC_PROFILE`, else the current one.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The configuration file; else yc's own.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(NamedFile::new(path, "configuration of yc"));
        self
    }

    /// How long reading the file, discovery and exchange may take together; 10 s.
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
    pub fn build(self) -> ProfileAuth {
        ProfileAuth { options: self }
    }
}

impl ProfileAuth {
    fn file(&self, system: &System) -> Result<NamedFile, Error> {
        if let Some(file) = &self.options.file {
            return Ok(file.clone());
        }
        match system.environment().variable(HOME).filter(|home| !home.is_empty()) {
            Some(home) => {
                let path = FILE.iter().fold(Path::new(&home).to_owned(), |path, part| path.join(part));
                Ok(NamedFile::new(path, "configuration of yc"))
            }
            None => Err(Error::new(
                ErrorKind::NotConfigured,
                "the variable is not set, so yc has no configuration",
            )
            .at(HOME)
            .with_help(format!("set {HOME}, or give the path of the file in code"))),
        }
    }

    fn source(&self, system: &System) -> Result<Source, Error> {
        let wanted = match &self.options.name {
            Some(name) => Some(name.clone()),
            None => system.variable(Self::VARIABLE)?.map(|name| name.to_string()),
        };
        let ProfileAuthBuilder { timeout, max_age, .. } = self.options;
        Ok(Source { file: self.file(system)?, wanted, timeout, max_age, chosen: Mutex::default() })
    }
}

impl Sealed for ProfileAuth {
    fn method(&self) -> Method {
        Method::Profile
    }

    fn location(&self, system: &System) -> String {
        self.file(system).map_or_else(|_| "configuration of yc".to_owned(), |file| file.location())
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.source(system)?)))
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let limit = self.options.timeout;
            match system.within(limit, self.tell(system)).await {
                Some(Ok(identity)) => identity,
                Some(Err(error)) => Identity::of(Method::Profile).remark(error.to_string()),
                None => Identity::of(Method::Profile).remark("the file was not read in time"),
            }
        })
    }
}

impl ProfileAuth {
    async fn tell(&self, system: &System) -> Result<Identity, Error> {
        let source = self.source(system)?;
        let config = source.config(system).await?;
        let settings = config.profile(source.wanted.as_deref())?;
        let profile = Profile::of(&settings)?;
        let mut identity =
            Identity::of(Method::Profile).remark(format!("the profile `{}` of yc", profile.name));
        match settings.proof()? {
            Proof::Key(key) => {
                identity.subject_id = Some(redact(&key.service_account_id, &[]));
                identity.key_id = Some(redact(&key.id, &[]));
            }
            Proof::OAuthToken(_) => {
                identity.remarks.push("a Yandex account: an OAuth token does not say whose".to_owned());
            }
            Proof::IamToken(_) => identity.remarks.push("an IAM token does not say whose it is".to_owned()),
            Proof::Machine { .. } => identity.remarks.push("the service account of the machine".to_owned()),
        }
        identity.folder_id = profile.folder_id;
        identity.cloud_id = profile.cloud_id;
        Ok(identity)
    }
}

/// The source: a file, and the profile in it that was found at first.
struct Source {
    file: NamedFile,
    /// The name that was asked for.
    wanted: Option<String>,
    timeout: Duration,
    max_age: Duration,
    chosen: Mutex<Option<Arc<Chosen>>>,
}

/// What stays of the first look: another profile that becomes the current one later is somebody else.
struct Chosen {
    name: String,
    /// The endpoint in the profile.
    endpoint: Option<String>,
    /// Looked for where the login needs it.
    iam: OnceLock<Iam>,
}

impl Chosen {
    /// Where the profile logs in.
    fn installation(&self, system: &System) -> Result<Installation, Error> {
        Installation::of_profile(self.endpoint.as_deref(), system)
    }
}

impl Source {
    async fn config(&self, system: &System) -> Result<Config, Error> {
        let text = self.file.read(system, MAX_FILE, ErrorKind::NotConfigured).await?;
        Config::parse(&text).map_err(|error| error.at(self.file.location()))
    }

    async fn exchange(&self, system: &System) -> Result<Token, Error> {
        let config = self.config(system).await?;
        let (chosen, proof) = self.choose(&config).map_err(|error| error.at(self.file.location()))?;
        match proof {
            Proof::IamToken(secret) => Ok(Token { secret, life: Life::Unknown }),
            Proof::OAuthToken(secret) => {
                warn_once();
                let iam = self.iam(&chosen, "the OAuth token", system)?;
                iam.exchange_oauth(&secret, system).await.map_err(explain)
            }
            Proof::Key(key) => self.exchange_key(&key, &chosen, system).await,
            Proof::Machine { said } => machine(said, &chosen.name, system).await,
        }
    }

    #[cfg(feature = "service-account-key")]
    async fn exchange_key(&self, key: &Key, chosen: &Chosen, system: &System) -> Result<Token, Error> {
        use super::key_file::ServiceAccountKey;
        let read = ServiceAccountKey::new(&key.id, &key.service_account_id, &key.private_key);
        let key = read.map_err(|error| error.at(self.file.location()))?;
        let iam = self.iam(chosen, "the JWT", system)?;
        super::service_account_key::exchange_key(&key, iam, system).await
    }

    #[cfg(not(feature = "service-account-key"))]
    async fn exchange_key(&self, _key: &Key, _chosen: &Chosen, _system: &System) -> Result<Token, Error> {
        Err(Error::new(
            ErrorKind::Invalid,
            "the profile has the key of a service account, which this build cannot use",
        )
        .at(self.file.location())
        .with_help("build with the feature `service-account-key`, or use the method yandex-cloud-cli"))
    }

    fn choose(&self, config: &Config) -> Result<(Arc<Chosen>, Proof), Error> {
        let mut known = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.as_ref().map(|chosen| chosen.name.as_str()).or(self.wanted.as_deref());
        let settings = config.profile(name)?;
        let proof = settings.proof()?;
        let endpoint = settings.text("endpoint")?;
        let chosen = known.get_or_insert_with(|| {
            let endpoint = endpoint.map(str::to_owned);
            Arc::new(Chosen { name: settings.name().to_owned(), endpoint, iam: OnceLock::new() })
        });
        Ok((Arc::clone(chosen), proof))
    }

    fn iam<'a>(&self, chosen: &'a Chosen, what: &str, system: &System) -> Result<&'a Iam, Error> {
        if let Some(iam) = chosen.iam.get() {
            return Ok(iam);
        }
        let iam = Iam::new(&chosen.installation(system)?, self.timeout, what)?;
        Ok(chosen.iam.get_or_init(|| iam))
    }
}

/// The token of the machine's service account.
async fn machine(said: bool, profile: &str, system: &System) -> Result<Token, Error> {
    let at = MetadataAddress::resolve(None, system)?;
    if let Some(warning) = at.warning() {
        tracing::warn!("{warning}");
    }
    fetch_token(system, &at, Patience::USUAL).await.map_err(|failure| match said {
        true => failure.error,
        false => failure.error.with_help(format!(
            "the profile `{profile}` has no login, and so means the service account of the machine; \
             log in with `yc init`, or name another profile"
        )),
    })
}

impl TokenSource for Source {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.exchange(system))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }

    fn installation(&self, system: &System) -> Result<Installation, Error> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match chosen {
            Some(chosen) => chosen.installation(system),
            None => Installation::of(system),
        }
    }
}
