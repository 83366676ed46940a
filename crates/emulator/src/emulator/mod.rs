//! A running emulator: its addresses, its state and its end. Its credentials are in `credentials.rs`.

mod builder;
mod credentials;
mod machine;
mod models;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::builder::Builder;
use crate::clock::VirtualClock;
use crate::cloud::Cloud;
use crate::counters::Counters;
use crate::faults::Faults;

/// A running Yandex Cloud on loopback. Dropping the emulator closes its ports.
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
    instance: Instance,
    running: Running,
}

/// The state of an emulator and the addresses of its ports.
pub(crate) struct Instance {
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

/// An environment variable that points a program at the emulator. [`Emulator::env`] returns all variables.
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
    /// The purpose of the variable, for people.
    pub comment: &'static str,
}

impl Emulator {
    /// Starts an emulator with the default options on the current tokio runtime.
    ///
    /// # Errors
    /// No port of 127.0.0.1 is available.
    ///
    /// # Cancel safety
    /// Dropping the future closes the ports. No emulator keeps running.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts an emulator with the default options on a new thread, for programs without a runtime.
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
    /// No port of 127.0.0.1 is available, or the thread cannot be created.
    pub fn start_in_thread() -> io::Result<Self> {
        Self::builder().start_in_thread()
    }

    /// Returns a builder with the default options.
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

    pub(crate) fn new(instance: Instance, running: Running) -> Self {
        Self { instance, running }
    }

    /// The address of the API port.
    #[must_use]
    pub fn api_addr(&self) -> SocketAddr {
        self.instance.api_addr
    }

    /// The URL of the API port, without a path: `http://127.0.0.1:PORT`, or `https://` with TLS.
    ///
    /// The URL is the API endpoint: endpoint discovery is at `/endpoints`, and returns this port for every service.
    #[must_use]
    pub fn api_url(&self) -> String {
        let scheme = if self.instance.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.instance.api_addr)
    }

    /// The URL of IAM, without a path. IAM is on the API port; the token path is `/iam/v1/tokens`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// assert_eq!(emulator.iam_url(), emulator.api_url());
    /// assert_eq!(emulator.oauth_url(), format!("{}/oauth/token", emulator.api_url()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn iam_url(&self) -> String {
        self.api_url()
    }

    /// The URL of the exchange of OIDC tokens (RFC 8693), with the path `/oauth/token`: the value of
    /// `YC_OAUTH_ENDPOINT`.
    #[must_use]
    pub fn oauth_url(&self) -> String {
        format!("{}/oauth/token", self.api_url())
    }

    /// The address of the metadata service: the value of `YC_METADATA_ADDR`.
    #[must_use]
    pub fn metadata_addr(&self) -> SocketAddr {
        self.instance.metadata_addr
    }

    /// The certificate authority of the API port's certificate, in PEM. `None` without TLS.
    ///
    /// The certificate is valid for `localhost`, `127.0.0.1`, `::1` and the names of
    /// [`Builder::host_name`](crate::Builder::host_name).
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.instance.ca_pem.as_deref()
    }

    /// The folder of the models.
    #[must_use]
    pub fn folder_id(&self) -> &str {
        &self.instance.cloud.options.folder_id
    }

    /// The service account of [`api_key`](Self::api_key) and [`iam_token`](Self::iam_token).
    #[must_use]
    pub fn service_account_id(&self) -> &str {
        &self.instance.cloud.options.service_account_id
    }

    /// The clock of the emulator.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.instance.cloud.clock.clone()
    }

    /// The faults of the emulator.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.instance.cloud.faults.clone()
    }

    /// The numbers of requests.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.instance.cloud.counters.clone()
    }

    /// Restores the initial state: removes faults, counts, IAM tokens, operations and responses, sets the clock to its
    /// start, and restores revoked API keys and deleted authorized keys.
    pub fn reset(&self) {
        self.instance.cloud.reset();
    }

    /// Stops the emulator and waits until both ports are closed. (Dropping the emulator stops it too, but a port can
    /// stay open for a moment.)
    ///
    /// # Cancel safety
    /// Dropping the future stops the emulator without waiting.
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
                // The port is closed only after the task has dropped its listener.
                let _ = task.await;
            }
        }
    }

    /// The variables that point a program at this emulator. The credentials are alternatives: use one of them, or none
    /// for the metadata service. Exported variables stay set after the emulator stops.
    ///
    /// # Errors
    /// The operating system returns no random bytes for the IAM token.
    pub fn env(&self) -> io::Result<Vec<Variable>> {
        let variable = |name, value, comment| Variable { name, value, comment };
        // An endpoint without a scheme means TLS.
        let endpoint = match self.instance.ca_pem {
            Some(_) => self.instance.api_addr.to_string(),
            None => self.api_url(),
        };
        Ok(vec![
            variable(
                "YC_API_ENDPOINT",
                endpoint,
                "endpoint discovery, which returns all services; for the Python SDK remove http://",
            ),
            variable("YC_METADATA_ADDR", self.instance.metadata_addr.to_string(), "the metadata service"),
            variable("YC_FOLDER_ID", self.folder_id().to_owned(), "the folder of the models"),
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
                    // Dropping the sender stops the thread. It has to come before the join, which waits for the thread.
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
            .field("metadata", &self.instance.metadata_addr)
            .finish_non_exhaustive()
    }
}
