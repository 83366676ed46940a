//! A ready `async-openai` client, for the Responses API and the other calls of that crate, over the SDK's transport.
//!
//! The layer behind the client authorises the calls, so the configuration holds no key. The SDK's retry policy applies,
//! because `async-openai` does not retry through a service that it is given.

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
use yandex_cloud_auth::sdk_internals::{Deadline, retry_after};
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::tower::OpenAiService;
use yandex_cloud_auth::{self as auth, System};

use crate::client::{GENERATION_TIMEOUT, call_headers};
use crate::error::Error;
use crate::folder::project;
use crate::retry::{RetryPolicy, is_retryable};
use crate::sdk::AiStudio;
use crate::services::Service as AiStudioService;

/// An `async_openai` client for AI Studio; made by [`AiStudio::responses`]. It supports streams:
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
    /// A ready `async_openai` client, for the Responses API and the other calls of that crate. It uses the credentials,
    /// addresses, retry policy and certificate authorities of the SDK, and the folder as the project.
    ///
    /// The client has no deadline: wrap its calls in one. It repeats no call later than 180 s after the call began,
    /// independent of the policy and of `Retry-After`. A stream of `async_openai` ends with the connection: check for
    /// the event that completes the response. Use the client on the runtime that awaits this method: the connections
    /// belong to that runtime.
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
    /// As [`folder_id`](Self::folder_id) and [`http`](Self::http), and where the address of the service is unknown.
    /// Where a call has no header, it fails with `OpenAIError::Boxed`; downcast the box to [`auth::Error`].
    pub async fn responses(&self) -> Result<OpenAiClient, Error> {
        let inner = self.client.inner();
        let folder = self.client.folder().await?;
        let service_url = inner.services.locate(AiStudioService::OpenAi).await?;
        let http = self.client.http().await?.get_ref().clone();
        let layer = inner.services.layer(&inner.credentials).await?;
        let service = RetryService {
            inner: layer.openai_service(http.clone()),
            policy: inner.retry.clone(),
            system: inner.system.clone(),
        };
        let config = OpenAiConfig::new(service_url.base.join(""), folder);
        Ok(async_openai::Client::build(http, config).with_http_service(service))
    }
}

/// The configuration of an [`OpenAiClient`]: an address and a project, without a key.
#[derive(Clone)]
pub struct OpenAiConfig {
    base: String,
    folder: String,
    /// Empty. The trait requires a key.
    no_key: SecretString,
}

impl OpenAiConfig {
    fn new(base: String, folder: String) -> Self {
        Self { base, folder, no_key: SecretString::from("") }
    }
}

impl Config for OpenAiConfig {
    /// The headers of one call; the same for all its attempts.
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

/// Repeats attempts by the policy, up to the head of the response.
#[derive(Clone)]
struct RetryService {
    inner: OpenAiService,
    policy: RetryPolicy,
    system: System,
}

impl Service<HttpRequestFactory> for RetryService {
    type Response = Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<Response, OpenAIError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let clone = self.clone();
        let ready = mem::replace(self, clone);
        Box::pin(ready.send_with_retry(factory))
    }
}

impl RetryService {
    async fn send_with_retry(mut self, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let key = HeaderValue::try_from(Uuid::new_v4().to_string()).ok();
        let deadline = Deadline::after(GENERATION_TIMEOUT, &self.system);
        let mut attempts = 0;
        loop {
            // No `poll_ready` before a repeated call: reqwest and the layer are always ready.
            let response = self.inner.call(with_call_headers(factory.clone(), key.clone(), attempts)).await;
            attempts += 1;
            let Some(retry_after) = retryable(&response) else { return response };
            let wait = self.policy.wait(attempts, retry_after, deadline.left(&self.system), &self.system);
            let Some(wait) = wait else { return response };
            tracing::debug!(
                ?wait,
                attempt = attempts,
                "a call of the OpenAI client failed; the SDK repeats it"
            );
            drop(response);
            self.system.clock().sleep(wait).await;
        }
    }
}

/// Whether another attempt may succeed, with the `Retry-After` of the server.
fn retryable(outcome: &Result<Response, OpenAIError>) -> Option<Option<Duration>> {
    match outcome {
        Ok(response) => is_retryable(response.status()).then(|| retry_after(response.headers())),
        Err(OpenAIError::Reqwest(error)) => (!error.is_builder() && !error.is_body()).then_some(None),
        Err(OpenAIError::Boxed(error)) => {
            let error = error.downcast_ref::<auth::Error>()?;
            error.is_transient().then(|| error.retry_after())
        }
        Err(_) => None,
    }
}

/// Adds the headers that tell the server which call and which attempt a request belongs to.
fn with_call_headers(
    factory: HttpRequestFactory,
    key: Option<HeaderValue>,
    earlier_attempts: u32,
) -> HttpRequestFactory {
    HttpRequestFactory::new(move || {
        let (factory, key) = (factory.clone(), key.clone());
        async move {
            let mut request = factory.build().await?;
            if request.method() == Method::POST
                && let Some(key) = key
            {
                request.headers_mut().entry("idempotency-key").or_insert(key);
            }
            if earlier_attempts > 0 {
                request.headers_mut().insert("x-retry-attempt", HeaderValue::from(earlier_attempts));
            }
            Ok(request)
        }
    })
}
