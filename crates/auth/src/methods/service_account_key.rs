//! `service-account-key`: an authorized key of a service account, by which a JWT is signed and exchanged for IAM tokens.
//!
//! For programs outside Yandex Cloud that cannot have a workload identity. The key does not end by itself: keep its file
//! where nobody else can read it, and prefer the metadata service or workload identity where there is one.
//!
//! Variables: `YC_SERVICE_ACCOUNT_KEY_FILE`, a path, or the JSON itself; `YC_API_ENDPOINT` for the discovery endpoint.
//! Errors: `NotConfigured` where the variable is not set, `Invalid` for a key that is missing or cannot be used,
//! `Refused` where IAM says no, `Blocked` where the JWT would go to a foreign host.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ring::digest::{Digest, SHA256, digest};

use super::file::{NamedFile, unread};
use super::key_file::{MAX_FILE, ServiceAccountKey};
use super::sealed::Sealed;
use super::{Detection, Identity, Method, Provider, TokenSource};
use crate::cloud::iam::{self, Iam};
use crate::cloud::installation::Installation;
use crate::cloud::jwt::{self, Claims};
use crate::system::{BoxFuture, System};
use crate::token::{MAX_AGE, Token};
use crate::{Error, ErrorKind};

/// How long to look at the mode of a file, which says nothing that could not be done without.
const MODE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a JWT is good for. It is used at once, so that this is for clocks that differ.
const JWT_LIFE: Duration = Duration::from_secs(600);

/// An authorized key of a service account.
///
/// ```no_run
/// use yandex_cloud_auth::{Credentials, ServiceAccountKeyAuth};
/// # async fn example() -> Result<(), yandex_cloud_auth::Error> {
/// // As `yc iam key create --service-account-name robot -o key.json` writes it.
/// let header = Credentials::from(ServiceAccountKeyAuth::from_file("key.json")).header().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceAccountKeyAuth {
    options: ServiceAccountKeyAuthBuilder,
    /// It has been said in the log that everybody can read the file.
    warned: Arc<AtomicBool>,
}

/// What can vary about [`ServiceAccountKeyAuth`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceAccountKeyAuthBuilder {
    written: Written,
    audience: Option<String>,
    jwt_life: Duration,
    timeout: Duration,
    max_age: Duration,
}

/// Where the key is.
#[derive(Clone, Debug)]
enum Written {
    Given(Arc<ServiceAccountKey>),
    File(NamedFile),
    Variable,
}

impl ServiceAccountKeyAuth {
    /// The variable that automatic selection reads: a path, or the JSON of the key.
    pub const VARIABLE: &'static str = "YC_SERVICE_ACCOUNT_KEY_FILE";

    /// A given key: the JSON that `yc iam key create` writes, or that the REST API answers.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is no such key, with what is wrong. Nothing of the key is shown.
    pub fn new(json: impl AsRef<str>) -> Result<Self, Error> {
        Ok(Self::builder(json)?.build())
    }

    /// The key in a file, which is read again for each exchange: a new key in it is seen. Nothing is looked at yet.
    #[must_use]
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::builder_from_file(path).build()
    }

    /// The key that `YC_SERVICE_ACCOUNT_KEY_FILE` names or holds. The variable is read at first use, once.
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
        Ok(ServiceAccountKeyAuthBuilder::new(Written::Given(Arc::new(key))))
    }

    /// The key in a file, with options.
    pub fn builder_from_file(path: impl Into<PathBuf>) -> ServiceAccountKeyAuthBuilder {
        ServiceAccountKeyAuthBuilder::new(Written::File(NamedFile::new(path, "key file")))
    }

    /// The key that `YC_SERVICE_ACCOUNT_KEY_FILE` names or holds, with options.
    pub fn builder_from_env() -> ServiceAccountKeyAuthBuilder {
        ServiceAccountKeyAuthBuilder::new(Written::Variable)
    }
}

impl ServiceAccountKeyAuthBuilder {
    fn new(written: Written) -> Self {
        Self { written, audience: None, jwt_life: JWT_LIFE, timeout: iam::TIMEOUT, max_age: MAX_AGE }
    }

    /// The audience of the JWT. By default the URL that it is exchanged at, such as
    /// `https://iam.api.cloud.yandex.net/iam/v1/tokens`: what Yandex Cloud's documentation says. Whether other regions
    /// take that of theirs alone is not known.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How long a JWT is good for, from now on; 10 min, 1 s at the least, and 59 min at the most. It is dated 1 min back,
    /// for a server whose clock is behind, and that minute is a part of the hour that IAM allows.
    pub fn jwt_life(mut self, life: Duration) -> Self {
        self.jwt_life = life;
        self
    }

