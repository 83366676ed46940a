//! The running emulator, as the program that started it holds it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::builder::Builder;
use crate::clock::VirtualClock;
use crate::cloud::Cloud;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::federation::github;
use crate::identity::Origin;

/// A Yandex Cloud on loopback; dropping it shuts everything down.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use yandex_cloud_emulator::Emulator;
///
/// let emulator = Emulator::start().await?;
/// assert!(emulator.api_addr().ip().is_loopback());
/// assert!(emulator.api_key().starts_with("AQVN"));
/// # Ok(()) }
/// ```
pub struct Emulator {
    parts: Parts,
    running: Running,
}

/// What an emulator is made of.
pub(crate) struct Parts {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) api_addr: SocketAddr,
    pub(crate) metadata_addr: SocketAddr,
    pub(crate) ca_pem: Option<String>,
    pub(crate) api_key: String,
    pub(crate) oauth_token: String,
    pub(crate) new_oauth_token: String,
}

pub(crate) enum Running {
    Tasks(Vec<JoinHandle<()>>),
    Thread(Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>),
}

/// A variable that points a program at the emulator; see [`Emulator::env`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use yandex_cloud_emulator::Emulator;
///
/// for variable in Emulator::start().await?.env()? {
///     println!("export {}={}  # {}", variable.name, variable.value, variable.comment);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// The name, such as `YC_API_ENDPOINT`.
    pub name: &'static str,
    /// The value.
    pub value: String,
    /// What it does, for a person to read.
    pub comment: &'static str,
}

impl Emulator {
    /// Starts with the default options, on the runtime that this is called on.
    ///
    /// # Errors
    /// When no port of 127.0.0.1 can be had.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts with the default options on a thread of its own, for programs without a runtime.
    ///
    /// ```
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start_in_thread()?;
    /// std::net::TcpStream::connect(emulator.metadata_addr())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// When no port of 127.0.0.1 can be had, or no thread.
    pub fn start_in_thread() -> io::Result<Self> {
        Self::builder().start_in_thread()
    }

    /// The options.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::builder()
    ///     .tls(true)
    ///     .folder_id("b1gtest")
    ///     .token_lifetime(Duration::from_secs(300))
    ///     .start()
    ///     .await?;
    /// assert!(emulator.api_url().starts_with("https://"));
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(parts: Parts, running: Running) -> Self {
        Self { parts, running }
    }

    /// Where the API listens.
    #[must_use]
    pub fn api_addr(&self) -> SocketAddr {
        self.parts.api_addr
    }

