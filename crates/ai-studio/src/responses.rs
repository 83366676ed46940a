//! A ready `async-openai` client: the Responses API and whatever else that crate can call, over the SDK's own transport.
//!
//! It is the SDK that authorises, by the layer behind the client; the configuration holds no key. Retries are the
//! SDK's as well, since `async-openai` gives up its own where it is given a service.

use std::fmt;
use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Response;
use secrecy::SecretString;
use tower_service::Service;
use uuid::Uuid;
use yandex_cloud_auth::cloud::retry_after;
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::tower::OpenAiService;
use yandex_cloud_auth::{self as auth, System};

use crate::client::{Service as Place, call_headers};
use crate::error::Error;
use crate::folder::project;
use crate::retry::{RetryPolicy, is_retried};
use crate::sdk::AiStudio;

/// How long after its beginning a call may be made again: as long as the SDK's own calls that generate may take.
const LIMIT: Duration = Duration::from_secs(180);

/// An `async_openai` client that speaks to AI Studio; made by [`AiStudio::responses`]. It streams too:
///
/// ```
/// use async_openai::types::responses::{CreateResponseArgs, ResponseStreamEvent};
/// use futures_util::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let cloud = yandex_cloud_emulator::Emulator::start().await?;
/// # let sdk = yandex_ai_studio_sdk::AiStudio::builder()
/// #     .endpoint(cloud.api_url()).folder_id(cloud.folder_id()).auth(cloud.api_key()).build()?;
/// let model = format!("gpt://{}/yandexgpt/latest", sdk.folder_id().await?);
/// let request = CreateResponseArgs::default().model(model).input("hello").stream(true).build()?;
/// let mut events = sdk.responses().await?.responses().create_stream(request).await?;
/// while let Some(event) = events.next().await {
///     if let ResponseStreamEvent::ResponseOutputTextDelta(delta) = event? {
///         print!("{}", delta.delta);
///     }
/// }
/// # Ok(()) }
/// ```
pub type OpenAiClient = async_openai::Client<OpenAiConfig>;

impl AiStudio {
    /// A ready `async_openai` client, for the Responses API and the rest of what that crate can call: with the
    /// credentials, the addresses, the retries and the certificate authorities of the SDK, and its folder as the project.
    ///
    /// It is not bound by a deadline: put one around its calls. Nothing is made again later than 180 s after it began,
    /// whatever the policy or a `Retry-After` says. A stream of `async_openai` ends where the connection does: look for
    /// the event that tells that the answer is complete. Use the client on the runtime that this is awaited on: its
    /// connections belong there.
    ///
    /// ```no_run
    /// use async_openai::types::responses::CreateResponseArgs;
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// # async fn example(sdk: AiStudio) -> Result<(), Box<dyn std::error::Error>> {
    /// let model = format!("gpt://{}/yandexgpt/latest", sdk.folder_id().await?);
    /// let request = CreateResponseArgs::default().model(model).input("hello").build()?;
    /// let response = sdk.responses().await?.responses().create(request).await?;
    /// println!("{:?}", response.output_text());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`folder_id`](Self::folder_id) and [`http`](Self::http), and where nobody knows the address. An error of the
    /// header arrives from the calls as `OpenAIError::Boxed`, with an [`auth::Error`] to downcast to.
    pub async fn responses(&self) -> Result<OpenAiClient, Error> {
        let inner = self.client.inner();
        let folder = self.client.folder().await?;
        let place = inner.services.place(Place::OpenAi).await?;
        let http = self.client.http().await?.get_ref().clone();
        let layer = inner.services.layer(inner.credentials.clone())?;
        let service = Persistent {
            inner: layer.openai_service(http.clone()),
            policy: inner.retry.clone(),
            system: inner.system.clone(),
        };
        let config = OpenAiConfig::new(place.base.url(""), folder);
        Ok(async_openai::Client::build(http, config).with_http_service(service))
    }
}

/// The configuration of an [`OpenAiClient`]: an address and a project, and no key.
#[derive(Clone)]
pub struct OpenAiConfig {
    base: String,
    folder: String,
    /// Empty: the trait wants one.
    no_key: SecretString,
}

impl OpenAiConfig {
    fn new(base: String, folder: String) -> Self {
        Self { base, folder, no_key: SecretString::from("") }
    }
}

impl Config for OpenAiConfig {
    /// Those of one call: its attempts have the same.
    fn headers(&self) -> HeaderMap {
        let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).ok();
        call_headers(id, None, project(&self.folder))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.no_key
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OpenAiConfig")
            .field("base", &self.base)
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Attempts, by the policy, until the head of an answer is there.
#[derive(Clone)]
struct Persistent {
    inner: OpenAiService,
    policy: RetryPolicy,
    system: System,
}

impl Service<HttpRequestFactory> for Persistent {
    type Response = Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<Response, OpenAIError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let clone = self.clone();
        let ready = mem::replace(self, clone);
        Box::pin(ready.send(factory))
    }
}

impl Persistent {
    async fn send(mut self, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let key = HeaderValue::try_from(Uuid::new_v4().to_string()).ok();
        let begun = self.system.clock().now().monotonic;
        let mut attempts = 0;
        loop {
            // The service is reqwest behind the layer, which is ready at all times.
            let answer = self.inner.call(marked(factory.clone(), key.clone(), attempts)).await;
            attempts += 1;
            let asked = match &answer {
                Ok(answer) if is_retried(answer.status()) => retry_after(answer.headers()),
                Err(OpenAIError::Reqwest(error)) if !error.is_builder() && !error.is_body() => None,
                Err(OpenAIError::Boxed(error)) => match error.downcast_ref::<auth::Error>() {
                    Some(error) if error.is_transient() => error.retry_after(),
                    _ => return answer,
                },
                _ => return answer,
            };
            let clock = self.system.clock();
            let left = LIMIT.saturating_sub(clock.now().monotonic.saturating_sub(begun));
            let wait = self.policy.wait(attempts, asked, clock.random());
            let Some(wait) = wait.filter(|wait| *wait < left) else { return answer };
            tracing::debug!(
                ?wait,
                attempt = attempts,
                "a call of the OpenAI client failed; it is made again"
            );
            drop(answer);
            clock.sleep(wait).await;
        }
    }
}

/// Tells the server which call it is, where that makes a difference, and which attempt, from the second on.
fn marked(factory: HttpRequestFactory, key: Option<HeaderValue>, before: u32) -> HttpRequestFactory {
    HttpRequestFactory::new(move || {
        let (factory, key) = (factory.clone(), key.clone());
        async move {
            let mut request = factory.build().await?;
            if request.method() == Method::POST
                && let Some(key) = key
            {
                request.headers_mut().entry("idempotency-key").or_insert(key);
            }
            if before > 0 {
                request.headers_mut().insert("x-retry-attempt", HeaderValue::from(before));
            }
            Ok(request)
        }
    })
}
