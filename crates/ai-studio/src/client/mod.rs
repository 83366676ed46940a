//! The one client of the SDK: sends a call, and returns a whole response or a stream.
//!
//! A call has one deadline, on the clock of the system. The retry policy repeats attempts until a response has a 2xx
//! head; for a whole response, until the body is complete. Every error says which call failed.

mod body_stream;
mod call;
mod call_state;
mod failure;
mod request_template;
mod resolve;
mod transport;

use std::fmt;
use std::future::ready;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use tokio::runtime;
use yandex_cloud_auth::sdk_internals::PerProcess;
use yandex_cloud_auth::sdk_internals::{Deadline, Timer, in_seconds};
use yandex_cloud_auth::tower::AuthClient;
use yandex_cloud_auth::{Credentials, System};

pub(crate) use self::body_stream::BodyStream;
pub(crate) use self::call::{Call, GENERATION_TIMEOUT, TIMEOUT};
pub(crate) use self::call_state::CallState;
use self::failure::Failure;
use self::request_template::Retry;
pub(crate) use self::transport::Connections;
#[cfg(feature = "responses")]
pub(crate) use self::transport::call_headers;
#[cfg(feature = "grpc")]
pub(crate) use self::transport::{CONNECT, USER_AGENT, logging};
use crate::blocking::Blocking;
use crate::envelope::Envelope;
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::model_uri::Name;
use crate::retry::RetryPolicy;
use crate::services::{Service, Services};
use crate::verify::TrustStore;
use crate::wire::Wire;

/// The maximum size of a whole response. A picture in base64 has a few MiB.
const MAX_RESPONSE: usize = 64 << 20;

/// The maximum size of the body of an error.
const MAX_ERROR_BODY: usize = 64 << 10;

/// Cheap to clone; every model object holds one.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
}

/// The parts of a client.
pub(crate) struct Inner {
    /// The system, with a transport that trusts the same certificate authorities as the calls.
    pub(crate) system: System,
    pub(crate) credentials: Credentials,
    pub(crate) services: Services,
    pub(crate) folder: Folder,
    pub(crate) trust: TrustStore,
    pub(crate) retry: RetryPolicy,
    pub(crate) data_logging: Option<bool>,
    pub(crate) connections: Connections,
    /// The runtime of [`AiStudio::blocking`](crate::AiStudio::blocking).
    pub(crate) blocking: PerProcess<OnceLock<Blocking>>,
}

impl Client {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// A timer for the deadline of one call of the user. It covers everything that the call takes.
    pub(crate) fn timer(&self, limit: Duration) -> Timer {
        Timer::new(Deadline::after(limit, &self.inner.system), &self.inner.system)
    }

    /// The folder: looked up once, then remembered.
    pub(crate) async fn folder(&self) -> Result<String, Error> {
        in_runtime()?;
        self.inner.folder.id(&self.inner.system, &self.inner.credentials).await
    }

    /// The URI of a model. A name that is a URI already needs no folder.
    pub(crate) async fn model_uri(
        &self,
        scheme: &str,
        name: &str,
        timer: &mut Timer,
    ) -> Result<String, Error> {
        let short = match Name::parse(name)? {
            Name::Uri(uri) => return Ok(uri.to_owned()),
            short => short,
        };
        in_runtime()?;
        if let Some(folder) = self.inner.folder.found() {
            return Ok(short.in_folder(scheme, folder.id()));
        }
        let folder = timer.bound(Box::pin(self.folder())).await.unwrap_or_else(|| {
            let limit = timer.deadline().limit();
            Err(Error::new(ErrorKind::Timeout, format!("there is no folder after {}", in_seconds(limit)))
                .with_help("set `folder_id` or YC_FOLDER_ID; the search continues and serves the next call"))
        });
        Ok(short.in_folder(scheme, &folder?))
    }

