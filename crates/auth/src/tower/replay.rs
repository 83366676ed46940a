//! How a request is saved, so that it can be sent once more.

use std::convert::Infallible;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// Saves what is needed to make a request again.
///
/// Implement it for a body that can be made again, for example from a file:
///
/// ```
/// use http::Request;
/// use yandex_cloud_auth::tower::{Replay, RequestHead};
///
/// /// Sends the text of a file. The file is read for each request.
/// #[derive(Clone)]
/// struct FromFile(std::path::PathBuf);
///
/// impl Replay<Request<String>> for FromFile {
///     type Saved = RequestHead;
///
///     fn save(&self, request: Request<String>, _limit: usize) -> (Request<String>, Option<RequestHead>) {
///         let head = RequestHead::of(&request);
///         (request, Some(head))
///     }
///
///     fn replay(&self, head: RequestHead) -> Option<Request<String>> {
///         Some(head.with_body(std::fs::read_to_string(&self.0).ok()?))
///     }
/// }
/// # let folder = std::env::temp_dir().join(format!("from-file-{}", std::process::id()));
/// # std::fs::write(&folder, "text")?;
/// let replay = FromFile(folder.clone());
/// let (request, saved) = replay.save(Request::new("text".to_owned()), 1024);
/// assert_eq!(replay.replay(saved.unwrap()).unwrap().body(), request.body());
/// # std::fs::remove_file(folder)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Replay<Q>: Clone {
    /// What is saved while the request is in flight.
    type Saved;

    /// Whether anything is ever saved. If not, the request skips [`save`](Self::save).
    const SAVES: bool = true;

    /// Saves a request that is about to be sent, and returns the request to send. `None` where the request cannot be
    /// made again. `limit` is [`AuthLayer::replay_limit`](super::AuthLayer::replay_limit), in bytes, and never 0.
    fn save(&self, request: Q, limit: usize) -> (Q, Option<Self::Saved>);

    /// Whether [`replay`](Self::replay) would return a request now. A wrong `true` costs the wait for a token.
    fn can_replay(&self, saved: &Self::Saved) -> bool {
        let _ = saved;
        true
    }

    /// Makes the request again; `None` where it turns out that this is not possible.
    fn replay(&self, saved: Self::Saved) -> Option<Q>;
}

/// Saves nothing and costs nothing: no request is sent twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoReplay;

impl<Q> Replay<Q> for NoReplay {
    type Saved = Infallible;

    const SAVES: bool = false;

    #[inline]
    fn save(&self, request: Q, _limit: usize) -> (Q, Option<Infallible>) {
        (request, None)
    }

    fn replay(&self, saved: Infallible) -> Option<Q> {
        match saved {}
    }
}

/// Clones the request before it is sent: for bodies that are complete and cheap to clone, such as `Full<Bytes>`.
///
/// Such a body is in memory anyway, so the limit does not apply, except to requests of reqwest. A limit of 0 turns
/// replay off for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloneReplay;

impl<B: Clone> Replay<Request<B>> for CloneReplay {
    type Saved = Request<B>;

    fn save(&self, request: Request<B>, _limit: usize) -> (Request<B>, Option<Request<B>>) {
        let saved = request.clone();
        (request, Some(saved))
    }

    fn replay(&self, saved: Request<B>) -> Option<Request<B>> {
        Some(saved)
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
}

impl RequestHead {
    /// The head of a request, with its extensions.
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

    /// A request with this head and a body.
    #[must_use]
    pub fn with_body<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        *request.extensions_mut() = self.extensions;
        request
    }
}
