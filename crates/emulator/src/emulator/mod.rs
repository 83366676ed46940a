//! The running emulator, as the program that started it holds it. Its credentials are in `credentials.rs`.

mod builder;
mod credentials;

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
    instance: Instance,
    running: Running,
}

/// What an emulator is made of.
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

    pub(crate) fn new(instance: Instance, running: Running) -> Self {
        Self { instance, running }
    }

    /// Where the API listens.
    #[must_use]
    pub fn api_addr(&self) -> SocketAddr {
        self.instance.api_addr
    }

    /// The API as a URL: `http://127.0.0.1:PORT`, or `https://` with TLS.
    #[must_use]
    pub fn api_url(&self) -> String {
        let scheme = if self.instance.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.instance.api_addr)
    }

    /// Where the metadata service listens.
    #[must_use]
    pub fn metadata_addr(&self) -> SocketAddr {
        self.instance.metadata_addr
    }

    /// The certificate authority that signed the API's certificate, in PEM; `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.instance.ca_pem.as_deref()
    }

    /// The folder that models are in.
    #[must_use]
    pub fn folder_id(&self) -> &str {
        &self.instance.cloud.options.folder_id
    }

    /// The service account that [`api_key`](Self::api_key) and [`iam_token`](Self::iam_token) stand for.
    #[must_use]
    pub fn service_account_id(&self) -> &str {
        &self.instance.cloud.options.service_account_id
    }

    /// The emulator's time.
    #[must_use]
    pub fn clock(&self) -> VirtualClock {
        self.instance.cloud.clock.clone()
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.instance.cloud.faults.clone()
    }

    /// What was asked.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.instance.cloud.counters.clone()
    }

    /// Back to how it began: no faults, no counts, no IAM tokens, no operations and responses kept, the clock at
    /// its start, revoked API keys and deleted authorized keys good again.
    pub fn reset(&self) {
        self.instance.cloud.reset();
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
        let endpoint = match self.instance.ca_pem {
            Some(_) => self.instance.api_addr.to_string(),
            None => self.api_url(),
        };
        Ok(vec![
            variable(
                "YC_API_ENDPOINT",
                endpoint,
                "endpoint discovery, and through it all services; for the Python SDK without http://",
            ),
            variable("YC_METADATA_ADDR", self.instance.metadata_addr.to_string(), "the metadata service"),
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
            .field("metadata", &self.instance.metadata_addr)
            .finish_non_exhaustive()
    }
}