    /// Sends a call, and reads the whole response out of its envelope.
    pub(crate) async fn send<T: Wire>(&self, call: Call, timer: Timer) -> Result<T, Error> {
        self.send_checked(call, timer, |_| Ok(())).await
    }

    /// As [`send`](Self::send), with a check of the content of the response.
    pub(crate) async fn send_checked<T: Wire>(
        &self,
        call: Call,
        timer: Timer,
        check: impl FnOnce(&T) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let (envelope, state) = self.send_json::<Envelope<T>>(call, timer).await?;
        let checked = envelope.into_result().and_then(|response| check(&response).map(|()| response));
        checked.map_err(|error| error.with_context(state.context()))
    }

    /// Sends a call, and reads the whole response as JSON. The state gives the context for later errors.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        call: Call,
        timer: Timer,
    ) -> Result<(T, CallState), Error> {
        let (body, _, state) = self.send_within(call, timer, |response| read(response, MAX_RESPONSE)).await?;
        match serde_json::from_slice(&body) {
            Ok(response) => Ok((response, state)),
            Err(error) => {
                Err(Error::new(ErrorKind::Unreadable, format!("the response cannot be read: {error}"))
                    .with_context(state.context())
                    .with_help("the service has changed, or another server responds: check the endpoint"))
            }
        }
    }

    /// Sends a call, and returns the body after a 2xx head. A stream is never repeated from then on.
    pub(crate) async fn stream(&self, call: Call, timer: Timer) -> Result<BodyStream, Error> {
        let (response, timer, state) = self.send_within(call, timer, |response| ready(Ok(response))).await?;
        Ok(BodyStream::new(response, timer, state.context()))
    }

    /// Sleeps on the clock of the system.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.inner.system.clock().sleep(duration).await;
    }

    /// The authorised HTTP client of the current runtime.
    pub(crate) async fn http(&self) -> Result<Arc<AuthClient>, Error> {
        let runtime = in_runtime()?;
        match self.inner.connections.get_cached(runtime) {
            Some(client) => Ok(client),
            None => Box::pin(self.connect(runtime)).await,
        }
    }

    async fn connect(&self, runtime: runtime::Id) -> Result<Arc<AuthClient>, Error> {
        let Inner { connections, trust, system, data_logging, .. } = &*self.inner;
        let layer = self.inner.services.layer(&self.inner.credentials).await?;
        connections.make(runtime, layer, trust, system, *data_logging).await
    }

    /// Sends a call within the deadline. `read` reads the part of the response that an attempt covers.
    async fn send_within<T, F>(
        &self,
        call: Call,
        mut timer: Timer,
        read: impl Fn(reqwest::Response) -> F,
    ) -> Result<(T, Timer, CallState), Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        in_runtime()?;
        let deadline = timer.deadline();
        let mut state = CallState::new(call);
        // Pinned in place: the future is large, and moving it costs time.
        let outcome = timer.bound(pin!(self.send_with_retry(&mut state, read, deadline))).await;
        let outcome = outcome.unwrap_or_else(|| {
            let has_token = self.inner.credentials.snapshot().is_some();
            Err(state.timed_out(deadline.limit(), has_token))
        });
        // Read after the call, because the call itself may select the method.
        state.method = self.inner.credentials.method();
        match outcome {
            Ok(response) => Ok((response, timer, state)),
            Err(error) => Err(error.with_context(state.context())),
        }
    }

    /// Sends attempts until one succeeds, a failure is final, or the policy or the time is exhausted.
    async fn send_with_retry<T, F>(
        &self,
        state: &mut CallState,
        read: impl Fn(reqwest::Response) -> F,
        deadline: Deadline,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let Inner { system, retry, .. } = &*self.inner;
        loop {
            let Failure { error, is_retryable, .. } = match self.send_once(state).await {
                Ok(response) => match read(response).await {
                    Ok(read) => return Ok(read),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if !is_retryable {
                return Err(error);
            }
            let wait = retry.wait(state.attempts, error.retry_after(), deadline.left(system), system);
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!(%error, ?wait, attempt = state.attempts, "a call failed; the SDK repeats it");
            state.begin_waiting(error);
            system.clock().sleep(wait).await;
        }
    }

    /// Sends one attempt, up to a 2xx head of the response.
    async fn send_once(&self, state: &mut CallState) -> Result<reqwest::Response, Failure> {
        let inner = &*self.inner;
        state.begin_attempt();
        let service = inner.services.locate(state.call.service).await.map_err(Failure::of_step)?;
        let http = self.http().await.map_err(Failure::of_step)?;
        // The documentation requires the project on every call of the OpenAI-compatible API.
        let project = match state.call.service {
            Service::OpenAi => inner.folder.known_project(&inner.system),
            Service::FoundationModels | Service::Operations => None,
        };
        let url = service.url(state.call.path.clone()).map_err(Failure::final_)?;
        let template = state.template(url, project);
        state.begin_sending();
        let request = template.request();
        let response = match http.with_replay(Retry(template)).execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(Box::pin(self.unsent(Failure::of_sending(error), &http)).await),
        };
        state.begin_reading(response.headers());
        if !response.status().is_success() {
            return Err(Box::pin(self.refusal(response)).await);
        }
        Ok(response)
    }

    /// Completes the failure of a request that got no response.
    async fn unsent(&self, mut failure: Failure, http: &Arc<AuthClient>) -> Failure {
        let Inner { connections, trust, system, .. } = &*self.inner;
        if let Some(target) = &failure.unreached
            && let Some(error) = connections.proxy_failure(target, trust, system).await
        {
            failure = Failure::of_proxy(&error);
        }
        if failure.is_tls {
            connections.reload_roots(http);
        }
        failure
    }

    async fn refusal(&self, response: reqwest::Response) -> Failure {
        let (status, headers) = (response.status(), response.headers().clone());
        // Where the body breaks off, the status alone still explains the error.
        let body = read(response, MAX_ERROR_BODY).await.unwrap_or_default();
        // The server may quote the secret that it received, so the error masks it by value, not only by shape.
        let header = self.inner.credentials.snapshot().and_then(|snapshot| snapshot.header());
        let sent = header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
        let secret = sent.split_once(' ').map_or(sent, |(_, secret)| secret);
        Failure::of_response(status, &headers, &body, &[secret], self.inner.credentials.method())
    }
}

