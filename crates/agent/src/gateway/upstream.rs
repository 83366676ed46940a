//! Which service a request goes to, and under which address.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use yandex_cloud_auth::sdk_internals::{Address, SharedValue, dropped_work};
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{Credentials, Error, ErrorKind, NoAuth};

use super::refusal::Refusal;
use crate::config::UpstreamConfig;

/// How the paths of AI Studio begin that the gateway forwards by default.
const DEFAULT_PREFIX: &str = "/v1/";

/// The methods that are forwarded where none are configured, as far as they have names (RFC 9110 §9.3, RFC 5789).
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// How long the search for the default service may take.
const DISCOVERY: Duration = Duration::from_secs(10);

/// A service, as the address of a request names it.
pub(super) struct Target {
    address: Address,
    scheme: Scheme,
    authority: Authority,
}

/// The default service is looked for at the first request of an identity. All requests of that moment wait for one search
/// and share its failure: searches one after another would make each request wait longer than the one before it.
pub(super) struct Default {
    search: SharedValue<Arc<Target>, Error>,
    /// What a search has found: requests read the value without a lock.
    found: OnceLock<Arc<Target>>,
}

/// The services that a gateway forwards to.
pub(super) struct Upstreams(Vec<Upstream>);

struct Upstream {
    target: Arc<Target>,
    prefix: String,
    methods: Vec<Method>,
}

impl Upstreams {
    /// # Errors
    /// `Invalid` for a host that is none.
    pub(super) fn new(configs: &[UpstreamConfig]) -> Result<Self, Error> {
        configs
            .iter()
            .map(|config| {
                Ok(Upstream {
                    target: Arc::new(Target::of(&config.host)?),
                    prefix: config.prefix.clone(),
                    methods: config
                        .methods
                        .iter()
                        .filter_map(|name| Method::from_bytes(name.as_bytes()).ok())
                        .collect(),
                })
            })
            .collect::<Result<_, Error>>()
            .map(Self)
    }

    /// Whether a token may go to each service.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`layer`](Self::layer).
    pub(super) fn check(configs: &[UpstreamConfig]) -> Result<(), Error> {
        Self::new(configs)?.layer(NoAuth::new().into()).map(drop)
    }

    /// The layer of an identity, allowed to send its token to the configured services.
    ///
    /// # Errors
    /// `Invalid` for a host that the token must not go to, such as one without TLS.
    pub(super) fn layer(&self, credentials: Credentials) -> Result<AuthLayer, Error> {
        self.0.iter().try_fold(AuthLayer::new(credentials), |layer, upstream| {
            match &upstream.target.address {
                // The user has named this port.
                near if near.is_loopback() => Ok(layer.allow_loopback()),
                far if far.is_tls() => layer.allow_host(format!("{}:{}", far.host(), far.port())),
                far => Err(Error::new(ErrorKind::Invalid, "a token goes to another machine over TLS alone")
                    .at(far.to_string())
                    .with_help("give `host` as `https://…`; `http://…` is for loopback")),
            }
        })
    }

    /// The service for a request. `None`: the default one.
    ///
    /// # Errors
    /// Nothing is configured for this path or this method.
    pub(super) fn find(&self, method: &Method, path: &str) -> Result<Option<&Arc<Target>>, Refusal> {
        if is_odd(path) {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "invalid_path",
                "the path has an empty part, a dot part or an encoded slash",
            ));
        }
        let mut fitting = self.fitting(path).peekable();
        let is_configured = fitting.peek().is_some();
        let allowed = |upstream: &&Upstream| {
            !is_repeating(method) && (upstream.methods.is_empty() || upstream.methods.contains(method))
        };
        match fitting.find(allowed) {
            Some(upstream) => Ok(Some(&upstream.target)),
            None if !is_configured && !path.starts_with(DEFAULT_PREFIX) => Err(unknown(path)),
            None if !is_configured && !is_repeating(method) => Ok(None),
            None => Err(Refusal::method(method, self.methods(path))),
        }
    }

    /// What is configured for a path.
    fn fitting(&self, path: &str) -> impl Iterator<Item = &Upstream> {
        self.0.iter().filter(move |upstream| path.starts_with(&upstream.prefix))
    }

    /// The methods that are forwarded from a path.
    fn methods(&self, path: &str) -> String {
        let mut fitting = self.fitting(path).peekable();
        // Without an entry the default service has the path.
        if fitting.peek().is_none() || fitting.any(|upstream| upstream.methods.is_empty()) {
            return METHODS.to_owned();
        }
        let mut names = Vec::new();
        for method in self.fitting(path).flat_map(|upstream| &upstream.methods) {
            if !is_repeating(method) && !names.contains(&method.as_str()) {
                names.push(method.as_str());
            }
        }
        names.join(", ")
    }
}

