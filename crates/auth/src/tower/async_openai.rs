//! In front of async-openai, by its middleware: the header is put on where a request is built, so each attempt of
//! retries, inside or outside, has one of its own, and a second sending needs nothing kept.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::{HttpRequestFactory, ReqwestService};
use http::header::AUTHORIZATION;
use reqwest::{Client, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::layer::{AuthLayer, Config};
use super::replay::{CloneReplay, Replay};
use super::service::AuthService;
use super::timeout::Limit;
use crate::Method;
use crate::system::BoxFuture;

/// What [`async_openai::Client::with_http_service`] takes; made by [`AuthLayer::openai_service`].
pub type OpenAiService = AuthService<ReqwestService, CloneReplay>;

impl<R> AuthLayer<R> {
    /// The HTTP service of an `async_openai` client, with the layer in front.
    ///
    /// ```no_run
    /// use async_openai::Client;
    /// use async_openai::config::OpenAIConfig;
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::Credentials;
    ///
    /// let http = reqwest::Client::new();
    /// let config = OpenAIConfig::new()
    ///     .with_api_base("https://ai.api.cloud.yandex.net/v1")
    ///     .with_project_id("b1g-your-folder");
    /// let service = AuthLayer::new(Credentials::automatic()).openai_service(http.clone());
    /// let client = Client::build(http, config).with_http_service(service);
    /// ```
    ///
    /// # The configuration's key
    /// `OpenAIConfig` puts an `Authorization` on each request: its key, the variable `OPENAI_API_KEY`, or `Bearer`
    /// and nothing. It is never sent where the layer has a say: the credentials' header takes its place, and with the
    /// method `none` there is no header at all. Only a request that goes
    /// [`skip_other_hosts`](Self::skip_other_hosts) keeps it.
    ///
    /// # Retries
    /// `with_http_service` replaces the retries that the client has built in. To have them again, put them outside,
    /// with tower's `ServiceBuilder`: `.layer(OpenAIRetryLayer::default()).service(service)`. What the layer has to
    /// say of the header is not tried again by them.
    ///
    /// # Errors
    /// The layer's own arrive as `OpenAIError::Boxed`, with an [`Error`](crate::Error) to downcast to. A timeout that
    /// a request carries bounds the wait for a header; one of the reqwest client begins when it is at hand.
    pub fn openai_service(&self, client: Client) -> OpenAiService {
        let layer = AuthLayer { config: Arc::clone(&self.config), replay: CloneReplay };
        layer.layer(ReqwestService::new(client))
    }
}

/// A factory can be asked again, so nothing is kept and no limit is applied.
impl Replay<HttpRequestFactory> for CloneReplay {
    type Kept = HttpRequestFactory;

    fn keep(
        &self,
        factory: HttpRequestFactory,
        _limit: usize,
    ) -> (HttpRequestFactory, Option<HttpRequestFactory>) {
        (factory.clone(), Some(factory))
    }

    fn again(&self, factory: HttpRequestFactory) -> Option<HttpRequestFactory> {
        Some(factory)
    }
}

impl<S, R> Service<HttpRequestFactory> for AuthService<S, R>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    R: Replay<HttpRequestFactory> + Send + 'static,
    R::Kept: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        Box::pin(send(service, Arc::clone(&self.config), self.replay.clone(), factory))
    }
}

async fn send<S, R>(
    mut service: S,
    config: Arc<Config>,
    replay: R,
    factory: HttpRequestFactory,
) -> Result<Response, S::Error>
where
    S: Service<HttpRequestFactory, Response = Response>,
    R: Replay<HttpRequestFactory>,
{
    let (factory, kept) = match config.replay_limit {
        0 => (factory, None),
        limit => replay.keep(factory, limit),
    };
    let sent = Slot::default();
    let answer = service.call(authorised(&config, factory, &sent, None)).await?;
    let Some(Sent { generation, limit }) = sent.take().filter(|_| config.is_refusal(&answer)) else {
        return Ok(answer);
    };
    config.drop_refused(generation);
    let Some(kept) = kept.filter(|kept| replay.can_again(kept)) else {
        // Not for this request, but the next one should find a token.
        config.credentials.prewarm();
        return Ok(answer);
    };
    let newer = config.get(limit).await.ok().flatten();
    let newer = newer.is_some_and(|newer| newer.generation != generation);
    let Some(factory) = newer.then(|| replay.again(kept)).flatten() else { return Ok(answer) };
    if poll_fn(|context| service.poll_ready(context)).await.is_err() {
        return Ok(answer);
    }
    drop(answer);
    tracing::debug!("a server refused the token; the request is sent once more with a newer one");
    service.call(authorised(&config, factory, &sent, limit)).await
}

/// What the latest request was sent with.
struct Sent {
    generation: u64,
    limit: Option<Limit>,
}

#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Sent>>>);

impl Slot {
    fn put(&self, sent: Option<Sent>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sent;
    }

    fn take(&self) -> Option<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A factory whose requests are authorised. `limit` is what an earlier one of the same call has left over.
fn authorised(
    config: &Arc<Config>,
    factory: HttpRequestFactory,
    sent: &Slot,
    limit: Option<Limit>,
) -> HttpRequestFactory {
    let (config, sent) = (Arc::clone(config), sent.clone());
    HttpRequestFactory::new(move || {
        let (config, factory, sent) = (Arc::clone(&config), factory.clone(), sent.clone());
        async move {
            sent.put(None);
            let mut request = factory.build().await?;
            let own = request.headers_mut().remove(AUTHORIZATION);
            if let Some(limit) = limit {
                limit.shorten(&mut request);
            }
            let limit = limit.or_else(|| Limit::of(&request));
            let generation =
                config.authorize(&mut request).await.map_err(|error| OpenAIError::Boxed(error.into()))?;
            match (generation, own) {
                (Some(generation), _) => sent.put(Some(Sent { generation, limit })),
                (None, Some(own)) if config.credentials.method() != Some(Method::None) => {
                    request.headers_mut().insert(AUTHORIZATION, own);
                }
                (None, _) => {}
            }
            Ok(request)
        }
    })
}
