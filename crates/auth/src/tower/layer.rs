//! The layer and its options.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, StatusCode, Uri};

use super::destination::{Allowed, Rules};
use super::replay::NoReplay;
use super::request::{AuthRequest, AuthResponse};
use super::service::AuthService;
use super::timeout::Limit;
use crate::refresh::cached_header::VersionedHeader;
use crate::{Credentials, Error, HeaderOptions};

// By name and not by text, which would be read anew for each answer.
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Puts the credentials' header on each request of the client behind it.
///
/// Cheap to clone; what it wraps shares the credentials. Set the options first, then wrap:
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
/// To `api.cloud.yandex.net`, `api.yandexcloud.kz` and what is below them, and `auth.yandex.cloud`, over TLS. To
/// other hosts where an option says so. A request to anywhere else fails with
/// [`ErrorKind::Blocked`](crate::ErrorKind::Blocked) before the client is called, and no token is fetched for it.
///
/// An `Authorization` that the request already has is the caller's affair: such a request passes untouched, wherever
/// it goes. With the method `none` there is nothing to send, so requests pass as well.
///
/// # What happens when a server refuses
/// An answer with HTTP 401, or with `grpc-status: 16` in its headers, drops the token that was sent. Where the
/// request can be made again ([`replay`](Self::replay)) a fresh token is waited for, and if it is another one, the
/// request is sent once more. A second refusal is returned as it came. So is the first, where the body cannot be
/// made again, or no other token is to be had.
#[derive(Clone)]
#[must_use]
pub struct AuthLayer<R = NoReplay> {
    pub(super) config: Arc<Config>,
    pub(super) replay: R,
}

/// What all services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) credentials: Credentials,
    pub(super) rules: Rules,
    pub(super) replay_limit: usize,
    deadline: Option<Duration>,
    refused_on_forbidden: bool,
}

const REPLAY_LIMIT: usize = 64 << 10;

impl AuthLayer {
    /// A layer that keeps to the library's rules, and replays nothing.
    pub fn new(credentials: Credentials) -> Self {
        let config = Config {
            credentials,
            rules: Rules::default(),
            replay_limit: REPLAY_LIMIT,
            deadline: None,
            refused_on_forbidden: false,
        };
        Self { config: Arc::new(config), replay: NoReplay }
    }
}

impl<R> AuthLayer<R> {
    /// Lets the header go to this host too, over TLS: `host`, at any port, or `host:port`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where it is no host, or a URL with `http://` or a path.
    pub fn allow_host(self, host: impl AsRef<str>) -> Result<Self, Error> {
        let allowed = Allowed::host(host.as_ref())?;
        Ok(self.with_rules(|rules| rules.allowed.push(allowed)))
    }

    /// Lets the header go to every host below this name, over TLS; not to the name itself.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where it is no name of at least two labels.
    pub fn allow_hosts_below(self, domain: impl AsRef<str>) -> Result<Self, Error> {
        let allowed = Allowed::below(domain.as_ref())?;
        Ok(self.with_rules(|rules| rules.allowed.push(allowed)))
    }

    /// Lets the header go to this machine, in plain text too: for an emulator, or a proxy beside the program.
    pub fn allow_loopback(self) -> Self {
        self.with_rules(|rules| rules.loopback = true)
    }

    /// Lets the header go to any host over TLS. Whoever can make the program send a request somewhere then has its
    /// token.
    pub fn danger_send_to_any_host(self) -> Self {
        self.with_rules(|rules| rules.any_host = true)
    }

    /// Lets the header go to allowed hosts without TLS. Whoever is on the way then has the token.
    pub fn danger_allow_plaintext(self) -> Self {
        self.with_rules(|rules| rules.plain_text = true)
    }

    /// Lets requests to hosts that may not have the header go without it, where they would fail. For clients that
    /// speak to others too, and for redirects that are followed in front of the layer.
    pub fn skip_other_hosts(self) -> Self {
        self.with_rules(|rules| rules.skip_other_hosts = true)
    }