impl Default {
    pub(super) fn new() -> Self {
        Self { search: SharedValue::new(dropped_work), found: OnceLock::new() }
    }

    /// AI Studio in the installation of the credentials.
    ///
    /// # Errors
    /// Discovery failed, or lists none.
    pub(super) async fn target(&self, credentials: &Credentials) -> Result<&Arc<Target>, Error> {
        if let Some(target) = self.found.get() {
            return Ok(target);
        }
        let search = || {
            let credentials = credentials.clone();
            async move {
                let url = credentials.openai_base_url(DISCOVERY).await?;
                Target::of(url.strip_suffix("/v1").unwrap_or(&url)).map(Arc::new)
            }
        };
        let found = self.search.get(credentials.system(), search).await?;
        Ok(self.found.get_or_init(|| found))
    }
}

/// Whether a service that has the method repeats the request, and the token in it, or opens a tunnel.
fn is_repeating(method: &Method) -> bool {
    matches!(*method, Method::TRACE | Method::CONNECT)
}

fn unknown(path: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "unknown_path",
        format!(
            "the gateway does not forward {path}: the base URL of a client ends in /v1; see `upstream` for other paths"
        ),
    )
}

impl Target {
    /// Reads `host`, `host:port` or a URL without a path. TLS is the default.
    ///
    /// # Errors
    /// `Invalid` for a host that is none.
    fn of(text: &str) -> Result<Self, Error> {
        let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let address: Address = url.parse().map_err(|error: Error| error.at("upstream"))?;
        let authority = format!("{}:{}", address.host(), address.port()).parse().map_err(|_| {
            Error::new(ErrorKind::Invalid, "the host cannot stand in an address").at("upstream")
        })?;
        let scheme = if address.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self { address, scheme, authority })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.address.is_tls()
    }

    /// The address of a request. `None` if there is no such address.
    pub(super) fn uri(&self, path: PathAndQuery) -> Option<Uri> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }
}

/// As a URL.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(formatter)
    }
}

/// Characters that some services decode before they look at the path: a dot, both slashes, and a semicolon. Control
/// characters are odd, too.
const ODD_CODES: [&[u8]; 5] = [b"2e", b"2f", b"5c", b"3b", b"7f"];

/// Whether a service may read another path than the one that was looked at.
fn is_odd(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_odd_code = |code: &[u8]| {
        matches!(code, [b'0' | b'1', _]) || ODD_CODES.iter().any(|odd| code.eq_ignore_ascii_case(odd))
    };
    let is_odd_at = |(at, byte): (usize, &u8)| match byte {
        b'\\' | b';' => true,
        b'/' => bytes.get(at + 1) == Some(&b'/'),
        b'%' => bytes.get(at + 1..at + 3).is_some_and(is_odd_code),
        _ => false,
    };
    bytes.iter().enumerate().any(is_odd_at) || path.split('/').any(|part| matches!(part, "." | ".."))
}

