//! The options of an emulator, and how an emulator starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::runtime;
use tokio::sync::oneshot;

use super::{Emulator, Instance, Running, addresses};
use crate::clock::VirtualClock;
use crate::cloud::{Cloud, Options};
use crate::federation::{Credential, Federation, ISSUER_PATH, Issuer, Jwks};
use crate::identity::Renewal;
use crate::server::{self, Guard, Port, Server, Tls};

/// The options of an [`Emulator`]. [`Emulator::builder`] creates a builder.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use std::time::{Duration, UNIX_EPOCH};
/// use yandex_cloud_emulator::{Emulator, Renewal};
///
/// let emulator = Emulator::builder()
///     .folder_id("b1gtest")
///     .token_lifetime(Duration::from_secs(600))
///     .metadata_renewal(Renewal::Below(Duration::from_secs(60)))
///     .clock_start(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
///     .start()
///     .await?;
/// assert_eq!(emulator.folder_id(), "b1gtest");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    metadata_listen: SocketAddr,
    tls: bool,
    allow_non_loopback: bool,
    host_names: Vec<String>,
    clock_start: Option<SystemTime>,
    api_key_scopes: Option<Vec<String>>,
    /// The URL and the keys of another issuer.
    oidc_issuer: Option<(String, String)>,
    oidc_audience: String,
    federated_credentials: Vec<Credential>,
    pub(super) options: Options,
}

impl Default for Builder {
    fn default() -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any_port,
            metadata_listen: any_port,
            tls: false,
            allow_non_loopback: false,
            host_names: Vec::new(),
            clock_start: None,
            api_key_scopes: None,
            oidc_issuer: None,
            oidc_audience: "https://github.com/fake-emulator".to_owned(),
            federated_credentials: Vec::new(),
            options: Options::default(),
        }
    }
}

impl Builder {
    /// Sets the address of the API port: REST, gRPC, the OpenAI-compatible API and control. The default is a free port
    /// of
    /// 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the address of the metadata service. The default is a free port of 127.0.0.1.
    pub fn metadata_listen(mut self, address: SocketAddr) -> Self {
        self.metadata_listen = address;
        self
    }

    /// Serves the API over TLS. The start creates a certificate authority: clients have to trust
    /// [`Emulator::ca_pem`]. The metadata service always uses plain HTTP, as in the cloud. The default is no TLS.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Allows addresses that are not loopback. Everyone who can reach such an address gets tokens. The default is
    /// `false`. [`Emulator::api_url`] and [`Emulator::env`] then have a host that other machines and containers can use.
    pub fn allow_non_loopback(mut self, allow: bool) -> Self {
        self.allow_non_loopback = allow;
        self
    }

