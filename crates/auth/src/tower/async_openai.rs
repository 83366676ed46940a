//! The layer in front of async-openai, by its middleware. The header is added where a request is built. So each attempt
//! of a retry has its own header, and a replay needs no saved body.

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
use super::timeout::RequestDeadline;
use crate::Method;
use crate::system::BoxFuture;

/// The HTTP service for [`async_openai::Client::with_http_service`], made by [`AuthLayer::openai_service`].
pub type OpenAiService = AuthService<ReqwestService, CloneReplay>;

impl<R> AuthLayer<R> {
    /// The HTTP service for an `async_openai` client, with the layer in front.
    ///
    /// ```
    /// use async_openai::Client;
    /// use async_openai::config::OpenAIConfig;
    /// use yandex_cloud_auth::tower::AuthLayer;
    /// use yandex_cloud_auth::Credentials;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let _ = rustls::crypto::ring::default_provider().install_default();
    /// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
    /// # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
    /// # let (base, folder) = (cloud.api_url() + "/v1", cloud.folder_id());
    /// let http = reqwest::Client::new();
    /// // The API base of Yandex Cloud is https://ai.api.cloud.yandex.net/v1
    /// let config = OpenAIConfig::new().with_api_base(base).with_project_id(folder);
    /// let layer = AuthLayer::new(credentials);
    /// # let layer = layer.allow_loopback();
    /// let client = Client::build(http.clone(), config).with_http_service(layer.openai_service(http));
    ///
    /// # use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
    /// # let model = format!("emb://{folder}/text-search-doc/latest");
    /// # let request = CreateEmbeddingRequestArgs::default().model(model).input("hello").build()?;
    /// let response = client.embeddings().create(request).await?;
    /// # assert!(!response.data.is_empty());
    /// # Ok(()) }
    /// ```
    ///
    /// # The key of the configuration
    /// `OpenAIConfig` adds an `Authorization` header to each request: its key, or the variable `OPENAI_API_KEY`, or an
    /// empty `Bearer`. The layer replaces that header by the header of the credentials, and removes it with the method
    /// `none`. Only a request that the layer sends without its header
    /// ([`skip_other_hosts`](Self::skip_other_hosts)) keeps it.
    ///
    /// # Retries
    /// `with_http_service` replaces the retries of the client. To have them again, add them outside of the layer with
    /// tower's `ServiceBuilder`: `.layer(OpenAIRetryLayer::default()).service(service)`. They do not retry errors of
    /// the layer.
    ///
    /// # Errors
    /// The service reports an error of the layer as `OpenAIError::Boxed`; downcast it to [`Error`](crate::Error). The
    /// timeout of a request limits the wait for a header. A timeout of the reqwest client starts after that wait.
    pub fn openai_service(&self, client: Client) -> OpenAiService {
        let layer = AuthLayer { config: Arc::clone(&self.config), replay: CloneReplay };
        layer.layer(ReqwestService::new(client))
    }
}

/// A factory can build its request again, so only the factory is saved and the limit does not apply.
impl Replay<HttpRequestFactory> for CloneReplay {
    type Saved = HttpRequestFactory;

    fn save(
        &self,
        factory: HttpRequestFactory,
        _limit: usize,
    ) -> (HttpRequestFactory, Option<HttpRequestFactory>) {
        (factory.clone(), Some(factory))
    }

    fn replay(&self, factory: HttpRequestFactory) -> Option<HttpRequestFactory> {
        Some(factory)
    }
}

impl<S, R> Service<HttpRequestFactory> for AuthService<S, R>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    R: Replay<HttpRequestFactory> + Send + 'static,
    R::Saved: Send,
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
    let (factory, saved) = match config.replay_limit {
        0 => (factory, None),
        limit => replay.save(factory, limit),
    };
    let latest = Latest::default();
    let response = service.call(authorized(&config, factory, &latest, None)).await?;
    let refused = latest.take().filter(|_| config.is_refusal(&response));
    let Some(InFlight { generation, deadline }) = refused else { return Ok(response) };
    config.invalidate(generation);
    let Some(saved) = saved.filter(|saved| replay.can_replay(saved)) else {
        // Too late for this request, but the next one should find a fresh token.
        config.credentials.prewarm();
        return Ok(response);
    };
    let newer = config.wait_for_header(deadline).await.ok().flatten();
    let newer = newer.is_some_and(|newer| newer.generation != generation);
    let Some(factory) = newer.then(|| replay.replay(saved)).flatten() else { return Ok(response) };
    if poll_fn(|context| service.poll_ready(context)).await.is_err() {
        return Ok(response);
    }
    // Releases the connection of the first response before the replay needs one.
    drop(response);
    tracing::debug!("a server refused the token; the request is sent again with a newer one");
    service.call(authorized(&config, factory, &latest, deadline)).await
}

/// The token and the deadline of a request in flight.
struct InFlight {
    generation: u64,
    deadline: Option<RequestDeadline>,
}

/// The latest request that a factory has built. Retries behind the layer may build several.
#[derive(Clone, Default)]
struct Latest(Arc<Mutex<Option<InFlight>>>);

impl Latest {
    fn set(&self, in_flight: Option<InFlight>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = in_flight;
    }

    fn take(&self) -> Option<InFlight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A factory whose requests are authorized. `deadline` is that of the refused request, if this is its replay.
fn authorized(
    config: &Arc<Config>,
    factory: HttpRequestFactory,
    latest: &Latest,
    deadline: Option<RequestDeadline>,
) -> HttpRequestFactory {
    let (config, latest) = (Arc::clone(config), latest.clone());
    HttpRequestFactory::new(move || {
        let (config, factory, latest) = (Arc::clone(&config), factory.clone(), latest.clone());
        async move {
            latest.set(None);
            let mut request = factory.build().await?;
            let from_config = request.headers_mut().remove(AUTHORIZATION);
            config.shorten_timeout(&mut request, deadline);
            let deadline = deadline.or_else(|| config.deadline_of(&request));
            let generation =
                config.authorize(&mut request).await.map_err(|error| OpenAIError::Boxed(error.into()))?;
            match (generation, from_config) {
                (Some(generation), _) => latest.set(Some(InFlight { generation, deadline })),
                // The request goes to another host, without the header of the credentials.
                (None, Some(header)) if config.credentials.method() != Some(Method::None) => {
                    request.headers_mut().insert(AUTHORIZATION, header);
                }
                (None, _) => {}
            }
            Ok(request)
        }
    })
}