/// What a parameter of a query writes as it is.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path with another value of the parameter `model`, which the address of a realtime session has.
pub(super) fn with_model(path: &PathAndQuery, uri: &str) -> Option<PathAndQuery> {
    let query = path.query()?.split('&').map(|parameter| match parameter.split_once('=') {
        Some(("model", _)) => format!("model={}", utf8_percent_encode(uri, IN_QUERY)),
        _ => parameter.to_owned(),
    });
    format!("{}?{}", path.path(), query.collect::<Vec<_>>().join("&")).parse().ok()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::future::{FutureExt, join_all};
    use test_support::system::empty_system;
    use test_support::wait::soon;
    use tokio::sync::Semaphore;
    use yandex_cloud_auth::testing::{TestClock, TestHttp, TestReply};
    use yandex_cloud_auth::{Endpoints, NoAuth};

    use super::*;

    /// A response of discovery.
    const SERVICES: &str = r#"{"endpoints":[{"id":"ai-foundation-models","address":"127.0.0.1:9000"}]}"#;

    fn upstreams(configs: &[(&str, &str, &[&str])]) -> Upstreams {
        let configs: Vec<_> = configs
            .iter()
            .map(|(host, prefix, methods)| UpstreamConfig {
                host: (*host).to_owned(),
                prefix: (*prefix).to_owned(),
                methods: methods.iter().map(|name| (*name).to_owned()).collect(),
            })
            .collect();
        Upstreams::new(&configs).unwrap()
    }

    #[test]
    fn only_the_first_version_of_the_api_is_forwarded_by_default() {
        let upstreams = upstreams(&[]);
        for path in ["/v1/models", "/v1/chat/completions", "/v1/files/a%20b"] {
            assert!(upstreams.find(&Method::GET, path).is_ok_and(|found| found.is_none()), "{path}");
        }
        for path in
            ["/", "/v1", "/v10/models", "/iam/v1/tokens", "/v2/models", "/foundationModels/v1/completion"]
        {
            assert!(upstreams.find(&Method::POST, path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_that_a_service_may_read_as_another_one_is_refused() {
        let upstreams = upstreams(&[("a.example", "/", &[])]);
        for path in [
            "/v1/../iam/v1/tokens",
            "/v1/./x",
            "/v1//x",
            "/v1/%2e%2e/iam",
            "/v1/%2E./x",
            "/v1/a%2fb",
            "/v1/a%5Cb",
            "/v1/..;/x",
            "/v1/a\\b",
            "/v1/..",
            "/v1/a%00b",
            "/v1/..%3b/x",
            "/v1/.%09./x",
            "/v1/a%1Fb",
        ] {
            assert!(upstreams.find(&Method::GET, path).is_err(), "{path}");
        }
        assert!(upstreams.find(&Method::GET, "/v1/a..b/c.d").is_ok());
    }

    #[test]
    fn the_first_service_for_path_and_method_gets_the_request() {
        let upstreams = upstreams(&[
            ("a.example", "/v1/", &["GET"]),
            ("b.example:8443", "/v1/", &["POST"]),
            ("c.example", "/yandex.cloud.ai.", &[]),
        ]);
        assert!(
            upstreams.find(&Method::PUT, "/v1/x").is_err(),
            "the default stands behind what is configured"
        );
        let host = |method: Method, path: &str| {
            upstreams
                .find(&method, path)
                .ok()
                .flatten()
                .map(|target| target.uri(path.parse().unwrap()).unwrap())
        };
        assert_eq!(host(Method::GET, "/v1/x?y=z").unwrap(), "https://a.example:443/v1/x?y=z");
        assert_eq!(host(Method::POST, "/v1/x").unwrap(), "https://b.example:8443/v1/x");
        assert!(host(Method::PUT, "/v1/x").is_none() && host(Method::GET, "/v2").is_none());
        assert!(host(Method::POST, "/yandex.cloud.ai.S/M").is_some());
        assert!(host(Method::POST, "/yandex.cloud.iam.v1.IamTokenService/Create").is_none());
    }

    #[tokio::test]
    async fn requests_that_wait_for_the_default_service_share_one_search_and_its_failure() {
        let (gate, found) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
        let (held, answers) = (Arc::clone(&gate), Arc::clone(&found));
        let http = TestHttp::with_options(move |_, _, _| {
            let (held, answers) = (Arc::clone(&held), Arc::clone(&answers));
            async move {
                held.acquire().await.unwrap().forget();
                match answers.load(Ordering::SeqCst) {
                    true => TestReply::status(200, SERVICES),
                    false => TestReply::status(503, ""),
                }
            }
        });
        let system = empty_system(&TestClock::new())
            .with_http(http.clone())
            .with_endpoints(Endpoints::new().api("http://127.0.0.1:9"));
        let credentials = Credentials::from(NoAuth::new()).with_system(system);
        let default = Default::new();
        {
            let mut all = pin!(join_all((0..8).map(|_| default.target(&credentials))));
            assert!(all.as_mut().now_or_never().is_none());
            // Enough for a search of each request.
            gate.add_permits(8);
            assert!(soon(all).await.iter().all(Result::is_err));
        }
        assert_eq!(http.requests().len(), 1);

        found.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let target = soon(default.target(&credentials)).await.unwrap();
            assert_eq!(target.to_string(), "http://127.0.0.1:9000");
        }
        assert_eq!(http.requests().len(), 2, "the next request searches again, and what is found is kept");
    }

    #[test]
    fn a_token_leaves_the_machine_over_tls_alone() {
        let layer = |host| upstreams(&[(host, "/", &[])]).layer(Credentials::from(NoAuth::new()));
        assert!(layer("http://127.0.0.1:9000").is_ok() && layer("internal.example").is_ok());
        assert_eq!(layer("http://internal.example").unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn a_realtime_session_has_its_model_in_the_query() {
        let path: PathAndQuery = "/v1/realtime?a=b&model=speech&model".parse().unwrap();
        let changed = with_model(&path, "gpt://f/speech/latest").unwrap();
        assert_eq!(changed, "/v1/realtime?a=b&model=gpt%3A%2F%2Ff%2Fspeech%2Flatest&model");
    }
}
