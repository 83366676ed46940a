//! `api-key`: an API key of a service account.
//!
//! For AI Studio, SpeechKit, Search API and other services that accept API keys; IAM, Resource Manager and the MCP Hub
//! do not. A key expires only if it was created with an expiry. It is sent unchanged: `Authorization: Api-Key …`.
//!
//! A key in a file is read again every 30 s, in parallel to the calls, and at once if a server refuses the key. If a read
//! finds no key, the current key stays in use.
//!
//! Variables: `YC_API_KEY`, or `YC_API_KEY_FILE` with the path of a file. Errors: `Invalid` if the value is not a key
//! (empty, a token, the JSON of a key), if both variables are set, or if the file does not exist; `NotConfigured` if no
//! variable is set.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::sealed::{Sealed, with_warning};
use super::secret_file::{SecretFile, half_written};
use super::value_source::{Found, READ_TIMEOUT, ValueSource, read};
use super::{Detection, Method, Provider, TokenSource};
use crate::Error;
use crate::recognize;
use crate::secret::Secret;
use crate::system::{BoxFuture, System};
use crate::token::{Life, Token};

/// How soon a new key in a file is read.
const READ_INTERVAL: Duration = Duration::from_secs(30);

/// An API key of a service account.
///
/// ```
/// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
/// let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake-key")?);
/// assert_eq!(credentials.blocking().header()?.unwrap(), "Api-Key AQVN-fake-key");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "APIKeyAuth")]
pub struct ApiKeyAuth {
    source: ValueSource,
}

impl ApiKeyAuth {
    /// The variable that automatic selection reads.
    pub const VARIABLE: &'static str = "YC_API_KEY";

    /// The variable with the path of a file that holds the key.
    pub const FILE_VARIABLE: &'static str = "YC_API_KEY_FILE";

    /// A given key, without white space and quotes around it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value is something else, such as an IAM token or a path.
    /// The error does not show the value.
    pub fn new(key: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self { source: ValueSource::given(key.as_ref(), recognize::api_key, Method::ApiKey)? })
    }

    /// The key in a file, such as a secret of Docker or systemd. The file is read at first use, and again every 30 s.
    ///
    /// ```
    /// use yandex_cloud_auth::testing::TestFiles;
    /// use yandex_cloud_auth::{ApiKeyAuth, Credentials, System};
    ///
    /// let system = System::real().with_files(TestFiles::new([("/run/secrets/api-key", "AQVN-fake-key\n")]));
    /// let credentials = Credentials::from(ApiKeyAuth::from_file("/run/secrets/api-key")).with_system(system);
    /// assert_eq!(credentials.blocking().header()?.unwrap(), "Api-Key AQVN-fake-key");
    /// # Ok::<(), yandex_cloud_auth::Error>(())
    /// ```
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self { source: ValueSource::file(path, "API key file") }
    }

    /// The key in `YC_API_KEY`, or in the file that `YC_API_KEY_FILE` names. The variables are read once, at first use.
    #[must_use]
    pub fn from_env() -> Self {
        Self { source: ValueSource::environment(Self::VARIABLE, Self::FILE_VARIABLE) }
    }

    /// If a variable is set, the slot is selected or invalid, never absent: without the file the program must not get
    /// another identity.
    async fn probe(&self, system: &System) -> Result<Detection, Error> {
        let found = match self.source.find(system, recognize::api_key)? {
            Found::Secret(key) => {
                let provider = Provider::ApiKey(key);
                return Ok(Detection::Found { provider, first: None, reason: "set".to_owned() });
            }
            Found::File(file) => KeyFile::new(file),
        };
        let began = system.clock().now();
        let key = found.read(system).await?;
        let warning = found.file.mode_warning(system).await;
        Ok(Detection::Found {
            provider: Provider::Source(Arc::new(found)),
            first: Some((key, began)),
            reason: with_warning("set, and the file holds an API key", warning.as_deref()),
        })
    }
}

impl Sealed for ApiKeyAuth {
    fn method(&self) -> Method {
        Method::ApiKey
    }

    fn location(&self, system: &System) -> String {
        self.source.location(system)
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(match self.source.find(system, recognize::api_key)? {
            Found::Secret(key) => Provider::ApiKey(key),
            Found::File(file) => Provider::Source(Arc::new(KeyFile::new(file))),
        })
    }

    fn provider_without_io(&self, _system: &System) -> Option<Provider> {
        match &self.source {
            ValueSource::Given(key) => Some(Provider::ApiKey(key.clone())),
            ValueSource::File(_) | ValueSource::Environment { .. } => None,
        }
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Detection, Error>> {
        Box::pin(self.probe(system))
    }
}

/// A file with a key.
struct KeyFile {
    file: SecretFile,
    last: Mutex<Last>,
}

/// The results of the last reads.
#[derive(Default)]
struct Last {
    /// The last key that was taken.
    taken: Option<Secret>,
    /// The last key that was not taken, because it may be a part of one.
    refused: Option<Secret>,
}

impl KeyFile {
    fn new(file: SecretFile) -> Self {
        Self { file, last: Mutex::default() }
    }

    async fn read(&self, system: &System) -> Result<Token, Error> {
        let key = read(&self.file, system, recognize::api_key).await?;
        let key = self.settled(key).map_err(|error| error.at(self.file.location()))?;
        Ok(Token { secret: key, life: Life::Unlimited })
    }

    /// Refuses what may be a part of a key: a key has no end that can be checked, so one that is shorter than the last
    /// is taken only if the next read finds it again.
    fn settled(&self, key: Secret) -> Result<Secret, Error> {
        // Held over the check and the update: two reads at once must see the result of each other.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_shorter = last.taken.as_ref().is_some_and(|taken| key.expose().len() < taken.expose().len());
        if is_shorter && last.refused.as_ref() != Some(&key) {
            last.refused = Some(key);
            return Err(half_written("the file may hold only a part of a key"));
        }
        *last = Last { taken: Some(key.clone()), refused: None };
        Ok(key)
    }
}

impl TokenSource for KeyFile {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(self.read(system))
    }

    fn timeout(&self) -> Duration {
        READ_TIMEOUT
    }

    fn max_age(&self) -> Duration {
        READ_INTERVAL
    }
}
