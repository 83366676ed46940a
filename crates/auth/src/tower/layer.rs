//! The layer and its options.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, StatusCode, Uri};

use super::destination::{Allowed, Decision, Rules};
use super::future::HeaderFuture;
use super::replay::NoReplay;
use super::request::{AuthRequest, AuthResponse};
use super::service::AuthService;
use super::timeout::RequestDeadline;
use crate::refresh::cached_header::VersionedHeader;
use crate::{Credentials, Error, HeaderOptions};

// A constant, so that no response parses the name again.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Adds the credentials' header to each request of the client behind it.
///
/// Cheap to clone. All clients of a layer share the credentials. Set the options first, then wrap the client:
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
/// use yandex_cloud_auth::Credentials;
///
/// let layer = AuthLayer::new(Credentials::automatic())
///     .allow_host("gateway.corp.example")?
///     .deadline(Duration::from_secs(2))
///     .replay(CloneReplay);
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
///
/// # Where the header goes
/// To `api.cloud.yandex.net`, `api.yandexcloud.kz`, the hosts below them, and `auth.yandex.cloud`, over TLS. Options
/// add other hosts. If `YC_API_ENDPOINT`, or [`Endpoints::api`](crate::Endpoints::api) in code, is a loopback address,
/// the header goes to this address too, by its scheme and port, and to no other loopback address: a program meets the
/// emulator without a change. The region of the token does not matter: choose the hosts of a client by the region of its
/// credentials. A request to any other host fails with [`ErrorKind::Blocked`](crate::ErrorKind::Blocked): the layer
/// neither fetches a token for it nor calls the client.
///
/// A request that already has an `Authorization` header passes unchanged to any host: the caller is responsible for it.
/// With the method `none` there is no header, so all requests pass.
///
/// # What happens when a server refuses
/// A response with HTTP 401, or with `grpc-status: 16` in its headers, invalidates the token that was sent. If the
/// request can be made again ([`replay`](Self::replay)), the layer waits for a fresh token and, if it is a different
/// token, sends the request once more. The caller gets the first response if there is no replay, and the second one
/// otherwise, even if it is a refusal too.
#[derive(Clone)]
#[must_use]
pub struct AuthLayer<R = NoReplay> {
    pub(super) config: Arc<Config>,
    pub(super) replay: R,
}

/// The configuration that all services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) credentials: Credentials,
    pub(super) rules: Rules,
    pub(super) replay_limit: usize,
    deadline: Option<Duration>,
    refused_on_forbidden: bool,
}

/// The default of [`AuthLayer::replay_limit`], in bytes.
const REPLAY_LIMIT: usize = 64 << 10;

impl AuthLayer {
    /// A layer with the default rules and without replay. Reads `YC_API_ENDPOINT` from the system of the credentials.
    pub fn new(credentials: Credentials) -> Self {
        let config = Config {
            rules: Rules::on(credentials.system()),
            credentials,
            replay_limit: REPLAY_LIMIT,
            deadline: None,
            refused_on_forbidden: false,
        };
        Self { config: Arc::new(config), replay: NoReplay }
    }
}

impl<R> AuthLayer<R> {
    /// Also sends the header to this host, over TLS: `host`, at any port, or `host:port`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the text is not a host, or is a URL with `http://` or a
    /// path.
    pub fn allow_host(self, host: impl AsRef<str>) -> Result<Self, Error> {
        let allowed = Allowed::host(host.as_ref())?;
        Ok(self.with_rules(|rules| rules.allowed.push(allowed)))
    }

    /// Also sends the header to all hosts below this name, over TLS, but not to the name itself.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the text is not a name of at least two labels.
    pub fn allow_hosts_below(self, domain: impl AsRef<str>) -> Result<Self, Error> {
        let allowed = Allowed::below(domain.as_ref())?;
        Ok(self.with_rules(|rules| rules.allowed.push(allowed)))
    }

    /// Also sends the header to loopback, over TLS or in plain text: for an emulator, or a local proxy.
    pub fn allow_loopback(self) -> Self {
        self.with_rules(|rules| rules.loopback = true)
    }

