//! How a request is kept, so that it can be sent once more.

use std::convert::Infallible;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// Keeps what is needed to make a request again.
///
/// Implement it for a body of your own that can be made anew: from a file, say.
///
/// ```
/// use http::Request;
/// use yandex_cloud_auth::tower::{Head, Replay};
///
/// /// Sends a file's text; the body is read from it each time.
/// #[derive(Clone)]
/// struct FromFile(std::path::PathBuf);
///
/// impl Replay<Request<String>> for FromFile {
///     type Kept = Head;
///
///     fn keep(&self, request: Request<String>, _limit: usize) -> (Request<String>, Option<Head>) {
///         let head = Head::of(&request);
///         (request, Some(head))
///     }
///
///     fn again(&self, head: Head) -> Option<Request<String>> {
///         Some(head.with(std::fs::read_to_string(&self.0).ok()?))
///     }
/// }
/// ```
pub trait Replay<Q>: Clone {
    /// What is kept while the request is under way.
    type Kept;

    /// Whether anything is ever kept. False spares the request a detour on its way.
    const KEEPS: bool = true;

    /// Keeps what is needed of a request that is about to be sent, and gives back what to send. `None` where it
    /// cannot be made again. `limit` is [`AuthLayer::replay_limit`](super::AuthLayer::replay_limit), never 0.
    fn keep(&self, request: Q, limit: usize) -> (Q, Option<Self::Kept>);

    /// Whether [`again`](Self::again) would give a request now. A false "yes" costs the wait for a token.
    fn can_again(&self, kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// The request once more; `None` where it has turned out that it cannot be made again.
    fn again(&self, kept: Self::Kept) -> Option<Q>;
}

/// Replays nothing, costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoReplay;

impl<Q> Replay<Q> for NoReplay {
    type Kept = Infallible;

    const KEEPS: bool = false;

    #[inline]
    fn keep(&self, request: Q, _limit: usize) -> (Q, Option<Infallible>) {
        (request, None)
    }

    fn again(&self, kept: Infallible) -> Option<Q> {
        match kept {}
    }
}

/// Clones the request before it is sent: for bodies that are at hand as a whole and cheap to clone, such as
/// `Full<Bytes>`. They are in memory in any case, so no limit is applied (but to reqwest's own requests); a limit of 0
/// turns it off all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloneReplay;

impl<B: Clone> Replay<Request<B>> for CloneReplay {
    type Kept = Request<B>;

    fn keep(&self, request: Request<B>, _limit: usize) -> (Request<B>, Option<Request<B>>) {
        let kept = request.clone();
        (request, Some(kept))
    }

    fn again(&self, kept: Request<B>) -> Option<Request<B>> {
        Some(kept)
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Head {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
}

impl Head {
    /// That of a request, extensions included.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
        }
    }

    /// The request with this body.
    #[must_use]
    pub fn with<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        request
    }
}
