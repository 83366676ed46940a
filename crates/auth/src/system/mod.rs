//! Access to the operating system: environment, clock, HTTP, processes, files. No other module touches it.
//!
//! Each capability is a trait with a real implementation and a test implementation (feature `testing`). A [`System`]
//! holds one implementation of each. Credentials use only the `System` that they were given, so a test or a sandbox
//! replaces the environment, the clock or the transport without changing the process.

mod bounded;
#[cfg(feature = "shared-cache")]
mod cache_store;
mod clock;
#[cfg(feature = "service-account-key")]
mod clock_difference;
mod current_clock;
mod endpoints;
mod environment;
mod file_looks;
mod files;
mod http;
mod loopback;
mod per_process;
mod pipe;
mod process;
mod progress;
mod proxy_name;
mod refusal;
mod shared_work;
mod spawner;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
#[cfg(feature = "service-account-key")]
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

#[cfg(feature = "shared-cache")]
pub use self::cache_store::{CacheFolder, CacheStore, HeldLock};
#[cfg(feature = "shared-cache")]
pub(crate) use self::cache_store::{SharedCacheUse, StoreWork};
pub use self::clock::{Clock, Now, SinceBoot, SystemClock};
#[cfg(feature = "service-account-key")]
pub(crate) use self::clock_difference::ClockDifference;
use self::current_clock::CurrentClock;
pub use self::endpoints::Endpoints;
pub use self::environment::{Environment, ProcessEnvironment};
use self::file_looks::FileLooks;
pub(crate) use self::file_looks::FileMode;
pub use self::files::{Files, SystemFiles};
#[cfg(feature = "transport")]
pub use self::http::HyperTransport;
#[cfg(any(feature = "tonic", feature = "transport"))]
use self::http::resolver::Resolver;
pub use self::http::{HttpError, HttpFault, HttpOptions, HttpTransport};
pub(crate) use self::loopback::is_loopback;
#[doc(hidden)]
pub use self::per_process::PerProcess;
pub(crate) use self::pipe::Pipe;
pub use self::process::{Command, CommandOutput, Processes, SystemProcesses};
pub(crate) use self::progress::Progress;
#[doc(hidden)]
pub use self::refusal::dropped_work;
#[doc(hidden)]
pub use self::shared_work::SharedWork;
#[doc(hidden)]
pub use self::spawner::new_runtime;
pub use self::spawner::{LibraryThread, Spawner};

/// The rules that every HTTP client of the workspace keeps: trusted authorities, proxies, loopback.
///
/// Hidden: only the SDK needs them, for its own HTTP client.
#[doc(hidden)]
pub mod transport_policy {
    #[cfg(feature = "transport")]
    pub use super::http::connector::Connector;
    #[cfg(feature = "transport")]
    pub use super::http::link::Link;
    #[cfg(feature = "transport")]
    pub use super::http::proxy::{Proxy, ProxyRules};
    pub use super::http::proxy_help;
    #[cfg(any(feature = "tonic", feature = "transport"))]
    pub use super::http::resolver::{Resolver, Unresolved};
    #[cfg(feature = "transport")]
    pub use super::http::roots::{TrustedRoots, parse_pem};
    pub use super::loopback::{NotLoopback, is_loopback};
}

/// The test implementations, one for each capability.
#[cfg(any(test, feature = "testing"))]
pub(crate) mod doubles {
    #[cfg(feature = "shared-cache")]
    pub use super::cache_store::TestCacheStore;
    pub use super::clock::TestClock;
    pub use super::environment::TestEnvironment;
    pub use super::files::TestFiles;
    pub use super::http::{TestHttp, TestReply};
    pub use super::process::{TestProcesses, TestRun};
}

/// A boxed future that can move between threads. The capability traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The looks at files of the real file system, whatever the `System`.
static REAL_LOOKS: LazyLock<Arc<FileLooks>> = LazyLock::new(Arc::default);