    /// Sends the header to any host over TLS. Anyone who can make the program send a request to a host of their choice
    /// then gets its token.
    pub fn danger_send_to_any_host(self) -> Self {
        self.with_rules(|rules| rules.any_host = true)
    }

    /// Sends the header to allowed hosts without TLS too. Everyone on the network path can then read the token.
    pub fn danger_allow_plaintext(self) -> Self {
        self.with_rules(|rules| rules.plain_text = true)
    }

    /// Sends requests to other hosts without the header, instead of failing them. For clients that call other services
    /// too, and for redirects that are followed in front of the layer.
    pub fn skip_other_hosts(self) -> Self {
        self.with_rules(|rules| rules.skip_other_hosts = true)
    }

    /// Names the host of a client whose requests name none, such as a generated gRPC client. Without an origin such
    /// requests fail.
    ///
    /// The layer cannot check the client, so give the same address as the client has. The rules for hosts apply to the
    /// origin too.
    pub fn origin(self, origin: Uri) -> Self {
        self.with_rules(|rules| rules.origin = Some(origin))
    }

    /// Limits the wait for a header. The default is the limit of the method ([`HeaderOptions::new`]). A shorter
    /// `grpc-timeout`, or a shorter timeout of a reqwest request, applies too.
    pub fn deadline(self, limit: Duration) -> Self {
        self.with(|config| config.deadline = Some(limit))
    }

    /// Treats HTTP 403 and gRPC `PERMISSION_DENIED` as a refusal of the token too. Yandex Cloud uses them for missing
    /// permissions, so such requests are then sent twice.
    pub fn refused_on_forbidden(self) -> Self {
        self.with(|config| config.refused_on_forbidden = true)
    }

    /// Sets how requests are saved for a replay: [`CloneReplay`](super::CloneReplay) for bodies that are `Clone`,
    /// [`TeeReplay`](super::TeeReplay) for streamed bodies, [`NoReplay`] for no replay.
    pub fn replay<N>(self, replay: N) -> AuthLayer<N> {
        AuthLayer { config: self.config, replay }
    }

    /// Limits how many bytes of a body are saved for a replay: 64 KiB by default. 0 turns replay off.
    pub fn replay_limit(self, bytes: usize) -> Self {
        self.with(|config| config.replay_limit = bytes)
    }

    /// Authorizes one request, for a client that does not use the layer.
    ///
    /// The rules of the layer apply: the host is checked first, an existing `Authorization` header stays, and the
    /// timeout of the request limits the wait and is shortened by it. The layer does not see the response: if a server
    /// refuses the token, call [`Credentials::invalidate`].
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`](crate::ErrorKind::Blocked) where the header must not be sent to the host; otherwise the
    /// reason why there is no header. The request is unchanged then.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request unchanged. A fetch that it waits for continues for other callers.
    ///
    /// ```
    /// use http::Request;
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = AuthLayer::new(Credentials::from(ApiKeyAuth::new("AQVN-fake")?));
    /// let mut request = Request::get("https://ai.api.cloud.yandex.net/v1/models").body(())?;
    /// layer.authorize(&mut request).await?;
    /// assert_eq!(request.headers()["authorization"], "Api-Key AQVN-fake");
    /// # Ok(()) }
    /// ```
    pub async fn authorize<Q: AuthRequest>(&self, request: &mut Q) -> Result<(), Error> {
        self.config.authorize(request).await.map(drop)
    }

    /// Whether a request to this URI gets the header: the rules of the layer alone, for a client that sets the header
    /// itself. False for another host where [`skip_other_hosts`](Self::skip_other_hosts) is set.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`](crate::ErrorKind::Blocked) where the request must not be sent with the header.
    ///
    /// ```
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::{ApiKeyAuth, Credentials};
    ///
    /// let layer = AuthLayer::new(Credentials::from(ApiKeyAuth::new("AQVN-fake")?));
    /// assert!(layer.allows(&"https://ai.api.cloud.yandex.net/v1/models".parse()?)?);
    /// assert!(layer.allows(&"https://api.cloud.yandex.net.example/".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allows(&self, uri: &Uri) -> Result<bool, Error> {
        Ok(self.config.rules.check_destination(uri)? == Decision::Attach)
    }

    /// The credentials of the layer.
    pub fn credentials(&self) -> &Credentials {
        &self.config.credentials
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }

    fn with_rules(self, change: impl FnOnce(&mut Rules)) -> Self {
        self.with(|config| change(&mut config.rules))
    }
}

