//! The request of one attempt: made of parts that are kept anyway, and so made once more after a refused token without
//! a copy in advance.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use reqwest::{Request, Url};
use yandex_cloud_auth::tower::Replay;

use super::transport::call_headers;

const RETRY_ATTEMPT: HeaderName = HeaderName::from_static("x-retry-attempt");

/// All that a request is made of, but for `Authorization`.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) method: Method,
    pub(super) url: Arc<Url>,
    /// The id of the call.
    pub(super) id: Option<HeaderValue>,
    pub(super) project: Option<HeaderValue>,
    /// How many attempts there were before.
    pub(super) before: u32,
    /// JSON.
    pub(super) body: Option<Bytes>,
}

impl Parts {
    /// The request; the same each time.
    pub(super) fn request(&self) -> Request {
        let mut request = Request::new(self.method.clone(), Url::clone(&self.url));
        // One call, one key: what tells its attempts from other calls to people does so to the server too.
        let idempotency_key = self.id.clone().filter(|_| self.method == Method::POST);
        let mut headers = call_headers(self.id.clone(), idempotency_key, self.project.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if self.before > 0 {
            headers.insert(RETRY_ATTEMPT, HeaderValue::from(self.before));
        }
        if let Some(body) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        *request.headers_mut() = headers;
        request
    }
}

/// Makes the request of these parts once more; nothing else has to be kept.
#[derive(Clone, Debug)]
pub(super) struct Again(pub(super) Arc<Parts>);

/// The body is within the limit.
pub(super) struct Fits;

impl Replay<Request> for Again {
    type Saved = Fits;

    fn save(&self, request: Request, limit: usize) -> (Request, Option<Fits>) {
        let fits = self.0.body.as_ref().is_none_or(|body| body.len() <= limit);
        (request, fits.then_some(Fits))
    }

    fn replay(&self, _: Fits) -> Option<Request> {
        Some(self.0.request())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_made_again_is_the_very_same() {
        let parts = |method: Method, before, body| Parts {
            method,
            url: Arc::new("https://ai.api.cloud.yandex.net/v1/x?y=z".parse().unwrap()),
            id: Some(HeaderValue::from_static("0b4a")),
            project: Some(HeaderValue::from_static("b1g")),
            before,
            body,
        };
        for parts in [
            parts(Method::GET, 0, None),
            parts(Method::POST, 0, Some(Bytes::from_static(b"{}"))),
            parts(Method::POST, 3, Some(Bytes::from_static(b"{}"))),
        ] {
            let again = Again(Arc::new(parts));
            let first = again.0.request();
            let names: Vec<_> =
                first.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            let (first, kept) = again.save(first, 2);
            let second = again.replay(kept.unwrap()).unwrap();
            assert_eq!(second.headers(), first.headers(), "{names:?}");
            assert_eq!((second.method(), second.url()), (first.method(), first.url()));
            assert_eq!((second.timeout(), second.version()), (first.timeout(), first.version()));
            let bytes =
                |request: &Request| request.body().and_then(|body| body.as_bytes().map(<[u8]>::to_vec));
            assert_eq!(bytes(&second), bytes(&first));
            assert_eq!(again.save(first, 1).1.is_some(), again.0.body.is_none(), "within the limit alone");
        }
    }
}
