//! An OAuth 2 token endpoint for client credentials (RFC 6749 §4.4), for tools that can do no other.
//!
//! The client and its secret are the agent's own. They are worth nothing elsewhere. The lifetime that a client reads is
//! shorter than that of the token, so that the client asks again before the token ends.

mod client;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode;
use serde_json::json;
use yandex_cloud_auth::Error;
use yandex_cloud_auth::system::BoxFuture;
use zeroize::Zeroizing;

pub(crate) use self::client::Client;
use crate::config::{Limits, OauthConfig};
use crate::identity::{Identity, NO_IAM_TOKEN};
use crate::service::{Body, Caller, Service, has_media_type, is_of_browser, method_not_allowed, respond};

/// The paths of the endpoint: clients have the whole address in their configuration.
const PATHS: [&str; 3] = ["/oauth2/token", "/oauth/token", "/token"];

/// What is taken from the lifetime: a tenth, and no more than this.
const MARGIN: Duration = Duration::from_secs(60);

/// A token endpoint for one identity.
pub(crate) struct Oauth {
    identity: Arc<Identity>,
    client: Client,
    limits: Limits,
}

/// A refusal, as RFC 6749 §5.2 has it.
pub(crate) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl Refusal {
    fn of(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }

    fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn response(self) -> Response<Body> {
        let body = json!({"error": self.error, "error_description": self.description});
        let mut response = respond(self.status, "application/json", body.to_string());
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let scheme = HeaderValue::from_static("Basic realm=\"yc-auth\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
                response
            }
            StatusCode::METHOD_NOT_ALLOWED => method_not_allowed(response, Method::POST.as_str()),
            _ => response,
        }
    }
}

impl Oauth {
    /// The endpoint of a configuration, with the client of its file.
    ///
    /// # Errors
    /// `Invalid` if the file of the client is wrong.
    pub(crate) fn new(identity: Arc<Identity>, config: &OauthConfig) -> Result<Self, Error> {
        Ok(Self { identity, client: Client::load(&config.client_file)?, limits: config.limits.clone() })
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        if !PATHS.contains(&request.uri().path()) {
            let reason = format!("the token endpoint is {}", PATHS[0]);
            return Err(Refusal::of("invalid_request", reason).status(StatusCode::NOT_FOUND));
        }
        if request.method() != Method::POST {
            let refusal = Refusal::of("invalid_request", "the token endpoint has POST alone");
            return Err(refusal.status(StatusCode::METHOD_NOT_ALLOWED));
        }
        // Not that of a proxy: Envoy sends `X-Forwarded-For` with its own requests. The client is known by its secret.
        if is_of_browser(request.headers()) {
            let refusal = Refusal::of("invalid_request", "requests of browsers are refused");
            return Err(refusal.status(StatusCode::FORBIDDEN));
        }
        let basic = basic(request.headers())?;
        check_content_type(request.headers())?;
        let body = body(request.into_body(), &self.limits).await?;
        let Form { grant_type, client_id, client_secret } = Form::parse(&body)?;
        let clients = match (basic, client_id, client_secret) {
            (Some(_), _, Some(_)) => {
                return Err(Refusal::of(
                    "invalid_request",
                    "the client is there twice: in a header and in the body",
                ));
            }
            (Some(readings), None, None) => readings,
            (None, Some(id), Some(secret)) => vec![(id, secret)],
            // A client may repeat its id in the body.
            (Some(readings), Some(other), None) if readings.iter().any(|(id, _)| *id == other) => readings,
            _ => return Err(unknown_client("the client's id or secret is missing")),
        };
        if !clients.iter().any(|(id, secret)| self.client.is(id, secret)) {
            return Err(unknown_client("no such client, or a wrong secret: see the file of the client"));
        }
        match grant_type.as_deref().map(String::as_str) {
            Some("client_credentials") => {}
            Some(_) => {
                return Err(Refusal::of("unsupported_grant_type", "the grant type is `client_credentials`"));
            }
            None => return Err(Refusal::of("invalid_request", "`grant_type` is missing")),
        }
        self.token().await
    }

    async fn token(&self) -> Result<Bytes, Refusal> {
        let token = self.identity.token().await.map_err(|error| {
            Refusal::of("temporarily_unavailable", error.to_string()).status(StatusCode::SERVICE_UNAVAILABLE)
        })?;
        self.identity.bearer(&token, shown_life).ok_or_else(|| Refusal::of("invalid_request", NO_IAM_TOKEN))
    }
}

impl Service for Oauth {
    fn kind(&self) -> &'static str {
        "oauth"
    }

    fn respond(&self, request: Request<Incoming>, _caller: Caller) -> BoxFuture<'_, Response<Body>> {
        Box::pin(async move {
            match self.answer(request).await {
                Ok(body) => granted(body),
                Err(refusal) => refusal.response(),
            }
        })
    }
}

