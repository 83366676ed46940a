//! In front of reqwest: requests and answers are reqwest's own, bodies and answers that stream are not touched.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, Uri};
use reqwest::{Client, Request, RequestBuilder, Response};
use tower_layer::Layer;
use tower_service::Service;

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

    /// As reqwest itself will read it.
    fn destination(&self) -> Result<Cow<'_, Uri>, Error> {
        let uri = self.url().as_str().parse().map_err(|error| {
            Error::new(ErrorKind::Invalid, "the request's URL is none that can be sent to").with_source(error)
        });
        uri.map(Cow::Owned)
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

    fn origin(&self) -> Option<Uri> {
        self.url().as_str().parse().ok()
    }
}