/// The operating system as credentials see it: environment, clock, HTTP, processes, files, and where fetches run.
///
/// Cheap to clone. Constructors use [`System::real`] unless they are given another.
///
/// ```
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Credentials, EnvIamTokenAuth, System};
///
/// let system = System::real().with_environment(TestEnvironment::new([("YC_TOKEN", "t1.fake.token")]));
/// let credentials = Credentials::from(EnvIamTokenAuth::new()).with_system(system);
/// assert!(credentials.blocking().header()?.is_some());
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct System {
    environment: Arc<dyn Environment>,
    clock: CurrentClock,
    http: Option<Arc<dyn HttpTransport>>,
    processes: Arc<dyn Processes>,
    files: Arc<dyn Files>,
    looks: Arc<FileLooks>,
    spawner: Arc<dyn Spawner>,
    endpoints: Arc<Endpoints>,
    /// What the credentials that use this system do now; `None` outside of credentials.
    progress: Option<Arc<Progress>>,
    #[cfg(feature = "shared-cache")]
    shared_cache: Option<StoreWork>,
    #[cfg(feature = "shared-cache")]
    shared_cache_use: SharedCacheUse,
    /// How far the clock is off, by the last server that dated a refused JWT.
    #[cfg(feature = "service-account-key")]
    clock_difference: Arc<Mutex<Option<ClockDifference>>>,
}

impl System {
    /// The real operating system. Construction does no I/O: TLS roots, threads and sockets are created on first use.
    #[must_use]
    pub fn real() -> Self {
        let environment: Arc<dyn Environment> = Arc::new(ProcessEnvironment);
        Self {
            #[cfg(feature = "transport")]
            http: Some(Arc::new(HyperTransport::new(Arc::clone(&environment)))),
            #[cfg(not(feature = "transport"))]
            http: None,
            environment,
            clock: CurrentClock::real(),
            processes: Arc::new(SystemProcesses),
            files: Arc::new(SystemFiles),
            looks: Arc::clone(&REAL_LOOKS),
            spawner: Arc::new(LibraryThread),
            endpoints: Arc::default(),
            progress: None,
            #[cfg(feature = "shared-cache")]
            shared_cache: None,
            #[cfg(feature = "shared-cache")]
            shared_cache_use: SharedCacheUse::Normal,
            #[cfg(feature = "service-account-key")]
            clock_difference: Arc::default(),
        }
    }

    /// Replaces the environment. The default transport uses it too, for proxies and `SSL_CERT_FILE`.
    #[must_use]
    pub fn with_environment(mut self, environment: impl Environment) -> Self {
        self.environment = Arc::new(environment);
        if let Some(http) = self.http.as_ref().and_then(|http| http.in_environment(&self.environment)) {
            self.http = Some(http);
        }
        self
    }