    /// How long discovery and exchange may take together; 10 s.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long an IAM token is used without another exchange; 1 h.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// The method.
    #[must_use]
    pub fn build(self) -> ServiceAccountKeyAuth {
        ServiceAccountKeyAuth { options: self, warned: Arc::default() }
    }
}

impl ServiceAccountKeyAuth {
    /// The key where it is written, so far as that takes no look at a file.
    fn held(&self, system: &System) -> Result<Held, Error> {
        match &self.options.written {
            Written::Given(key) => Ok(Held::Whole(Arc::clone(key))),
            Written::File(file) => Ok(self.held_in(file.clone())),
            Written::Variable => match system.variable(Self::VARIABLE)? {
                None => Err(Error::new(ErrorKind::NotConfigured, "the variable is not set")
                    .at(Self::VARIABLE)
                    .with_help(format!("set {} to the path of a key file, or to its JSON", Self::VARIABLE))),
                Some(value) if value.starts_with('{') => {
                    let key = ServiceAccountKey::parse(&value).map_err(|error| error.at(Self::VARIABLE))?;
                    Ok(Held::Whole(Arc::new(key)))
                }
                Some(_) => NamedFile::from_variable(Self::VARIABLE, system).map(|file| self.held_in(file)),
            },
        }
    }

    fn held_in(&self, file: NamedFile) -> Held {
        Held::File { file, last: Mutex::default(), warned: Arc::clone(&self.warned) }
    }

    fn exchange(&self, system: &System) -> Result<Exchange, Error> {
        let options = &self.options;
        let held = self.held(system)?;
        let iam = Iam::new(&Installation::of(system)?, options.timeout, "the JWT")?;
        let audience = options.audience.clone();
        Ok(Exchange { held, iam, audience, jwt_life: options.jwt_life, max_age: options.max_age })
    }

    /// A slot whose variable is set is taken or broken: a file that is not there must not make us somebody else.
    async fn probe(&self, system: &System) -> Detection {
        let exchange = match self.exchange(system) {
            Ok(exchange) => exchange,
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                return Detection::Absent("not set".to_owned());
            }
            Err(error) => return Detection::Invalid(error),
        };
        match system.within(exchange.iam.timeout(), exchange.held.key(system)).await {
            Some(Ok(key)) => {
                let reason = match exchange.held.warning(system).await {
                    Some(warning) => format!("set, for {}; {warning}", key.service_account_id),
                    None => format!("set, for {}", key.service_account_id),
                };
                Detection::Found { provider: Provider::Source(Arc::new(exchange)), first: None, reason }
            }
            Some(Err(error)) => Detection::Invalid(error),
            None => Detection::Invalid(exchange.held.unread(exchange.iam.timeout())),
        }
    }
}

impl Sealed for ServiceAccountKeyAuth {
    fn method(&self) -> Method {
        Method::ServiceAccountKey
    }

    fn location(&self, _system: &System) -> String {
        match &self.options.written {
            Written::Given(_) => "given value".to_owned(),
            Written::File(file) => file.location(),
            Written::Variable => Self::VARIABLE.to_owned(),
        }
    }

    fn provider(&self, system: &System) -> Result<Provider, Error> {
        Ok(Provider::Source(Arc::new(self.exchange(system)?)))
    }

    fn explicit_reason<'a>(&'a self, system: &'a System) -> BoxFuture<'a, String> {
        Box::pin(async move {
            let warning = match &self.options.written {
                Written::File(file) => open_to_all(file.path(), system).await,
                _ => None,
            };
            warning.map_or_else(|| "given".to_owned(), |warning| format!("given; {warning}"))
        })
    }

    fn identity<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Identity> {
        Box::pin(async move {
            let mut identity = Identity::of(self.method());
            let held = match self.held(system) {
                Ok(held) => held,
                Err(error) => return identity.remark(error.to_string()),
            };
            match system.within(self.options.timeout, held.key(system)).await {
                Some(Ok(key)) => {
                    identity.subject_id = Some(key.service_account_id.clone());
                    identity.key_id = Some(key.id.clone());
                    identity
                }
                Some(Err(error)) => identity.remark(error.to_string()),
                None => identity.remark(held.unread(self.options.timeout).to_string()),
            }
        })
    }

    fn detect<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Detection> {
        Box::pin(self.probe(system))
    }
}

/// A key, or the file that it is read from again and again.
enum Held {
    Whole(Arc<ServiceAccountKey>),
    File {
        file: NamedFile,
        /// What was read last, by its hash, and the key in it: to read an RSA key anew is dear.
        last: Mutex<Option<(Digest, Arc<ServiceAccountKey>)>>,
        warned: Arc<AtomicBool>,
    },
}

