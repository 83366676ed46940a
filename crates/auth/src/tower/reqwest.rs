//! In front of reqwest: requests and answers are reqwest's own, bodies and answers that stream are not touched.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::{Client, Request, RequestBuilder, Response, Url};
use tower_layer::Layer;
use tower_service::Service;

use super::destination::{Rules, Verdict};
use super::error::AuthServiceError;
use super::layer::AuthLayer;
use super::replay::{CloneReplay, Replay};
use super::request::{AuthRequest, AuthResponse, sealed};
use super::service::AuthService;
use crate::{Error, ErrorKind};

/// A reqwest client whose requests are authorised; made by [`AuthLayer::client`].
///
/// It is a [`Service`] over [`reqwest::Request`] too, for a tower stack.
pub type AuthClient = AuthService<Client, CloneReplay>;

impl<R> AuthLayer<R> {
    /// A reqwest client with the layer in front. Requests whose body is at hand as a whole, and no longer than
    /// [`replay_limit`](Self::replay_limit), are sent once more after a refusal; bodies that stream are not.
    ///
    /// # Deadlines
    /// Set them per request ([`RequestBuilder::timeout`]): the wait for a token counts into it. A timeout of the
    /// client begins only when a header is at hand, for the layer cannot see it.
    ///
    /// # Redirects
    /// reqwest follows them by itself, behind the layer, and takes the header off where scheme, host or port change.
    /// So it stays where it was allowed; a 401 from where a redirect led is no refusal of the token. Yandex Cloud's
    /// APIs do not redirect: `ClientBuilder::redirect` with `redirect::Policy::none()` is the safer setting.
    ///
    /// ```
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # async fn example(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = AuthLayer::new(Credentials::automatic()).client(http.clone());
    ///
    /// let models = http.get("https://ai.api.cloud.yandex.net/v1/models");
    /// let answer = client.send(models).await?.error_for_status()?;
    /// # let _ = answer;
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
    /// Why there is no header, or why it may not go there; else reqwest's.
    ///
    /// # Cancel safety
    /// Dropping the future drops the request; a fetch that it waits for goes on for others.
    pub async fn execute(&self, request: Request) -> Result<Response, AuthServiceError<reqwest::Error>> {
        // reqwest's client is ready at all times.
        self.clone().call(request).await
    }

    /// The same client with the same layer, whose requests are kept for a second sending by `replay`.
    ///
    /// Cheap enough to be done for each request: whoever makes requests from parts of its own can make one again from
    /// these, and need not have it cloned before it is known whether it will be refused.
    ///
    /// ```
    /// use yandex_cloud_auth::tower::{AuthLayer, NoReplay};
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # async fn example(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = AuthLayer::new(Credentials::automatic()).client(http.clone());
    ///
    /// let request = http.get("https://ai.api.cloud.yandex.net/v1/models").build()?;
    /// let answer = client.with_replay(NoReplay).execute(request).await?;
    /// # let _ = answer;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_replay<N>(&self, replay: N) -> AuthService<Client, N> {
        AuthService::new(self.inner.clone(), Arc::clone(&self.config), replay)
    }

    /// Builds a request and sends it with the header: what `RequestBuilder::send` would do without.
    ///
    /// It is sent by the client behind the layer, whichever client the builder came from.
    ///
    /// # Errors
    /// As [`execute`](Self::execute), and where the builder was given what makes no request.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, AuthServiceError<reqwest::Error>> {
        self.execute(request.build().map_err(AuthServiceError::of_service)?).await
    }
}

/// By [`Request::try_clone`]: a body that streams is not kept, nor one that is longer than the limit.
impl Replay<Request> for CloneReplay {
    type Kept = Request;

    fn keep(&self, request: Request, limit: usize) -> (Request, Option<Request>) {
        let fits =
            request.body().is_none_or(|body| body.as_bytes().is_some_and(|bytes| bytes.len() <= limit));
        let kept = if fits { request.try_clone() } else { None };
        (request, kept)
    }

    fn again(&self, kept: Request) -> Option<Request> {
        Some(kept)
    }
}

impl AuthRequest for Request {}
impl AuthResponse for Response {}

impl sealed::Outgoing for Request {
    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn judge(&self, rules: &Rules) -> Result<Verdict, Error> {
        judge(rules, self.url())
    }

    fn time_left(&self) -> Option<Duration> {
        self.timeout().copied()
    }

    fn set_time_left(&mut self, span: Duration) {
        *self.timeout_mut() = Some(span);
    }
}

impl sealed::Answer for Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn is_by_addressee(&self, rules: &Rules) -> bool {
        matches!(judge(rules, self.url()), Ok(Verdict::Send))
    }
}

/// Whether the header may go where a URL leads, as reqwest itself will read it.
fn judge(rules: &Rules, url: &Url) -> Result<Verdict, Error> {
    if let Some((tls, host, port)) = plain(url) {
        return rules.judge_plain(tls, host, port);
    }
    let uri = url.as_str().parse().map_err(|error| {
        Error::new(ErrorKind::Invalid, "the request's URL is none that can be sent to").with_source(error)
    })?;
    rules.judge(&uri)
}

/// TLS, host and port of a URL that can be read in one way alone: a scheme, a name, perhaps a port, and characters that
/// mean nothing to an authority. No user, no address in brackets, nothing to be escaped. Any other is read as a URI.
fn plain(url: &Url) -> Option<(bool, &str, Option<u16>)> {
    const LONGEST: usize = 4096;
    let tls = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let text = url.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:?&=%".contains(&byte);
    if text.len() > LONGEST || !text.bytes().all(is_plain) {
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

    /// What the rules say of a URL, and what they say of it as a URI.
    fn judged(rules: &Rules, url: &Url) -> [String; 2] {
        let of_url = judge(rules, url);
        let of_uri = match url.as_str().parse() {
            Ok(uri) => format!("{:?}", rules.judge(&uri)),
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
                any_host: bits & 2 != 0,
                plain_text: bits & 4 != 0,
                skip_other_hosts: bits & 8 != 0,
                origin: None,
            });
        }
        all
    }

    #[test]
    fn a_url_is_judged_as_the_uri_that_is_sent_to() {
        for (url, is_plain) in [
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
            assert_eq!(plain(&url).is_some(), is_plain, "{url}");
            for rules in all_rules() {
                let [of_url, of_uri] = judged(&rules, &url);
                assert_eq!(of_url, of_uri, "{url} by {rules:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_url_is_judged_otherwise_than_as_the_uri_that_is_sent_to(
            scheme in "(https|http|HTTPS|wss|ftp|x|data):(//|/|\\\\|)",
            user in "(|[a-z.]{0,6}@|api\\.cloud\\.yandex\\.net(:x)?@)",
            host in "(\\PC{0,6}|[a-zA-Z0-9._-]{0,8})(|\\.?(api\\.cloud\\.yandex\\.net|API\\.yandexcloud\\.KZ|gate\\.example|in\\.example|localhost)|127\\.0\\.0\\.1|\\[::1\\]|\\[fd00::1\\])\\.{0,2}",
            port in "(|:|:443|:80|:8443|:[0-9]{1,6})",
            rest in "(|[/?#\\\\]\\PC{0,10}|/[a-z.@:/%?&=]{0,12})",
        ) {
            if let Ok(url) = format!("{scheme}{user}{host}{port}{rest}").parse::<Url>() {
                for rules in all_rules() {
                    let [of_url, of_uri] = judged(&rules, &url);
                    prop_assert_eq!(of_url, of_uri, "{}", url);
                }
            }
        }
    }
}
