//! `profile`: a profile of yc, read from its configuration file. yc is not run.
//!
//! For people who use yc, in programs that must not start another program, or on machines without yc. The method
//! supports these logins of a profile: an OAuth token (exchanged as by [`OAuthTokenAuth`](crate::OAuthTokenAuth)), an
//! IAM token in the same setting, the key of a service account, and the service account of the machine, which a profile
//! without a login uses too. Only yc supports a federated login: use the method `yandex-cloud-cli` for it.
//!
//! The file is `~/.config/yandex-cloud/config.yaml`, or a file given in code. The file is read for each token, because
//! its content may change. The name of the profile and its endpoint are read once.
//!
//! Variables: `YC_PROFILE` for the profile, by default the current one; `YC_API_ENDPOINT` for the discovery endpoint,
//! by default that of the profile; `HOME`, on Windows `USERPROFILE`. Errors: `NotConfigured` if the file does not
//! exist, `Invalid` if its content is wrong, and the errors of the login.

mod config;
mod source;
mod yaml;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::config::{Proof, Settings};
use self::source::Source;
use super::options::duration_options;
use super::sealed::Sealed;
use super::secret_file::{SecretFile, read_within};
use super::{HOME, Identity, IdentityField, Method, Provider};
use crate::cloud::iam;
use crate::secret::redact;
use crate::system::{BoxFuture, System};
use crate::token::MAX_AGE;
use crate::{Error, ErrorKind};

/// The configuration file of yc, below the home folder.
const FILE: [&str; 3] = [".config", "yandex-cloud", "config.yaml"];

/// What to do if the configuration of yc does not exist.
const NO_FILE: &str = "run `yc init`, which writes the file; if the file is elsewhere, check its path";

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

/// The options of [`ProfileAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ProfileAuthBuilder {
    name: Option<String>,
    file: Option<SecretFile>,
    timeout: Duration,
    max_age: Duration,
}

/// The settings of a profile of yc, without its login. Holds no secret.
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
    /// The name of the profile.
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
    /// Reads the profile that `YC_PROFILE` names, by default the current one.
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

    /// The profile that `YC_PROFILE` names, by default the current one. Variable and file are read at first use.
    ///
    /// The endpoint is that of the profile, unless the [`Endpoints`](crate::Endpoints) of the system or
    /// `YC_API_ENDPOINT` name another one.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
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

    /// The settings of the profile, without its login. Reads the file, on a tokio runtime with time.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] if the file does not exist or has no current profile; [`ErrorKind::Invalid`] if the
    /// file cannot be read, or has no profile of that name; [`ErrorKind::Unavailable`] if reading takes too long.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn profile(&self, system: &System) -> Result<Profile, Error> {
        let read = async {
            let source = self.source(system)?;
            let config = source.config(system).await?;
            let settings = config.profile(source.name.as_deref());
            settings
                .and_then(|settings| Profile::of(&settings))
                .map_err(|error| error.at(source.file.location()))
        };
        let profile = read_within(self.options.timeout, system, &self.location(system), read).await;
        profile.map_err(|error| error.of(Method::Profile))
    }
}

impl Default for ProfileAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl ProfileAuthBuilder {
    /// The profile; by default `YC_PROFILE`, then the current one.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The configuration file; by default that of yc.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(SecretFile::new(path, "configuration of yc").help_if_missing(NO_FILE));
        self
    }

    duration_options! {
        timeout: "How long reading the file, discovery and exchange may take together; 10 s.",
        max_age: "How long a token is used before the next exchange; 1 h."
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> ProfileAuth {
        ProfileAuth { options: self }
    }
}

impl ProfileAuth {
    fn file(&self, system: &System) -> Result<SecretFile, Error> {
        if let Some(file) = &self.options.file {
            return Ok(file.clone());
        }
        match system.environment().variable(HOME).filter(|home| !home.is_empty()) {
            Some(home) => {
                let path = FILE.iter().fold(Path::new(&home).to_owned(), |path, part| path.join(part));
                Ok(SecretFile::new(path, "configuration of yc").help_if_missing(NO_FILE))
            }
            None => Err(Error::new(
                ErrorKind::NotConfigured,
                "the variable is not set, so the configuration of yc cannot be found",
            )
            .at(HOME)
            .with_help(format!("set {HOME}, or give the path of the file in code"))),
        }
    }

    fn source(&self, system: &System) -> Result<Source, Error> {
        let name = match &self.options.name {
            Some(name) => Some(name.clone()),
            None => system.variable(Self::VARIABLE)?.map(|name| name.to_string()),
        };
        let ProfileAuthBuilder { timeout, max_age, .. } = self.options;
        Ok(Source { file: self.file(system)?, name, timeout, max_age, chosen: Mutex::default() })
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
            let reason = match system.within(limit, self.read_identity(system)).await {
                Some(Ok(identity)) => return identity,
                Some(Err(error)) => error.to_string(),
                None => "the file was not read in time".to_owned(),
            };
            let all = [IdentityField::Subject, IdentityField::Folder, IdentityField::Cloud];
            Identity::of(Method::Profile).without_answer(&all, reason)
        })
    }
}

impl ProfileAuth {
    async fn read_identity(&self, system: &System) -> Result<Identity, Error> {
        let source = self.source(system)?;
        let config = source.config(system).await?;
        let settings = config.profile(source.name.as_deref())?;
        let profile = Profile::of(&settings)?;
        let mut identity =
            Identity::of(Method::Profile).remark(format!("the profile `{}` of yc", profile.name));
        match settings.proof()? {
            Proof::Key(key) => {
                identity.subject_id = Some(redact(&key.service_account_id, &[]));
                identity.key_id = Some(redact(&key.id, &[]));
            }
            Proof::OAuthToken(_) => {
                identity
                    .remarks
                    .push("a Yandex account: the owner of an OAuth token cannot be determined".to_owned());
            }
            Proof::IamToken(_) => {
                identity.remarks.push("the owner of an IAM token cannot be determined".to_owned());
            }
            Proof::Machine { .. } => identity.remarks.push("the service account of the machine".to_owned()),
        }
        identity.folder_id = profile.folder_id;
        identity.cloud_id = profile.cloud_id;
        Ok(identity)
    }
}
