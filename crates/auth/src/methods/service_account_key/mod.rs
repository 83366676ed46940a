//! `service-account-key`: an authorized key of a service account. The key signs a JWT, and IAM exchanges the JWT for an
//! IAM token.
//!
//! For programs outside Yandex Cloud that cannot have a workload identity. The key has no expiry: keep its file where
//! no other user can read it, and prefer the metadata service or workload identity where one is available.
//!
//! Variables: `YC_SERVICE_ACCOUNT_KEY_FILE`, a path or the JSON itself; `YC_API_ENDPOINT` for the discovery endpoint.
//! Errors: `NotConfigured` if the variable is not set, `Invalid` for a key that is missing or cannot be used, `Refused`
//! if IAM refuses, `Blocked` if the JWT would go to a foreign host.

mod exchange;
mod key_file;
mod loader;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(feature = "profile")]
pub(super) use self::exchange::exchange_key;
use self::exchange::{Exchange, JWT_LIFE};
#[cfg(all(feature = "profile", feature = "shared-cache"))]
pub(super) use self::key_file::KeyParts;
pub(super) use self::key_file::ServiceAccountKey;
use self::loader::KeyLoader;
use super::options::duration_options;
use super::sealed::Sealed;
use super::secret_file::{SecretFile, WRITTEN_ONCE};
use super::{Detection, Identity, IdentityField, Method, Provider};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::recognize::{self, KeyOrPath};
use crate::system::{BoxFuture, Pipe, System};
use crate::token::MAX_AGE;
use crate::{Error, ErrorKind};

/// An authorized key of a service account.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, ServiceAccountKeyAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// // The file that `yc iam key create --service-account-name robot -o key.json` writes.
/// let header = Credentials::from(ServiceAccountKeyAuth::from_file("key.json")).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceAccountKeyAuth {
    options: ServiceAccountKeyAuthBuilder,
    /// The key, if `YC_SERVICE_ACCOUNT_KEY_FILE` names a pipe.
    pipe: Pipe,
    /// Whether the log already has the warning about the mode of the file.
    warned: Arc<AtomicBool>,
}

/// The options of [`ServiceAccountKeyAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceAccountKeyAuthBuilder {
    source: KeySource,
    audience: Option<String>,
    jwt_life: Duration,
    timeout: Duration,
    max_age: Duration,
}

/// Where the key is.
#[derive(Clone, Debug)]
enum KeySource {
    Given(Arc<ServiceAccountKey>),
    File(SecretFile),
    Variable,
}

impl ServiceAccountKeyAuth {
    /// The variable that automatic selection reads: a path, or the JSON of the key.
    pub const VARIABLE: &'static str = "YC_SERVICE_ACCOUNT_KEY_FILE";

    /// A given key: the JSON that `yc iam key create` writes, or the response of the REST API.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the JSON is not such a key, with the reason. The error shows nothing of the key.
    pub fn new(json: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder(json)?.build())
    }

    /// The key in a file. The file is read for each exchange, so a new key is used at the next refresh. This call does
    /// not read the file.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::builder_from_file(path).build()
    }

    /// A key, or the path of its file: the values that `YC_SERVICE_ACCOUNT_KEY_FILE` and `--key-file` take. The key can be
    /// in base64, in quotes, or alone in a list or an object of JSON. This call does not read the file.
    ///
    /// ```
    /// use yandex_cloud_auth::ServiceAccountKeyAuth;
    ///
    /// assert!(ServiceAccountKeyAuth::from_path_or_json("/run/secrets/key.json").is_ok());
    /// let error = ServiceAccountKeyAuth::from_path_or_json("~/key.json").unwrap_err();
    /// assert!(error.reason().contains("only a shell"));
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the value is neither, or the key cannot be used. The error shows nothing of the key.
    pub fn from_path_or_json(value: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder_from_path_or_json(value)?.build())
    }

    /// The key in `YC_SERVICE_ACCOUNT_KEY_FILE`: a path, or the JSON. The variable is read once, at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self::builder_from_env().build()
    }

    /// A given key, with options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn builder(json: impl AsRef<str>) -> Result<ServiceAccountKeyAuthBuilder, Error> {
        let key =
            ServiceAccountKey::parse(json.as_ref()).map_err(|error| error.of(Method::ServiceAccountKey))?;
        Ok(ServiceAccountKeyAuthBuilder::new(KeySource::Given(Arc::new(key))))
    }

    /// The key in a file, with options.
    pub fn builder_from_file(path: impl Into<PathBuf>) -> ServiceAccountKeyAuthBuilder {
        ServiceAccountKeyAuthBuilder::new(KeySource::File(
            SecretFile::new(path, "key file").help_if_missing(WRITTEN_ONCE),
        ))
    }

    /// A key, or the path of its file, with options.
    ///
    /// # Errors
    /// As [`from_path_or_json`](Self::from_path_or_json).
    pub fn builder_from_path_or_json(value: impl AsRef<str>) -> Result<ServiceAccountKeyAuthBuilder, Error> {
        let value = recognize::key_or_path(value.as_ref());
        match value.map_err(|error| error.of(Method::ServiceAccountKey))? {
            KeyOrPath::Key(key) => Self::builder(key.as_str()),
            KeyOrPath::Path(path) => Ok(Self::builder_from_file(path.as_str())),
        }
    }

    /// The key in `YC_SERVICE_ACCOUNT_KEY_FILE`, with options.
    pub fn builder_from_env() -> ServiceAccountKeyAuthBuilder {
        ServiceAccountKeyAuthBuilder::new(KeySource::Variable)
    }
}