/// Reads a body of at most `max` bytes.
async fn read(mut response: reqwest::Response, max: usize) -> Result<Bytes, Failure> {
    // A body that arrives in one chunk is not copied.
    let (mut only, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = response.chunk().await.map_err(Failure::of_connection)? {
        if only.len() + whole.len() + chunk.len() > max {
            let reason = format!("the response is larger than {} MiB", max >> 20);
            return Err(Failure::final_(Error::new(ErrorKind::Unreadable, reason)));
        }
        if only.is_empty() && whole.is_empty() {
            only = chunk;
        } else {
            whole.extend_from_slice(&mem::take(&mut only));
            whole.extend_from_slice(&chunk);
        }
    }
    Ok(if whole.is_empty() { only } else { whole.freeze() })
}

/// The current runtime. The HTTP client would panic without one.
pub(crate) fn in_runtime() -> Result<runtime::Id, Error> {
    runtime::Handle::try_current().map(|handle| handle.id()).map_err(|_| {
        Error::new(ErrorKind::Invalid, "no tokio runtime runs this call")
            .with_help("await the call on a tokio runtime, or wait for it with `AiStudio::blocking`")
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        formatter
            .debug_struct("AiStudio")
            .field("credentials", &inner.credentials)
            .field("folder", &inner.folder)
            .field("services", &inner.services)
            .field("retry_policy", &inner.retry)
            .field("enable_server_data_logging", &inner.data_logging)
            .field("verify", &inner.trust)
            .finish_non_exhaustive()
    }
}
