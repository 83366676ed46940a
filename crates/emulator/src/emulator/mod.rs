//! A running emulator: its addresses, its state and its end. Its credentials are in `credentials.rs`.

mod addresses;
mod builder;
mod credentials;
mod machine;
mod models;
mod variables;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::builder::Builder;
pub use self::variables::Variable;
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
    /// The `host:port` of each port for clients.
    pub(crate) api_authority: String,
    pub(crate) metadata_authority: String,
    pub(crate) ca_pem: Option<String>,
    pub(crate) api_key: String,
    pub(crate) oauth_token: String,
    pub(crate) new_oauth_token: String,
}

pub(crate) enum Running {
    Tasks(Vec<JoinHandle<()>>),
    Thread(Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>),
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

    /// The address that the API port is bound to. Clients use [`api_url`](Self::api_url).
    #[must_use]
    pub fn api_addr(&self) -> SocketAddr {
        self.instance.api_addr
    }

    /// The URL of the API port, without a path: `http://127.0.0.1:PORT`, or `https://` with TLS.
    ///
    /// The URL is the API endpoint: endpoint discovery is at `/endpoints`, and returns this port for every service.
    ///
    /// For an address outside loopback, the host is the first [`Builder::host_name`](crate::Builder::host_name). Without
    /// one it is the address, or the address of this machine if the port is bound to `0.0.0.0` or `[::]`.
    #[must_use]
    pub fn api_url(&self) -> String {
        let scheme = if self.instance.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.instance.api_authority)
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

    /// The URL of the exchange of OIDC tokens (RFC 8693), with the path `/oauth/token`. `YC_OAUTH_ENDPOINT` has no path:
    /// its value is [`api_url`](Self::api_url).
    #[must_use]
    pub fn oauth_url(&self) -> String {
        format!("{}/oauth/token", self.api_url())
    }

    /// The address that the metadata service is bound to. On loopback it is the value of `YC_METADATA_ADDR`.
    #[must_use]
    pub fn metadata_addr(&self) -> SocketAddr {
        self.instance.metadata_addr
    }

    /// The URL of the metadata service, without a path. Its host follows the rule of [`api_url`](Self::api_url).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// assert_eq!(emulator.metadata_url(), format!("http://{}", emulator.metadata_addr()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("http://{}", self.instance.metadata_authority)
    }

    /// The certificate authority of the API port's certificate, in PEM. `None` without TLS.
    ///
    /// The certificate is valid for `localhost`, `127.0.0.1`, `::1`, the host of [`api_url`](Self::api_url), and the
    /// names of [`Builder::host_name`](crate::Builder::host_name).
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
            .field("metadata", &self.instance.metadata_authority)
            .finish_non_exhaustive()
    }
}