impl ServiceAccountKeyAuthBuilder {
    fn new(source: KeySource) -> Self {
        Self { source, audience: None, jwt_life: JWT_LIFE, timeout: iam::TIMEOUT, max_age: MAX_AGE }
    }

    /// The audience of the JWT. By default the URL of the exchange, such as
    /// `https://iam.api.cloud.yandex.net/iam/v1/tokens`, as the documentation of Yandex Cloud says. It is not known
    /// whether other regions accept only their own URL.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long a JWT is valid, from now on; 10 min by default, at least 1 s, at most 59 min. A JWT is dated 1 min back
    /// for a server whose clock is behind, and that minute counts in the hour that IAM allows.
    pub fn jwt_life(mut self, life: Duration) -> Self {
        self.jwt_life = life;
        self
    }

    duration_options! {
        timeout: "How long discovery and exchange may take together; 10 s.",
        max_age: "How long an IAM token is used before the next exchange; 1 h."
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> ServiceAccountKeyAuth {
        ServiceAccountKeyAuth { options: self, pipe: Pipe::default(), warned: Arc::default() }
    }
}

impl ServiceAccountKeyAuth {
    /// The key, or the file that holds the key. Reads no file.
    fn loader(&self, system: &System) -> Result<KeyLoader, Error> {
        match &self.options.source {
            KeySource::Given(key) => Ok(KeyLoader::Whole(Arc::clone(key))),
            KeySource::File(file) => Ok(KeyLoader::file(file.clone(), &self.warned)),
            KeySource::Variable => match system.variable(Self::VARIABLE)? {
                None => Err(Error::new(ErrorKind::NotConfigured, "the variable is not set")
                    .at(Self::VARIABLE)
                    .with_help(format!("set {} to the path of a key file, or to its JSON", Self::VARIABLE))),
                Some(value) => match recognize::key_or_path(&value) {
                    Ok(KeyOrPath::Key(key)) => {
                        let key = ServiceAccountKey::parse(&key);
                        key.map(|key| KeyLoader::Whole(Arc::new(key)))
                    }
                    Ok(KeyOrPath::Path(path)) => {
                        let file = SecretFile::new(path.as_str(), Self::VARIABLE);
                        let file = file.help_if_missing(WRITTEN_ONCE).with_pipe(&self.pipe);
                        Ok(KeyLoader::file(file, &self.warned))
                    }
                    Err(error) => Err(error),
                }
                .map_err(|error| error.at(Self::VARIABLE)),
            },
        }
    }

    fn exchange(&self, system: &System) -> Result<Exchange, Error> {
        let options = &self.options;
        let key = self.loader(system)?;
        let iam = Iam::new(&Installation::of(system)?, options.timeout, "the JWT")?;
        let audience = options.audience.clone();
        Ok(Exchange { key, iam, audience, jwt_life: options.jwt_life, max_age: options.max_age })
    }

    /// If the variable is set, the slot is selected or invalid, never absent: without the file the program must not get
    /// another identity.
    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let exchange = self.exchange(system)?;
        let key = exchange.key.key_within(exchange.iam.timeout(), system).await?;
        let reason = match exchange.key.warning(system).await {
            Some(warning) => format!("set, for {}; {warning}", key.service_account_id),
            None => format!("set, for {}", key.service_account_id),
        };
        Ok(Detection::Found { provider: Provider::Source(Arc::new(exchange)), first: None, reason })
    }
}

impl Sealed for ServiceAccountKeyAuth {
    fn method(&self) -> Method {
        Method::ServiceAccountKey
    }

    fn location(&self, _system: &System) -> String {
        match &self.options.source {
            KeySource::Given(_) => "given value".to_owned(),
            KeySource::File(file) => file.location(),
            KeySource::Variable => Self::VARIABLE.to_owned(),
        }
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.exchange(system)?)))
    }

    fn explicit_reason<'a>(&'a self, system: &'a System) -> BoxFuture<'a, String> {
        Box::pin(async move {
            let warning = match &self.options.source {
                KeySource::File(file) => file.mode_warning(system).await,
                _ => None,
            };
            warning.map_or_else(|| "given".to_owned(), |warning| format!("given; {warning}"))
        })
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let mut identity = Identity::of(self.method());
            let key = async { self.loader(system)?.key_within(self.options.timeout, system).await };
            match key.await {
                Ok(key) => {
                    identity.subject_id = Some(key.service_account_id.clone());
                    identity.key_id = Some(key.id.clone());
                }
                Err(error) => {
                    identity = identity.without_answer(&[IdentityField::Subject], error.to_string());
                }
            }
            identity
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}
