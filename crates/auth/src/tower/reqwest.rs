//! The layer in front of reqwest. Requests and responses are reqwest's own; streamed bodies pass unchanged.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::{Client, Request, RequestBuilder, Response, Url};
use tower_layer::Layer;
use tower_service::Service;

use super::destination::{Decision, Rules};
use super::error::AuthServiceError;
use super::layer::AuthLayer;
use super::replay::{CloneReplay, Replay};
use super::request::{AuthRequest, AuthResponse, sealed};
use super::service::AuthService;
use crate::{Error, ErrorKind};

/// A reqwest client whose requests are authorized, made by [`AuthLayer::client`].
///
/// It is also a [`Service`] over [`reqwest::Request`], for a tower stack.
pub type AuthClient = AuthService<Client, CloneReplay>;

impl<R> AuthLayer<R> {
    /// A reqwest client with the layer in front. A request whose body is complete, and no longer than
    /// [`replay_limit`](Self::replay_limit), is sent once more after a refusal. A request with a streamed body is not.
    ///
    /// # Deadlines
    /// Set a timeout per request ([`RequestBuilder::timeout`]): it includes the wait for a token. A timeout of the
    /// client starts only when the header is there, because the layer cannot see it.
    ///
    /// # Redirects
    /// reqwest follows redirects behind the layer, and removes the header where the scheme, host or port changes. So
    /// the header stays on allowed hosts, and a 401 from another host does not count as a refusal of the token. The
    /// APIs of Yandex Cloud do not redirect: set `redirect::Policy::none()` on the client to be safe.
    ///
    /// ```
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let _ = rustls::crypto::ring::default_provider().install_default();
    /// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
    /// # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
    /// # let url = format!("{}/v1/models", cloud.api_url());
    /// let http = reqwest::Client::new();
    /// let layer = AuthLayer::new(credentials);
    /// # let layer = layer.allow_loopback();
    /// let client = layer.client(http.clone());
    ///
    /// let response = client.send(http.get(url)).await?.error_for_status()?;
    /// # assert!(response.status().is_success());
    /// # Ok(()) }
    /// ```
    pub fn client(&self, client: Client) -> AuthClient {
        AuthLayer { config: Arc::clone(&self.config), replay: CloneReplay }.layer(client)
    }
}

impl<R: Replay<Request> + Clone> AuthService<Client, R> {
    /// Sends a request with the header.
    ///
    /// # Errors
    /// The layer's error where there is no header, or where it must not be sent to the host; otherwise reqwest's error.
    ///
    /// # Cancel safety
    /// Dropping the future drops the request. A fetch that it waits for continues for other callers.
    pub async fn execute(&self, request: Request) -> Result<Response, AuthServiceError<reqwest::Error>> {
        // reqwest's client is always ready, so `poll_ready` is not needed.
        self.clone().call(request).await
    }

    /// The same client and layer with another [`Replay`].
    ///
    /// Cheap enough to call for each request. A program that builds requests from its own parts can build a refused
    /// request again from them, instead of cloning each request in advance.
    ///
    /// ```
    /// use yandex_cloud_auth::tower::{AuthLayer, NoReplay};
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let _ = rustls::crypto::ring::default_provider().install_default();
    /// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
    /// # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
    /// # let url = format!("{}/v1/models", cloud.api_url());
    /// # let http = reqwest::Client::new();
    /// let layer = AuthLayer::new(credentials);
    /// # let layer = layer.allow_loopback();
    /// let client = layer.client(http.clone());
    ///
    /// let response = client.with_replay(NoReplay).execute(http.get(url).build()?).await?;
    /// # assert!(response.status().is_success());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_replay<N>(&self, replay: N) -> AuthService<Client, N> {
        AuthService::new(self.inner.clone(), Arc::clone(&self.config), replay)
    }

    /// Builds a request and sends it with the header. Use it in place of `RequestBuilder::send`.
    ///
    /// The client behind the layer sends the request, even if the builder comes from another client.
    ///
    /// # Errors
    /// The errors of [`execute`](Self::execute), and reqwest's error where the builder cannot build the request.
    ///
    /// # Cancel safety
    /// The same as for [`execute`](Self::execute).
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, AuthServiceError<reqwest::Error>> {
        self.execute(request.build().map_err(AuthServiceError::from_service)?).await
    }
}

/// By [`Request::try_clone`]. A streamed body, or a body longer than the limit, is not saved.
impl Replay<Request> for CloneReplay {
    type Saved = Request;

    fn save(&self, request: Request, limit: usize) -> (Request, Option<Request>) {
        let fits =
            request.body().is_none_or(|body| body.as_bytes().is_some_and(|bytes| bytes.len() <= limit));
        let saved = if fits { request.try_clone() } else { None };
        (request, saved)
    }

    fn replay(&self, saved: Request) -> Option<Request> {
        Some(saved)
    }
}

impl AuthRequest for Request {}
impl AuthResponse for Response {}

impl sealed::RequestAccess for Request {
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn check_destination(&self, rules: &Rules) -> Result<Decision, Error> {
        check_url(rules, self.url())
    }

    fn time_left(&self) -> Option<Duration> {
        self.timeout().copied()
    }

    fn set_time_left(&mut self, timeout: Duration) {
        *self.timeout_mut() = Some(timeout);
    }
}

impl sealed::ResponseAccess for Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn is_from_allowed_host(&self, rules: &Rules) -> bool {
        matches!(check_url(rules, self.url()), Ok(Decision::Attach))
    }
}

