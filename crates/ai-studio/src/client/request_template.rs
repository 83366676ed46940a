//! The request of one attempt, built from shared parts. After a refused token the layer sends the request a second
//! time; the template builds it again, so that no copy is made in advance.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use reqwest::{Request, Url};
use yandex_cloud_auth::tower::Replay;

use super::transport::call_headers;

const RETRY_ATTEMPT: HeaderName = HeaderName::from_static("x-retry-attempt");

/// Everything of a request except `Authorization`.
#[derive(Debug)]
pub(super) struct RequestTemplate {
    pub(super) method: Method,
    pub(super) url: Arc<Url>,
    /// `x-client-request-id` of the call.
    pub(super) request_id: Option<HeaderValue>,
    pub(super) project: Option<HeaderValue>,
    pub(super) earlier_attempts: u32,
    /// JSON.
    pub(super) body: Option<Bytes>,
}

impl RequestTemplate {
    /// Builds the request; the same each time.
    pub(super) fn request(&self) -> Request {
        let mut request = Request::new(self.method.clone(), Url::clone(&self.url));
        // One key for all attempts of a call, so that the server can recognise a repeated attempt.
        let idempotency_key = self.request_id.clone().filter(|_| self.method == Method::POST);
        let mut headers = call_headers(self.request_id.clone(), idempotency_key, self.project.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if self.earlier_attempts > 0 {
            headers.insert(RETRY_ATTEMPT, HeaderValue::from(self.earlier_attempts));
        }
        if let Some(body) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        *request.headers_mut() = headers;
        request
    }
}

/// Builds the second request of an attempt for the layer.
#[derive(Clone, Debug)]
pub(super) struct Retry(pub(super) Arc<RequestTemplate>);

/// The body is within the limit of the layer.
pub(super) struct WithinLimit;

impl Replay<Request> for Retry {
    type Saved = WithinLimit;

    fn save(&self, request: Request, limit: usize) -> (Request, Option<WithinLimit>) {
        let fits = self.0.body.as_ref().is_none_or(|body| body.len() <= limit);
        (request, fits.then_some(WithinLimit))
    }

    fn replay(&self, _: WithinLimit) -> Option<Request> {
        Some(self.0.request())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_request_of_an_attempt_equals_the_first() {
        let template = |method: Method, earlier_attempts, body| RequestTemplate {
            method,
            url: Arc::new("https://ai.api.cloud.yandex.net/v1/x?y=z".parse().unwrap()),
            request_id: Some(HeaderValue::from_static("0b4a")),
            project: Some(HeaderValue::from_static("b1g")),
            earlier_attempts,
            body,
        };
        for template in [
            template(Method::GET, 0, None),
            template(Method::POST, 0, Some(Bytes::from_static(b"{}"))),
            template(Method::POST, 3, Some(Bytes::from_static(b"{}"))),
        ] {
            let retry = Retry(Arc::new(template));
            let first = retry.0.request();
            let names: Vec<_> =
                first.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            let (first, saved) = retry.save(first, 2);
            let second = retry.replay(saved.unwrap()).unwrap();
            assert_eq!(second.headers(), first.headers(), "{names:?}");
            assert_eq!((second.method(), second.url()), (first.method(), first.url()));
            assert_eq!((second.timeout(), second.version()), (first.timeout(), first.version()));
            let bytes =
                |request: &Request| request.body().and_then(|body| body.as_bytes().map(<[u8]>::to_vec));
            assert_eq!(bytes(&second), bytes(&first));
            assert_eq!(retry.save(first, 1).1.is_some(), retry.0.body.is_none(), "only within the limit");
        }
    }
}