impl Held {
    async fn key(&self, system: &System) -> Result<Arc<ServiceAccountKey>, Error> {
        let (file, last, warned) = match self {
            Self::Whole(key) => return Ok(Arc::clone(key)),
            Self::File { file, last, warned } => (file, last, warned),
        };
        let text = file.read(system, MAX_FILE, ErrorKind::Invalid).await?;
        let hash = digest(&SHA256, text.as_bytes());
        let known = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, key)) = known.filter(|(of, _)| of.as_ref() == hash.as_ref()) {
            return Ok(key);
        }
        let key = ServiceAccountKey::parse(&text).map(Arc::new).map_err(|error| error.at(file.location()))?;
        let before = last.lock().unwrap_or_else(PoisonError::into_inner).replace((hash, Arc::clone(&key)));
        if let Some((_, before)) = before
            && before.service_account_id != key.service_account_id
        {
            let (now, before) = (&key.service_account_id, &before.service_account_id);
            tracing::warn!(
                file = file.location(),
                "the key is of the service account {now} now; it was of {before}"
            );
        }
        if let Some(warning) = open_to_all(file.path(), system).await
            && !warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(file = file.location(), "{warning}");
        }
        Ok(key)
    }

    async fn warning(&self, system: &System) -> Option<String> {
        match self {
            Self::Whole(_) => None,
            Self::File { file, .. } => open_to_all(file.path(), system).await,
        }
    }

    /// The error of a file that is not read in time.
    fn unread(&self, limit: Duration) -> Error {
        match self {
            Self::Whole(_) => unread(limit),
            Self::File { file, .. } => unread(limit).at(file.location()),
        }
    }
}

/// What is to be said of a key that everybody on the machine can read.
async fn open_to_all(path: &Path, system: &System) -> Option<String> {
    let mode = system.within(MODE_TIMEOUT, system.file_mode(path)).await??;
    (mode & 0o004 != 0)
        .then(|| format!("every user of this machine can read the key (mode {mode:04o}); `chmod 600` it"))
}

/// The source: a key, and the IAM that it is exchanged at.
struct Exchange {
    held: Held,
    iam: Iam,
    audience: Option<String>,
    jwt_life: Duration,
    max_age: Duration,
}

impl TokenSource for Exchange {
    fn fetch<'a>(&'a self, system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            let key = self.held.key(system).await?;
            exchange(&key, &self.iam, self.audience.as_deref(), self.jwt_life, system).await
        })
    }

    fn timeout(&self) -> Duration {
        self.iam.timeout()
    }

    fn max_age(&self) -> Duration {
        self.max_age
    }
}

/// Exchanges a JWT of a key in a profile of yc.
#[cfg(feature = "profile")]
pub(super) async fn exchange_key(
    key: &ServiceAccountKey,
    iam: &Iam,
    system: &System,
) -> Result<Token, Error> {
    exchange(key, iam, None, JWT_LIFE, system).await
}

async fn exchange(
    key: &ServiceAccountKey,
    iam: &Iam,
    audience: Option<&str>,
    life: Duration,
    system: &System,
) -> Result<Token, Error> {
    let sign = |url: String| {
        let claims = Claims {
            key_id: &key.id,
            issuer: &key.service_account_id,
            audience: audience.unwrap_or(&url),
            now: system.clock().now().wall,
            life,
        };
        jwt::sign(&claims, &key.pair)
    };
    let token = iam.exchange_jwt(sign, system).await;
    token.map_err(|error| explain(error, key, system.clock().now().wall))
}

/// What to do about a refusal.
///
/// Of IAM's words one text is known, that of a missing `kid` (dotnet-sdk#34); what it says of other JWTs is documented
/// nowhere. So its words decide no more than which cause is named first, and every help names them all.
fn explain(error: Error, key: &ServiceAccountKey, now: Duration) -> Error {
    if error.kind() != ErrorKind::Refused {
        return error;
    }
    if matches!(error.status(), Some(404 | 405)) {
        return error.with_help("no IAM answers there: look at YC_API_ENDPOINT, or the endpoint in code");
    }
    let said = error.reason().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let ServiceAccountKey { id, service_account_id: account, .. } = key;
    let gone = format!(
        "the key {id} was deleted, or is of another region \
         (`yc iam key list --service-account-id {account}` shows those that are there)"
    );
    let clock = match i64::try_from(now.as_secs()).map(jiff::Timestamp::from_second) {
        Ok(Ok(now)) => format!("the clock of this machine is wrong (it says {now})"),
        Ok(Err(_)) | Err(_) => "the clock of this machine is wrong".to_owned(),
    };
    let mixed =
        "its `id` or its `private_key` is of another key (make a new one: `yc iam key create`)".to_owned();
    let causes = if says(&["expired", "'exp'", "'iat'", "not yet", "in the future", "clock"]) {
        [clock, gone, mixed]
    } else if says(&["signature", "'iss'", "missing"]) {
        [mixed, gone, clock]
    } else {
        [gone, mixed, clock]
    };
    error.with_help(format!("look for the cause in this order: {}", causes.join("; ")))
}
