//! The options of an emulator, and its start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::{Emulator, Instance, Running};
use crate::clock::VirtualClock;
use crate::cloud::{Cloud, Options};
use crate::federation::{Credential, Federation, ISSUER_PATH, Issuer, Jwks};
use crate::identity::Renewal;
use crate::server::{self, Guard, Port, Server, Tls};

/// Options of an [`Emulator`]; made by [`Emulator::builder`].
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
    /// Its address and its keys.
    oidc_issuer: Option<(String, String)>,
    oidc_audience: String,
    federated_credentials: Vec<Credential>,
    options: Options,
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
    /// Where the API listens: REST, gRPC, the OpenAI-compatible API and control. By default a free port of 127.0.0.1.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where the metadata service listens. By default a free port of 127.0.0.1.
    pub fn metadata_listen(mut self, address: SocketAddr) -> Self {
        self.metadata_listen = address;
        self
    }

    /// Serves the API over TLS, with a certificate authority made at the start ([`Emulator::ca_pem`]).
    /// Metadata is plain HTTP always, as in the cloud. Off by default.
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Allows addresses off loopback: anyone who can reach them gets tokens. Off by default.
    pub fn allow_non_loopback(mut self, allow: bool) -> Self {
        self.allow_non_loopback = allow;
        self
    }

    /// Answers to this host name too, beside `localhost` and addresses; with any port.
    /// For containers that reach each other by name.
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.host_names.push(name.into());
        self
    }

    /// The folder that models are in.
    pub fn folder_id(mut self, id: impl Into<String>) -> Self {
        self.options.folder_id = id.into();
        self
    }

    /// The cloud that the folder is in.
    pub fn cloud_id(mut self, id: impl Into<String>) -> Self {
        self.options.cloud_id = id.into();
        self
    }

    /// The service account that the API key and the metadata service's tokens belong to.
    pub fn service_account_id(mut self, id: impl Into<String>) -> Self {
        self.options.service_account_id = id.into();
        self
    }

    /// The service account that every subject may impersonate, if there is no list of
    /// [`token_creators`](Self::token_creators).
    pub fn impersonated_account_id(mut self, id: impl Into<String>) -> Self {
        self.options.token_creators.impersonated = id.into();
        self
    }

    /// Who may impersonate whom, by ids: the callers that have the role `iam.serviceAccounts.tokenCreator`, each with
    /// the service account that it is for. An account that is named here exists. By default every subject may
    /// impersonate [`Emulator::impersonated_account_id`], which may impersonate [`Emulator::nested_account_id`];
    /// the list replaces both.
    pub fn token_creators<I, S>(mut self, list: I) -> Self
    where
        I: IntoIterator<Item = (S, S)>,
        S: Into<String>,
    {
        let list = list.into_iter().map(|(caller, account)| (caller.into(), account.into()));
        self.options.token_creators.listed = Some(list.collect());
        self
    }

    /// Takes the tokens of another issuer for service accounts', in place of the emulator's own: its address, and
    /// its keys as a JSON Web Key Set (RSA for RS256, P-256 for ES256). What is not such a set fails the start.
    pub fn oidc_issuer(mut self, address: impl Into<String>, jwks: impl Into<String>) -> Self {
        self.oidc_issuer = Some((address.into(), jwks.into()));
        self
    }

    /// The audience that an outside issuer's token has to have: `https://github.com/fake-emulator` by default, as
    /// GitHub names an owner.
    pub fn oidc_audience(mut self, audience: impl Into<String>) -> Self {
        self.oidc_audience = audience.into();
        self
    }

    /// The subject of [`Emulator::oidc_token`], linked to [`Emulator::service_account_id`]:
    /// `repo:fake-emulator/fake-emulator:ref:refs/heads/main` by default.
    pub fn oidc_subject(mut self, subject: impl Into<String>) -> Self {
        self.options.oidc_subject = subject.into();
        self
    }

    /// Links another outside subject to a service account, for which its tokens are exchanged. It has to match
    /// exactly.
    pub fn federated_credential(
        mut self,
        external_subject: impl Into<String>,
        service_account_id: impl Into<String>,
    ) -> Self {
        let (external_subject, service_account_id) = (external_subject.into(), service_account_id.into());
        self.federated_credentials.push(Credential { external_subject, service_account_id });
        self
    }

    /// Whether the virtual machine has a service account; without, its token is a 404. It has by default.
    pub fn attach_service_account(mut self, attach: bool) -> Self {
        self.options.attach_service_account = attach;
        self
    }

    /// How long a new IAM token lives. 12 hours by default.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.options.token_lifetime = lifetime;
        self
    }

    /// When the metadata service makes a new token. By default when under a tenth of its life is left.
    pub fn metadata_renewal(mut self, renewal: Renewal) -> Self {
        self.options.metadata_renewal = renewal;
        self
    }

    /// When the exchange of an OAuth token, or of another proof, makes a new IAM token. By default always;
    /// the real IAM may also give the same one while it is far from its expiry.
    pub fn exchange_renewal(mut self, renewal: Renewal) -> Self {
        self.options.exchange_renewal = renewal;
        self
    }

    /// How long an operation takes, and a response in the background, by the emulator's clock. 2 s by default.
    pub fn operation_delay(mut self, delay: Duration) -> Self {
        self.options.job_timing.delay = delay;
        self
    }

    /// An operation is done when it is asked about for this many times, if the clock has not brought that about
    /// before; for clients whose own clock leaps. By default the clock alone decides.
    pub fn operation_polls(mut self, polls: u32) -> Self {
        self.options.job_timing.polls = Some(polls);
        self
    }

    /// What the clock shows at the start. Real time by default.
    pub fn clock_start(mut self, start: SystemTime) -> Self {
        self.clock_start = Some(start);
        self
    }

    /// Limits [`Emulator::api_key`] to these scopes, such as `yc.ai.languageModels.execute`. By default it may do all.
    pub fn api_key_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.api_key_scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Starts on the runtime that this is called on. The emulator lives until it is dropped, or the runtime is.
    ///
    /// # Errors
    /// An address that cannot be bound, or one off loopback without [`allow_non_loopback`](Self::allow_non_loopback);
    /// keys of an [`oidc_issuer`](Self::oidc_issuer) that cannot be read.
    pub async fn start(self) -> io::Result<Emulator> {
        let (instance, api, metadata) = self.bind().await?;
        let tasks = vec![tokio::spawn(api), tokio::spawn(metadata)];
        Ok(Emulator::new(instance, Running::Tasks(tasks)))
    }

    /// Starts on a thread and a runtime of its own, for programs that have none.
    /// Dropping the emulator stops the thread and waits for its end.
    ///
    /// # Errors
    /// As [`start`](Self::start); also when the thread or the runtime cannot be made.
    pub fn start_in_thread(self) -> io::Result<Emulator> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (report, started) = mpsc::channel::<io::Result<Instance>>();
        // The runtime is made, entered and dropped in the thread, so that the caller may be in one of its own.
        let thread = thread::Builder::new().name("yc-emulator".to_owned()).spawn(move || {
            let start = || -> io::Result<_> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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
        let instance = started.recv().map_err(|_| io::Error::other("the emulator's thread has died"))??;
        Ok(Emulator::new(instance, Running::Thread(Some((stop, thread)))))
    }

    fn federation(&self, own: &Issuer) -> io::Result<Federation> {
        let (issuer, jwks) = match &self.oidc_issuer {
            Some((issuer, jwks)) => (issuer.clone(), jwks.clone()),
            None => (own.url.clone(), own.jwks().to_string()),
        };
        let jwks = Jwks::read(&jwks).ok_or_else(|| {
            let message =
                "the key set of the OIDC issuer is no JSON Web Key Set, or has no RSA and no P-256 key";
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
        let tls = self.tls.then(|| Tls::new(&self.host_names)).transpose()?;
        let api = server::bind(self.listen, self.allow_non_loopback).await?;
        let metadata = server::bind(self.metadata_listen, self.allow_non_loopback).await?;
        let (api_addr, metadata_addr) = (api.local_addr()?, metadata.local_addr()?);

        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuer = Issuer::new(format!("{scheme}://{api_addr}{ISSUER_PATH}")).map_err(io::Error::other)?;
        let federation = self.federation(&issuer)?;
        let clock = self.clock_start.map_or_else(VirtualClock::new, VirtualClock::starting_at);
        let cloud = Cloud::new(self.options, clock, issuer, federation).map_err(io::Error::other)?;
        let cloud = Arc::new(cloud);
        let secret = |made: Result<String, crate::wire::status::Status>| made.map_err(io::Error::other);
        let instance = Instance {
            api_key: secret(cloud.identity.issue_api_key(cloud.service_account(), self.api_key_scopes))?,
            oauth_token: secret(cloud.identity.issue_oauth(cloud.user(), false))?,
            new_oauth_token: secret(cloud.identity.issue_oauth(cloud.user(), true))?,
            ca_pem: tls.as_ref().map(|tls| tls.ca_pem.clone()),
            api_addr,
            metadata_addr,
            cloud: Arc::clone(&cloud),
        };
        let serve = |port: Port, address: SocketAddr, tls| Server {
            cloud: Arc::clone(&cloud),
            port,
            guard: Guard::new(address.port(), self.allow_non_loopback, self.host_names.clone()),
            tls,
        };
        let acceptor = tls.map(|tls| tls.acceptor);
        let api = serve(Port::Api, api_addr, acceptor).run(api);
        let metadata = serve(Port::Metadata, metadata_addr, None).run(metadata);
        Ok((instance, api, metadata))
    }
}