    /// Adds a host name under which clients reach the emulator, with any port: a DNS name or an IP address. The emulator
    /// accepts `localhost` and loopback addresses in any case. With TLS, the certificate is valid for the name.
    ///
    /// Use it for containers that connect by name, and for clients whose addresses are fixed in their code. Such a
    /// client has to find the emulator under the name, for example by a line in its hosts file.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::Emulator;
    ///
    /// let emulator = Emulator::builder()
    ///     .tls(true)
    ///     .host_name("iam.api.cloud.yandex.net")
    ///     .host_name("llm.api.cloud.yandex.net")
    ///     .start()
    ///     .await?;
    /// assert!(emulator.api_url().starts_with("https://127.0.0.1:"));
    /// assert!(Emulator::builder().host_name("*.example").start().await.is_err());
    /// # Ok(()) }
    /// ```
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_names.push(name.into());
        self
    }

    /// Sets the folder of the models.
    pub fn folder_id(mut self, id: impl Into<String>) -> Self {
        self.options.folder_id = id.into();
        self
    }

    /// Sets the cloud of the folder.
    pub fn cloud_id(mut self, id: impl Into<String>) -> Self {
        self.options.cloud_id = id.into();
        self
    }

    /// Sets the service account of the API key and of the metadata service's tokens.
    pub fn service_account_id(mut self, id: impl Into<String>) -> Self {
        self.options.service_account_id = id.into();
        self
    }

    /// Sets the service account that every subject may impersonate, if there is no list of
    /// [`token_creators`](Self::token_creators).
    pub fn impersonated_account_id(mut self, id: impl Into<String>) -> Self {
        self.options.token_creators.impersonated = id.into();
        self
    }

    /// Sets who has the role `iam.serviceAccounts.tokenCreator`: pairs of the id of a caller and the id of the service
    /// account that the caller may impersonate. An account in the list exists. Without a list, every subject may
    /// impersonate [`Emulator::impersonated_account_id`], and that account may impersonate
    /// [`Emulator::nested_account_id`]. The list replaces both rules.
    pub fn token_creators<I, S>(mut self, list: I) -> Self
    where
        I: IntoIterator<Item = (S, S)>,
        S: Into<String>,
    {
        let list = list.into_iter().map(|(caller, account)| (caller.into(), account.into()));
        self.options.token_creators.listed = Some(list.collect());
        self
    }

    /// Accepts tokens of another OIDC issuer instead of the emulator's own: the URL of the issuer and its keys as a
    /// JSON Web Key Set (RSA for RS256, P-256 for ES256). An invalid set is an error of the start.
    pub fn oidc_issuer(mut self, address: impl Into<String>, jwks: impl Into<String>) -> Self {
        self.oidc_issuer = Some((address.into(), jwks.into()));
        self
    }

    /// Sets the required audience of an OIDC token. The default is `https://github.com/fake-emulator`, in the format of
    /// GitHub's default audience.
    pub fn oidc_audience(mut self, audience: impl Into<String>) -> Self {
        self.oidc_audience = audience.into();
        self
    }

    /// Sets the subject of [`Emulator::oidc_token`]. The subject is linked to [`Emulator::service_account_id`]. The
    /// default is `repo:fake-emulator/fake-emulator:ref:refs/heads/main`.
    pub fn oidc_subject(mut self, subject: impl Into<String>) -> Self {
        self.options.oidc_subject = subject.into();
        self
    }

    /// Links another OIDC subject to a service account. `/oauth/token` exchanges tokens of the subject for tokens of
    /// the account. The subject has to match exactly.
    pub fn federated_credential(
        mut self,
        external_subject: impl Into<String>,
        service_account_id: impl Into<String>,
    ) -> Self {
        let (external_subject, service_account_id) = (external_subject.into(), service_account_id.into());
        self.federated_credentials.push(Credential { external_subject, service_account_id });
        self
    }

    /// Sets whether the virtual machine has a service account. Without one, the token path returns 404. The default is
    /// `true`.
    pub fn attach_service_account(mut self, attach: bool) -> Self {
        self.options.attach_service_account = attach;
        self
    }

    /// Sets the lifetime of a new IAM token. The default is 12 hours.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.options.token_lifetime = lifetime;
        self
    }

    /// Sets when the metadata service issues a new token. The default is when less than a tenth of the lifetime is
    /// left.
    pub fn metadata_renewal(mut self, renewal: Renewal) -> Self {
        self.options.metadata_renewal = renewal;
        self
    }

    /// Sets when IAM issues a new token for an OAuth token, a JWT or another credential. The default is always. The
    /// real IAM may return the same token again while the token is far from its expiry.
    pub fn exchange_renewal(mut self, renewal: Renewal) -> Self {
        self.options.exchange_renewal = renewal;
        self
    }

    /// Sets how long an operation or a background response takes, by the emulator's clock. The default is 2 s.
    pub fn operation_delay(mut self, delay: Duration) -> Self {
        self.options.job_timing.delay = delay;
        self
    }

    /// Completes an operation at this poll, if the clock has not completed it before. Use it for a client with a clock
    /// of its own. By default only the emulator's clock decides.
    pub fn operation_polls(mut self, polls: u32) -> Self {
        self.options.job_timing.polls = Some(polls);
        self
    }

    /// Sets the time of the clock at the start. The default is the real time.
    pub fn clock_start(mut self, start: SystemTime) -> Self {
        self.clock_start = Some(start);
        self
    }

    /// Limits [`Emulator::api_key`] to these scopes, such as `yc.ai.languageModels.execute`. By default the key has all
    /// scopes.
    pub fn api_key_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.api_key_scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Starts the emulator on the current tokio runtime. The emulator runs until it or the runtime is dropped.
    ///
    /// # Errors
    /// An address cannot be bound, or is not loopback and [`allow_non_loopback`](Self::allow_non_loopback) is not set; a
    /// [`host_name`](Self::host_name) or the keys of an [`oidc_issuer`](Self::oidc_issuer) are invalid.
    ///
    /// # Cancel safety
    /// Dropping the future closes the ports. No emulator keeps running.
    pub async fn start(self) -> io::Result<Emulator> {
        let (instance, api, metadata) = self.bind().await?;
        let tasks = vec![tokio::spawn(api), tokio::spawn(metadata)];
        Ok(Emulator::new(instance, Running::Tasks(tasks)))
    }

    /// Starts the emulator on a new thread with its own runtime, for programs without a runtime. Dropping the emulator
    /// stops the thread and waits until the thread ends.
    ///
    /// # Errors
    /// As [`start`](Self::start); or the thread or the runtime cannot be created.
    pub fn start_in_thread(self) -> io::Result<Emulator> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (report, started) = mpsc::channel::<io::Result<Instance>>();
        // The thread creates, enters and drops the runtime. A thread of the caller's runtime must not do that.
        let thread = thread::Builder::new().name("yc-emulator".to_owned()).spawn(move || {
            let start = || -> io::Result<_> {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                let (instance, api, metadata) = runtime.block_on(self.bind())?;
                Ok((runtime, instance, api, metadata))
            };
            match start() {
                Err(error) => drop(report.send(Err(error))),
                Ok((runtime, instance, api, metadata)) => {
                    drop(report.send(Ok(instance)));
                    runtime.block_on(async move {
                        tokio::select! {
                            () = async { tokio::join!(api, metadata); } => {}
                            _ = stopped => {}
                        }
                    });
                }
            }
        })?;
        let instance = started.recv().map_err(|_| {
            io::Error::other("the thread of the emulator ended before the emulator started")
        })??;
        Ok(Emulator::new(instance, Running::Thread(Some((stop, thread)))))
    }

    fn federation(&self, own: &Issuer) -> io::Result<Federation> {
        let (issuer, jwks) = match &self.oidc_issuer {
            Some((issuer, jwks)) => (issuer.clone(), jwks.clone()),
            None => (own.url.clone(), own.jwks().to_string()),
        };
        let jwks = Jwks::read(&jwks).ok_or_else(|| {
            let message =
                "the key set of the OIDC issuer is not a JSON Web Key Set, or contains neither an RSA key nor a P-256 key";
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        let own = Credential {
            external_subject: self.options.oidc_subject.clone(),
            service_account_id: self.options.service_account_id.clone(),
        };
        let credentials = [vec![own], self.federated_credentials.clone()].concat();
        Ok(Federation { issuer, jwks, audience: self.oidc_audience.clone(), credentials })
    }

    async fn bind(
        self,
    ) -> io::Result<(
        Instance,
        impl Future<Output = ()> + Send + use<>,
        impl Future<Output = ()> + Send + use<>,
    )> {
        let names = self.host_names.iter().map(|name| addresses::host_name(name));
        let names = names.collect::<io::Result<Vec<_>>>()?;
        let api = server::bind(self.listen, self.allow_non_loopback).await?;
        let metadata = server::bind(self.metadata_listen, self.allow_non_loopback).await?;
        let (api_addr, metadata_addr) = (api.local_addr()?, metadata.local_addr()?);
        let api_authority = addresses::reachable(api_addr, &names);
        let metadata_authority = addresses::reachable(metadata_addr, &names);
        let tls = self.tls.then(|| Tls::new(&api_authority, &names)).transpose()?;

        // After the bind, because the URL of the issuer contains the port.
        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuer =
            Issuer::new(format!("{scheme}://{api_authority}{ISSUER_PATH}")).map_err(io::Error::other)?;
        let federation = self.federation(&issuer)?;
        let clock = self.clock_start.map_or_else(VirtualClock::new, VirtualClock::starting_at);
        let cloud = Cloud::new(self.options, clock, issuer, federation).map_err(io::Error::other)?;
        let cloud = Arc::new(cloud);
        let secret = |secret: Result<String, crate::wire::status::Status>| secret.map_err(io::Error::other);
        let instance = Instance {
            api_key: secret(cloud.identity.issue_api_key(cloud.service_account(), self.api_key_scopes))?,
            oauth_token: secret(cloud.identity.issue_oauth(cloud.user(), false))?,
            new_oauth_token: secret(cloud.identity.issue_oauth(cloud.user(), true))?,
            ca_pem: tls.as_ref().map(|tls| tls.ca_pem.clone()),
            api_addr,
            metadata_addr,
            api_authority,
            metadata_authority,
            cloud: Arc::clone(&cloud),
        };
        let serve = |port: Port, address: SocketAddr, tls: Option<_>| Server {
            cloud: Arc::clone(&cloud),
            port,
            guard: Guard::new(address.port(), tls.is_some(), self.allow_non_loopback, names.clone()),
            tls,
        };
        let acceptor = tls.map(|tls| tls.acceptor);
        let api = serve(Port::Api, api_addr, acceptor).run(api);
        let metadata = serve(Port::Metadata, metadata_addr, None).run(metadata);
        Ok((instance, api, metadata))
    }
}