    /// The API as a URL: `http://127.0.0.1:PORT`, or `https://` with TLS.
    #[must_use]
    pub fn api_url(&self) -> String {
        let scheme = if self.parts.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.parts.api_addr)
    }

    /// Where the metadata service listens.
    #[must_use]
    pub fn metadata_addr(&self) -> SocketAddr {
        self.parts.metadata_addr
    }

    /// The certificate authority that signed the API's certificate, in PEM; `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.parts.ca_pem.as_deref()
    }

    /// The folder that models are in.
    #[must_use]
    pub fn folder_id(&self) -> &str {
        &self.parts.cloud.options.folder_id
    }

    /// The service account that [`api_key`](Self::api_key) and [`iam_token`](Self::iam_token) stand for.
    #[must_use]
    pub fn service_account_id(&self) -> &str {
        &self.parts.cloud.options.service_account_id
    }

    /// A service account that every subject of this cloud may impersonate, unless
    /// [`Builder::token_creators`] says otherwise.
    #[must_use]
    pub fn impersonated_account_id(&self) -> &str {
        &self.parts.cloud.options.token_creators.impersonated
    }

    /// A second one, which [`impersonated_account_id`](Self::impersonated_account_id) alone may impersonate: for
    /// an impersonation inside another.
    #[must_use]
    pub fn nested_account_id(&self) -> &str {
        &self.parts.cloud.options.token_creators.nested
    }

    /// The audience that an outside issuer's token has to have.
    #[must_use]
    pub fn oidc_audience(&self) -> &str {
        &self.parts.cloud.federation.audience
    }

    /// The outside subject that is linked to [`service_account_id`](Self::service_account_id).
    #[must_use]
    pub fn oidc_subject(&self) -> &str {
        &self.parts.cloud.options.oidc_subject
    }

    /// An OAuth token that IAM exchanges.
    #[must_use]
    pub fn oauth_token(&self) -> &str {
        &self.parts.oauth_token
    }

    /// An OAuth token that IAM refuses, for it was issued on or after 2026-06-01.
    #[must_use]
    pub fn new_oauth_token(&self) -> &str {
        &self.parts.new_oauth_token
    }

    /// An API key of the service account.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.parts.api_key
    }

    /// A new IAM token of the service account, with the lifetime that was set at the start.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn iam_token(&self) -> io::Result<String> {
        self.iam_token_for(self.parts.cloud.options.token_lifetime)
    }

    /// A new IAM token of the service account that lives so long.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn iam_token_for(&self, lifetime: Duration) -> io::Result<String> {
        let issued = self.parts.cloud.issue(Origin::Issued, lifetime);
        issued.map(|issued| issued.token).map_err(io::Error::other)
    }

    /// Another API key of the service account, limited to these scopes.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn api_key_with_scopes(&self, scopes: &[&str]) -> io::Result<String> {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let cloud = &self.parts.cloud;
        cloud.identity.issue_api_key(cloud.service_account(), Some(scopes)).map_err(io::Error::other)
    }

    /// The authorized key of the service account, as the JSON that `yc iam key create --output key.json` writes:
    /// the same whenever it is asked for.
    ///
    /// The first call makes it, which takes a tenth of a second, and up to a few where the crates `crypto-bigint`
    /// and `crypto-primes` are built without optimisation.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let key: serde_json::Value = serde_json::from_str(&emulator.service_account_key()?)?;
    /// assert_eq!(key["service_account_id"], emulator.service_account_id());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn service_account_key(&self) -> io::Result<String> {
        self.parts.cloud.service_account_key().map_err(io::Error::other)
    }

    /// Another authorized key of the service account, new each time, in the same form.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn create_service_account_key(&self) -> io::Result<String> {
        let file = self.parts.cloud.create_service_account_key();
        file.and_then(|file| file.to_json()).map_err(io::Error::other)
    }

    /// Trusts a key that was made elsewhere: the public half of an RSA key of 2048 or 4096 bits, in PEM
    /// (`-----BEGIN PUBLIC KEY-----`), the id that it has here, and the service account that it signs for.
    ///
    /// # Errors
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) when the key cannot be read, an id is empty or longer than 50
    /// bytes, or there is a key of this id.
    pub fn add_service_account_key(
        &self,
        public_key_pem: &str,
        key_id: &str,
        service_account_id: &str,
    ) -> io::Result<()> {
        let added = self.parts.cloud.identity.add_public_key(public_key_pem, key_id, service_account_id);
        added.map_err(|refusal| io::Error::new(io::ErrorKind::InvalidInput, refusal))
    }

    /// Deletes an authorized key, and with it the IAM tokens that were obtained with it. False when there is none.
    pub fn delete_service_account_key(&self, id: &str) -> bool {
        self.parts.cloud.identity.delete_key(id)
    }

    /// A token of the outside issuer, such as a job of GitHub Actions has: it lives for an hour, and `/oauth/token`
    /// exchanges it for the IAM token of [`service_account_id`](Self::service_account_id).
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn oidc_token(&self) -> io::Result<String> {
        self.oidc_token_for(self.oidc_subject(), self.oidc_audience(), Duration::from_secs(3600))
    }

    /// A token of the outside issuer for this subject and this audience, good or not.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn oidc_token_for(&self, subject: &str, audience: &str, lifetime: Duration) -> io::Result<String> {
        let cloud = &self.parts.cloud;
        cloud.issuer.issue(subject, audience, cloud.clock.now(), lifetime).map_err(io::Error::other)
    }

    /// The variables by which a job of GitHub Actions gets its token: `ACTIONS_ID_TOKEN_REQUEST_URL` and
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. That token has the [`oidc_subject`](Self::oidc_subject), the audience that
    /// is asked for, or else the [`oidc_audience`](Self::oidc_audience), and five minutes to live.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let [(_, url), (_, token)] = emulator.github_variables();
    /// println!("curl --header 'Authorization: bearer {token}' '{url}&audience=https://github.com/fake-emulator'");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn github_variables(&self) -> [(String, String); 2] {
        let cloud = &self.parts.cloud;
        github::variables(&self.api_url(), &cloud.github_request_token)
    }

    /// Revokes an IAM token, however it was obtained here.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) for a token that was not issued here.
    pub fn revoke_iam_token(&self, token: &str) -> io::Result<()> {
        let found = self.parts.cloud.identity.revoke_iam(token).is_some();
        found.then_some(()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// [`NotFound`](io::ErrorKind::NotFound) for a key that was not issued here.
    pub fn revoke_api_key(&self, key: &str) -> io::Result<()> {
        let found = self.parts.cloud.identity.revoke_api_key(key);
        found.then_some(()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The emulator's time.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.parts.cloud.clock.clone()
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.parts.cloud.faults.clone()
    }

    /// What was asked.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.parts.cloud.counters.clone()
    }

    /// Back to how it began: no faults, no counts, no IAM tokens, no operations and responses kept, the clock at
    /// its start, revoked API keys and deleted authorized keys good again.
    pub fn reset(&self) {
        self.parts.cloud.reset();
    }

    /// Stops, and returns when both ports are closed. (Dropping stops too, but a port may be open for a moment more.)
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// let address = emulator.api_addr();
    /// emulator.stop().await;
    /// Emulator::builder().listen(address).start().await?;
    /// # Ok(()) }
    /// ```
    pub async fn stop(mut self) {
        if let Running::Tasks(tasks) = &mut self.running {
            for task in tasks.drain(..) {
                task.abort();
                let _ = task.await;
            }
        }
    }

    /// The variables that point a program at this emulator. The credentials are alternatives: choose one,
    /// or none for the metadata service. Exported variables outlive the emulator.
    ///
    /// # Errors
    /// When the system gives no random bytes for the IAM token.
    pub fn env(&self) -> io::Result<Vec<Variable>> {
        let variable = |name, value, comment| Variable { name, value, comment };
        // Without a scheme an endpoint means TLS.
        let endpoint = match self.parts.ca_pem {
            Some(_) => self.parts.api_addr.to_string(),
            None => self.api_url(),
        };
        Ok(vec![
            variable(
                "YC_API_ENDPOINT",
                endpoint,
                "endpoint discovery, and through it all services; for the Python SDK without http://",
            ),
            variable("YC_METADATA_ADDR", self.parts.metadata_addr.to_string(), "the metadata service"),
            variable("YC_FOLDER_ID", self.folder_id().to_owned(), "the folder that models are in"),
            variable("YC_API_KEY", self.api_key().to_owned(), "method api-key"),
            variable("YC_IAM_TOKEN", self.iam_token()?, "method iam-token"),
            variable("YC_OAUTH_TOKEN", self.oauth_token().to_owned(), "method oauth-token"),
        ])
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Tasks(tasks) => tasks.iter().for_each(JoinHandle::abort),
            Running::Thread(thread) => {
                if let Some((stop, thread)) = thread.take() {
                    drop(stop);
                    let _ = thread.join();
                }
            }
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("api", &self.api_url())
            .field("metadata", &self.parts.metadata_addr)
            .finish_non_exhaustive()
    }
}