    /// Replaces the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = CurrentClock::new(clock);
        #[cfg(feature = "service-account-key")]
        {
            self.clock_difference = Arc::default();
        }
        self
    }

    /// Replaces the HTTP transport.
    #[must_use]
    pub fn with_http(mut self, http: impl HttpTransport) -> Self {
        self.http = Some(Arc::new(http));
        self
    }

    /// Replaces the HTTP transport by the default one that also trusts the authorities that `load` reads.
    ///
    /// Hidden: only the SDK needs it, whose option names a file that must not be read before the first use. `load` may
    /// block; it is called again after a TLS failure.
    #[cfg(feature = "transport")]
    #[doc(hidden)]
    #[must_use]
    pub fn with_root_loader(
        mut self,
        load: impl Fn() -> Result<Vec<rustls_pki_types::CertificateDer<'static>>, HttpError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let transport = HyperTransport::new(Arc::clone(&self.environment)).with_root_loader(load);
        self.http = Some(Arc::new(transport));
        self
    }

    /// Opens connections by the rules of this system: those of its transport, or of the default one.
    ///
    /// Hidden: only clients with a pool of their own need it.
    #[cfg(feature = "transport")]
    #[doc(hidden)]
    #[must_use]
    pub fn connector(&self) -> transport_policy::Connector {
        let of_transport = self.http.as_ref().and_then(|http| http.connector());
        of_transport.unwrap_or_else(|| transport_policy::Connector::new(Arc::clone(&self.environment)))
    }

    /// Replaces the way to run programs.
    #[must_use]
    pub fn with_processes(mut self, processes: impl Processes) -> Self {
        self.processes = Arc::new(processes);
        self
    }

    /// Replaces the file system.
    #[must_use]
    pub fn with_files(mut self, files: impl Files) -> Self {
        self.files = Arc::new(files);
        self.looks = Arc::default();
        self
    }

    /// Replaces the place where fetches run, which is the library's own thread by default.
    #[must_use]
    pub fn with_spawner(mut self, spawner: impl Spawner) -> Self {
        self.spawner = Arc::new(spawner);
        self
    }

    /// With the addresses of Yandex Cloud given in code, for everything that runs on this system.
    ///
    /// ```
    /// use yandex_cloud_auth::{Endpoints, System};
    /// let system = System::real().with_endpoints(Endpoints::new().api("api.yandexcloud.kz"));
    /// assert_eq!(*system.endpoints(), Endpoints::new().api("api.yandexcloud.kz"));
    /// ```
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Arc::new(endpoints);
        self
    }

    /// Records how far the clock is off, for reports; `None` where a server has taken a time of this clock.
    #[cfg(feature = "service-account-key")]
    pub(crate) fn record_clock_difference(&self, difference: Option<ClockDifference>) {
        *self.clock_difference.lock().unwrap_or_else(PoisonError::into_inner) = difference;
    }

    /// What a person has to know about the clock; `None` where nothing shows that it is wrong.
    pub(crate) fn clock_warning(&self) -> Option<String> {
        #[cfg(feature = "service-account-key")]
        {
            let difference = *self.clock_difference.lock().unwrap_or_else(PoisonError::into_inner);
            difference.map(ClockDifference::warning)
        }
        #[cfg(not(feature = "service-account-key"))]
        None
    }

    /// The environment.
    #[must_use]
    pub fn environment(&self) -> &dyn Environment {
        &*self.environment
    }

    /// The HTTP transport.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`](crate::ErrorKind::NotConfigured) where the feature `transport` is off and no
    /// transport was given.
    pub fn http(&self) -> Result<&dyn HttpTransport, crate::Error> {
        self.http.as_deref().ok_or_else(|| {
            crate::Error::new(
                crate::ErrorKind::NotConfigured,
                "no HTTP transport: the feature `transport` is off",
            )
            .with_help("enable the feature `transport`, or set a transport with `System::with_http`")
        })
    }

    /// How the names of hosts are resolved, for a client that is not the transport.
    #[cfg(any(feature = "tonic", feature = "transport"))]
    #[doc(hidden)]
    #[must_use]
    pub fn resolver(&self) -> Resolver {
        self.http.as_ref().map_or_else(Resolver::default, |http| http.resolver())
    }

    /// The way to run programs.
    #[must_use]
    pub fn processes(&self) -> &dyn Processes {
        &*self.processes
    }

    /// The file system.
    #[must_use]
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The place where fetches run.
    #[must_use]
    pub fn spawner(&self) -> &dyn Spawner {
        &*self.spawner
    }

    /// The addresses of Yandex Cloud that were given in code.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Reads a file of at most `limit` bytes. A file that hangs holds one thread, however many callers wait for it. A pipe
    /// is read once: `pipe` keeps its content.
    pub(crate) async fn read_file(
        &self,
        path: &std::path::Path,
        limit: usize,
        pipe: &Pipe,
    ) -> std::io::Result<Zeroizing<Vec<u8>>> {
        self.looks.read(&self.files, path, limit, pipe).await
    }

    /// Whether a file or a folder exists.
    pub(crate) async fn exists(&self, path: &str) -> bool {
        self.looks.exists(&self.files, std::path::Path::new(path)).await
    }

    /// Whether a program can be run.
    pub(crate) async fn is_executable(&self, path: &std::path::Path) -> bool {
        self.looks.is_executable(&self.files, path).await
    }

    /// Who may read a file.
    pub(crate) async fn file_mode(&self, path: &std::path::Path) -> Option<FileMode> {
        self.looks.mode(&self.files, path).await
    }

    /// Runs `work` for at most `limit` by the system's clock. `None` if the time ran out; `work` is dropped then.
    pub(crate) async fn within<T>(
        &self,
        limit: std::time::Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut timer = self.clock().sleep(limit);
        std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(done) = work.as_mut().poll(context) {
                return std::task::Poll::Ready(Some(done));
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}

impl Default for System {
    fn default() -> Self {
        Self::real()
    }
}

impl fmt::Debug for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("System").finish_non_exhaustive()
    }
}