impl<S, R: Clone> tower_layer::Layer<S> for AuthLayer<R> {
    type Service = AuthService<S, R>;

    fn layer(&self, service: S) -> Self::Service {
        AuthService::new(service, Arc::clone(&self.config), self.replay.clone())
    }
}

impl<R> fmt::Debug for AuthLayer<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(formatter)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthLayer")
            .field("credentials", &self.credentials)
            .field("rules", &self.rules)
            .field("replay_limit", &self.replay_limit)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Options that limit the wait to `left`, if given, and to the deadline of the layer.
    fn options(&self, left: Option<Duration>) -> HeaderOptions {
        let options = HeaderOptions::new();
        match self.deadline.into_iter().chain(left).min() {
            Some(limit) => options.deadline(limit),
            None => options,
        }
    }

    /// The deadline that a request carries, on the clock of the credentials.
    #[inline]
    pub(super) fn deadline_of(&self, request: &impl AuthRequest) -> Option<RequestDeadline> {
        RequestDeadline::of(request, self.credentials.system())
    }

    /// Adds the header to a request, if it gets one. Returns the generation of the token in it.
    pub(super) async fn authorize(&self, request: &mut impl AuthRequest) -> Result<Option<u64>, Error> {
        if !self.wants_header(request)? {
            return Ok(None);
        }
        let Some(VersionedHeader { header, generation }) = self.header_for(request).await? else {
            return Ok(None);
        };
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(Some(generation))
    }

    /// The header for a request. If it has to wait for the header, the timeout of the request is shortened.
    async fn header_for(&self, request: &mut impl AuthRequest) -> Result<Option<VersionedHeader>, Error> {
        if let Some(copy) = self.credentials.thread_copy() {
            let generation = copy.generation;
            return Ok(copy.header().map(|header| VersionedHeader { header, generation }));
        }
        if let Some(ready) = self.credentials.read_shared(VersionedHeader::of) {
            return ready;
        }
        let deadline = self.deadline_of(request);
        let header = self.wait_for_header(deadline).await?;
        self.shorten_timeout(request, deadline);
        Ok(header)
    }

    /// Waits for a header, until the deadline of the request at most.
    pub(super) fn wait_for_header(&self, deadline: Option<RequestDeadline>) -> HeaderFuture {
        let left = deadline.map(|deadline| deadline.left(self.credentials.system()));
        let (credentials, options) = (self.credentials.clone(), self.options(left));
        Box::pin(async move { Ok(credentials.get(options).await?.0.versioned()) })
    }

    /// Sets the timeout of a request to the time left until its deadline.
    pub(super) fn shorten_timeout(&self, request: &mut impl AuthRequest, deadline: Option<RequestDeadline>) {
        if let Some(deadline) = deadline {
            deadline.apply_to(request, self.credentials.system());
        }
    }

    /// Whether a response refuses the token.
    #[inline]
    pub(super) fn is_refusal(&self, response: &impl AuthResponse) -> bool {
        let grpc = |code: &str| response.headers().get(GRPC_STATUS).is_some_and(|status| status == code);
        let refuses = match response.status() {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => self.refused_on_forbidden,
            StatusCode::OK => grpc("16") || (self.refused_on_forbidden && grpc("7")),
            _ => false,
        };
        // After a redirect to another host, that host did not get the header, so its 401 says nothing about the token.
        refuses && response.is_from_allowed_host(&self.rules)
    }

    /// Invalidates the refused token, unless a newer one has replaced it already.
    pub(super) fn invalidate(&self, generation: u64) {
        if let Some(current) = self.credentials.snapshot()
            && current.generation() == generation
        {
            self.credentials.invalidate(&current);
        }
    }
}