/// The response with a token.
fn granted(body: Bytes) -> Response<Body> {
    let mut response = respond(StatusCode::OK, "application/json", body);
    // RFC 6749 §5.1 asks for it beside `Cache-Control: no-store`.
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The lifetime that the client reads, in seconds.
fn shown_life(life: Duration) -> u64 {
    life.saturating_sub(MARGIN.min(life / 10)).as_secs().max(1)
}

fn unknown_client(description: &str) -> Refusal {
    Refusal::of("invalid_client", description).status(StatusCode::UNAUTHORIZED)
}

pub(crate) type Text = Zeroizing<String>;

/// The client in the header `Authorization`, by both readings: RFC 6749 §2.3.1 wants both halves encoded as in a form, and
/// many clients send them as they are.
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<Vec<(Text, Text)>>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::of("invalid_request", "the header Authorization is there twice"));
    }
    let malformed = || unknown_client("the header Authorization is not Basic authentication");
    let value = value.to_str().map_err(|_| malformed())?;
    let (scheme, encoded) = value.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| malformed())?);
    let text = std::str::from_utf8(&decoded).map_err(|_| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    let as_it_is = (Zeroizing::new(id.to_owned()), Zeroizing::new(secret.to_owned()));
    let of_form = decode(id.as_bytes()).zip(decode(secret.as_bytes()));
    let of_form = of_form.map(|(id, secret)| (owned(id), owned(secret)));
    Ok(Some([Some(as_it_is), of_form].into_iter().flatten().collect()))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    if has_media_type(headers, "application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(Refusal::of("invalid_request", "the body is a form: application/x-www-form-urlencoded"))
}

/// The body as a whole, in its bounds.
async fn body(body: Incoming, limits: &Limits) -> Result<Bytes, Refusal> {
    let body = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_time(), body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => {
            let reason = format!("the body ended early, or is longer than {} bytes", limits.body_bytes);
            Err(Refusal::of("invalid_request", reason).status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Err(_) => {
            let reason = format!("the body did not arrive in {} s", limits.body_seconds);
            Err(Refusal::of("invalid_request", reason).status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}

/// The fields of a body that the endpoint knows.
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) grant_type: Option<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) client_secret: Option<Text>,
}

impl Form {
    /// A field that is there twice is an error (RFC 6749 §3.2).
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let malformed = || Refusal::of("invalid_request", "the body is not percent-encoded UTF-8");
        let mut form = Self::default();
        for field in body.split(|byte| *byte == b'&') {
            let end = field.iter().position(|byte| *byte == b'=').unwrap_or(field.len());
            let name = decode(&field[..end]).ok_or_else(malformed)?;
            let value = decode(field.get(end + 1..).unwrap_or_default()).ok_or_else(malformed)?;
            // A parameter without a value counts as left out (RFC 6749 §3.2).
            if value.is_empty() {
                continue;
            }
            let place = match &*name {
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                _ => continue,
            };
            if place.replace(owned(value)).is_some() {
                return Err(Refusal::of("invalid_request", format!("`{name}` is there twice")));
            }
        }
        Ok(form)
    }
}

/// A text of a form, decoded.
fn decode(text: &[u8]) -> Option<Cow<'_, str>> {
    if text.contains(&b'+') {
        let spaces: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
        let decoded = percent_decode(&spaces).decode_utf8().ok()?;
        return Some(Cow::Owned(decoded.into_owned()));
    }
    percent_decode(text).decode_utf8().ok()
}

fn owned(text: Cow<'_, str>) -> Text {
    Zeroizing::new(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_asks_again_before_the_token_ends() {
        let secs = Duration::from_secs;
        assert_eq!(shown_life(secs(43_200)), 43_140);
        assert_eq!(shown_life(secs(300)), 270);
        assert_eq!(shown_life(secs(10)), 9);
        assert_eq!(shown_life(Duration::from_millis(900)), 1);
        assert_eq!(shown_life(Duration::ZERO), 1);
    }

    #[test]
    fn both_halves_of_a_basic_client_are_encoded_as_in_a_form_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert!(basic(&headers).is_ok_and(|client| client.is_none()));
        for (sent, readings) in [
            ("yc%2Dauth:a+b%26c", vec![("yc%2Dauth", "a+b%26c"), ("yc-auth", "a b&c")]),
            // The second reading is no UTF-8.
            ("yc-auth:a%FF:c", vec![("yc-auth", "a%FF:c")]),
        ] {
            let value = format!("Basic {}", STANDARD.encode(sent));
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            let found = basic(&headers).ok().flatten().unwrap();
            let found: Vec<_> = found.iter().map(|(id, secret)| (id.as_str(), secret.as_str())).collect();
            assert_eq!(found, readings, "{sent}");
        }
        for bad in ["Bearer t1.fake", "Basic", "Basic !!", "Basic YQ=="] {
            headers.insert(header::AUTHORIZATION, bad.parse().unwrap());
            assert!(basic(&headers).is_err(), "{bad}");
        }
    }
}