    /// Where the client sends requests whose URI names no host, as those of generated gRPC clients do. Without it
    /// they fail.
    ///
    /// The layer cannot see whether that is so: name what the client was made with. The origin is held to the same
    /// rules as any other host.
    pub fn origin(self, origin: Uri) -> Self {
        self.with_rules(|rules| rules.origin = Some(origin))
    }

    /// Waits for a header no longer than this; by default as long as its method may take
    /// ([`HeaderOptions::new`]). A `grpc-timeout`, or the timeout of a request of reqwest's, holds in any case where it
    /// is shorter.
    pub fn deadline(self, span: Duration) -> Self {
        self.with(|config| config.deadline = Some(span))
    }

    /// Takes HTTP 403 and gRPC `PERMISSION_DENIED` for a refusal of the token too. Servers that mean "not you" by it,
    /// as Yandex Cloud's do, are then asked twice.
    pub fn refused_on_forbidden(self) -> Self {
        self.with(|config| config.refused_on_forbidden = true)
    }

    /// How requests are kept for a second sending: [`CloneReplay`](super::CloneReplay) for bodies that are `Clone`,
    /// [`TeeReplay`](super::TeeReplay) for those that stream, [`NoReplay`] for none.
    pub fn replay<N>(self, replay: N) -> AuthLayer<N> {
        AuthLayer { config: self.config, replay }
    }

    /// How many bytes of a body are kept for a second sending, 64 KiB by default; 0 turns replays off.
    pub fn replay_limit(self, bytes: usize) -> Self {
        self.with(|config| config.replay_limit = bytes)
    }

    /// Authorises one request, for a client that the layer is not in front of.
    ///
    /// What holds for a request through the layer holds here: the host is checked first, an `Authorization` that the
    /// request already has is left, and the time that the request carries bounds the wait and is shortened by it. A
    /// refusal is the caller's to see: [`Credentials::invalidate`] drops a token that a server did not want.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`](crate::ErrorKind::Blocked) where the header may not go there; else why there is none.
    /// The request is unchanged then.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request as it was; a fetch that it waits for goes on for others.
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

    /// The credentials that it was made with.
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
    /// How long a header may be waited for, and no longer than `limit` leaves.
    pub(super) fn options(&self, limit: Option<Duration>) -> HeaderOptions {
        let options = HeaderOptions::new();
        match self.deadline.into_iter().chain(limit).min() {
            Some(span) => options.deadline(span),
            None => options,
        }
    }

    /// Puts a header on a request that gets one, and tells which token is in it.
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

    /// A header for this request, waited for where none is at hand; the wait is taken off the request's time.
    async fn header_for(&self, request: &mut impl AuthRequest) -> Result<Option<VersionedHeader>, Error> {
        if let Some(ready) = self.credentials.get_cached() {
            return ready.map(|ready| ready.versioned());
        }
        let limit = Limit::of(request);
        let header = self.get(limit).await?;
        if let Some(limit) = limit {
            limit.shorten(request);
        }
        Ok(header)
    }

    /// Waits for a header.
    pub(super) fn get(&self, limit: Option<Limit>) -> super::future::Wait {
        let (credentials, options) = (self.credentials.clone(), self.options(limit.map(Limit::left)));
        Box::pin(async move { Ok(credentials.get(options).await?.0.versioned()) })
    }

    /// Whether an answer refuses the header.
    #[inline]
    pub(super) fn is_refusal(&self, answer: &impl AuthResponse) -> bool {
        let grpc = |code: &str| answer.headers().get(GRPC_STATUS).is_some_and(|status| status == code);
        let refuses = match answer.status() {
            StatusCode::UNAUTHORIZED => true,
            StatusCode::FORBIDDEN => self.refused_on_forbidden,
            StatusCode::OK => grpc("16") || (self.refused_on_forbidden && grpc("7")),
            _ => false,
        };
        // Whoever a redirect led to did not see the header, and so has nothing to say of it.
        refuses && answer.is_by_addressee(&self.rules)
    }

    /// Drops the token that was sent, where it still is the one at hand.
    pub(super) fn drop_refused(&self, generation: u64) {
        if let Some(current) = self.credentials.snapshot()
            && current.generation() == generation
        {
            self.credentials.invalidate(&current);
        }
    }
}