/// Decides by a URL, read in the same way as reqwest reads it.
fn check_url(rules: &Rules, url: &Url) -> Result<Decision, Error> {
    if let Some((tls, host, port)) = simple_parts(url) {
        return rules.check_normalized(tls, host, port);
    }
    let uri = url.as_str().parse().map_err(|error| {
        Error::new(ErrorKind::Invalid, "a request cannot be sent to this URL").with_source(error)
    })?;
    rules.check_destination(&uri)
}

/// TLS, host and port of a URL that has only one reading: no user, no address in brackets, no character that needs
/// escaping. Other URLs are parsed as a `Uri`, which costs an allocation.
fn simple_parts(url: &Url) -> Option<(bool, &str, Option<u16>)> {
    const MAX_LENGTH: usize = 4096;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let text = url.as_str();
    let is_simple = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:?&=%".contains(&byte);
    if text.len() > MAX_LENGTH || !text.bytes().all(is_simple) {
        return None;
    }
    let host = url.host_str()?;
    if !host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')) {
        return None;
    }
    Some((tls, host.strip_suffix('.').unwrap_or(host), url.port()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::destination::Allowed;
    use super::*;
    use crate::cloud::address::Address;

    /// The decision by a URL, and by the same text as a URI.
    fn decisions(rules: &Rules, url: &Url) -> [String; 2] {
        let of_url = check_url(rules, url);
        let of_uri = match url.as_str().parse() {
            Ok(uri) => format!("{:?}", rules.check_destination(&uri)),
            Err(_) => "none".to_owned(),
        };
        match of_url {
            Err(error) if error.kind() == ErrorKind::Invalid => ["none".to_owned(), of_uri],
            of_url => [format!("{of_url:?}"), of_uri],
        }
    }

    fn all_rules() -> Vec<Rules> {
        let allowed = vec![
            Allowed::host("gate.example:8443").unwrap(),
            Allowed::host("corp.example").unwrap(),
            Allowed::host("[fd00::1]").unwrap(),
            Allowed::below("in.example").unwrap(),
        ];
        let mut all = vec![Rules::default()];
        for bits in 0..16_u8 {
            all.push(Rules {
                allowed: allowed.clone(),
                loopback: bits & 1 != 0,
                local_api: (bits & 4 != 0).then(|| Address::parse("http://127.0.0.1:1", true).unwrap()),
                any_host: bits & 2 != 0,
                plain_text: bits & 4 != 0,
                skip_other_hosts: bits & 8 != 0,
                origin: None,
            });
        }
        all
    }

    #[test]
    fn a_url_and_its_uri_get_the_same_decision() {
        for (url, is_simple) in [
            ("https://api.cloud.yandex.net", true),
            ("https://LLM.api.cloud.yandex.net./v1?a=b", true),
            ("https://api.cloud.yandex.net:443/%2f", true),
            ("https://api.cloud.yandex.net:8443", true),
            ("http://127.0.0.1:1/x", true),
            ("http://0x7f.1/x", true),
            ("https://gate.example:8443/", true),
            ("https://api.cloud.yandex.net@evil.example/", false),
            ("https://evil.example/@api.cloud.yandex.net", false),
            ("https://evil.example\\@api.cloud.yandex.net/", false),
            ("https://evil.example/?.api.cloud.yandex.net", true),
            ("https://evil.example#.api.cloud.yandex.net", false),
            ("https://user:hush@api.cloud.yandex.net/", false),
            ("https://[::1]:8080/", false),
            ("https://[fd00::1]/", false),
            ("https://a_b.api.cloud.yandex.net/", false),
            ("https://\u{43f}.api.cloud.yandex.net/", true),
            ("https://api.cloud.yandex.net../", true),
            ("ftp://api.cloud.yandex.net/", false),
            ("wss://api.cloud.yandex.net/", false),
            ("data:text/plain,x", false),
            ("mailto:a@api.cloud.yandex.net", false),
        ] {
            let url: Url = url.parse().unwrap();
            assert_eq!(simple_parts(&url).is_some(), is_simple, "{url}");
            for rules in all_rules() {
                let [of_url, of_uri] = decisions(&rules, &url);
                assert_eq!(of_url, of_uri, "{url} by {rules:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_url_and_its_uri_get_the_same_decision(
            scheme in "(https|http|HTTPS|wss|ftp|x|data):(//|/|\\\\|)",
            user in "(|[a-z.]{0,6}@|api\\.cloud\\.yandex\\.net(:x)?@)",
            host in "(\\PC{0,6}|[a-zA-Z0-9._-]{0,8})(|\\.?(api\\.cloud\\.yandex\\.net|API\\.yandexcloud\\.KZ|gate\\.example|in\\.example|localhost)|127\\.0\\.0\\.1|\\[::1\\]|\\[fd00::1\\])\\.{0,2}",
            port in "(|:|:443|:80|:8443|:[0-9]{1,6})",
            rest in "(|[/?#\\\\]\\PC{0,10}|/[a-z.@:/%?&=]{0,12})",
        ) {
            if let Ok(url) = format!("{scheme}{user}{host}{port}{rest}").parse::<Url>() {
                for rules in all_rules() {
                    let [of_url, of_uri] = decisions(&rules, &url);
                    prop_assert_eq!(of_url, of_uri, "{}", url);
                }
            }
        }
    }
}
