//! The one client behind everything: a call in, a whole answer or a stream out.
//!
//! A call has one deadline, by the clock of the system; it is made again by the policy until the head of an answer is
//! 2xx (for a whole answer, until all of it is there); and its errors say which call it was.

mod call;
mod deadline;
mod failure;
mod incoming;
mod journey;
mod parts;
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
use yandex_cloud_auth::tower::AuthClient;
use yandex_cloud_auth::{Credentials, System};

pub(crate) use self::call::{Call, Service, TIMEOUT};
pub(crate) use self::deadline::Deadline;
use self::deadline::End;
use self::failure::Failure;
pub(crate) use self::incoming::Incoming;
pub(crate) use self::journey::Journey;
use self::journey::Stage;
use self::parts::Again;
pub(crate) use self::transport::Connections;
#[cfg(feature = "responses")]
pub(crate) use self::transport::call_headers;
#[cfg(feature = "grpc")]
pub(crate) use self::transport::{CONNECT, USER_AGENT, logging};
use crate::blocking::Blocking;
use crate::error::{Error, ErrorKind};
use crate::folder::Folder;
use crate::model_uri::Name;
use crate::retry::RetryPolicy;
use crate::services::Services;
use crate::verify::TrustStore;

/// How much of a whole answer is read: a picture in base64 is a few MiB.
const MAX_ANSWER: usize = 64 << 20;

/// How much of an error's body is read.
const MAX_REFUSAL: usize = 64 << 10;

/// Cheap to clone; every model object holds one.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
}

/// What a client is made of.
pub(crate) struct Inner {
    /// The machine, with the transport that trusts what the calls trust.
    pub(crate) system: System,
    pub(crate) credentials: Credentials,
    pub(crate) services: Services,
    pub(crate) folder: Folder,
    pub(crate) trust: TrustStore,
    pub(crate) retry: RetryPolicy,
    pub(crate) data_logging: Option<bool>,
    pub(crate) connections: Connections,
    /// The runtime of those who have none.
    pub(crate) blocking: OnceLock<Blocking>,
}

impl Client {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// A deadline that begins now: over all that one call of the user's takes.
    pub(crate) fn deadline(&self, limit: Duration) -> Deadline {
        Deadline::after(limit, &self.inner.system)
    }

    /// The folder: looked for once, and remembered.
    pub(crate) async fn folder(&self) -> Result<String, Error> {
        in_runtime()?;
        self.inner.folder.id(&self.inner.system, &self.inner.credentials).await
    }

    /// The whole URI of a model. A whole one passes, and needs no folder.
    pub(crate) async fn model_uri(
        &self,
        scheme: &str,
        name: &str,
        deadline: &mut Deadline,
    ) -> Result<String, Error> {
        let short = match Name::parse(name)? {
            Name::Whole(uri) => return Ok(uri.to_owned()),
            short => short,
        };
        in_runtime()?;
        if let Some(folder) = self.inner.folder.at_hand() {
            return Ok(short.in_folder(scheme, folder.id()));
        }
        let folder = deadline.bound(Box::pin(self.folder())).await.unwrap_or_else(|| {
            let limit = deadline.end().limit;
            Err(Error::new(ErrorKind::Timeout, format!("there is no folder after {limit:?}"))
                .with_help("give `folder_id`, or set YC_FOLDER_ID; the search goes on for the next call"))
        });
        Ok(short.in_folder(scheme, &folder?))
    }

    /// A whole answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call, deadline: Deadline) -> Result<T, Error> {
        self.ask_in_context(call, deadline).await.map(|(answer, _)| answer)
    }

    /// A whole answer, and what an error about its content has to say of the call.
    pub(crate) async fn ask_in_context<T: DeserializeOwned>(
        &self,
        call: Call,
        deadline: Deadline,
    ) -> Result<(T, Journey), Error> {
        let (body, _, journey) = self.make(call, deadline, |answer| read(answer, MAX_ANSWER)).await?;
        match serde_json::from_slice(&body) {
            Ok(answer) => Ok((answer, journey)),
            Err(error) => Err(journey
                .error(ErrorKind::Unreadable, format!("the answer cannot be read: {error}"))
                .with_help(
                    "the service may have changed, or something else answers there: look at the endpoint",
                )),
        }
    }

    /// A stream whose head was 2xx. From here nothing is made again.
    pub(crate) async fn stream(&self, call: Call, deadline: Deadline) -> Result<Incoming, Error> {
        let (answer, deadline, journey) = self.make(call, deadline, |answer| ready(Ok(answer))).await?;
        Ok(Incoming::new(answer, deadline, journey.context()))
    }

    /// By the clock of the system.
    pub(crate) async fn sleep(&self, span: Duration) {
        self.inner.system.clock().sleep(span).await;
    }

    /// The authorised HTTP client of this runtime.
    pub(crate) async fn http(&self) -> Result<Arc<AuthClient>, Error> {
        let runtime = in_runtime()?;
        match self.inner.connections.get_cached(runtime) {
            Some(client) => Ok(client),
            None => Box::pin(self.connect(runtime)).await,
        }
    }

    async fn connect(&self, runtime: runtime::Id) -> Result<Arc<AuthClient>, Error> {
        let Inner { connections, trust, system, data_logging, .. } = &*self.inner;
        let layer = self.inner.services.layer(self.inner.credentials.clone())?;
        connections.make(runtime, layer, trust, system, *data_logging).await
    }

    /// Makes a call, and reads of its answer what `read` reads: that much is within the attempts.
    async fn make<T, F>(
        &self,
        call: Call,
        mut deadline: Deadline,
        read: impl Fn(reqwest::Response) -> F,
    ) -> Result<(T, Deadline, Journey), Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        in_runtime()?;
        let end = deadline.end();
        let mut journey = Journey::new(call);
        // Pinned here, for it is large to be handed over.
        let outcome = deadline.bound(pin!(self.persist(&mut journey, read, end))).await;
        let outcome = outcome.unwrap_or_else(|| {
            let token = self.inner.credentials.snapshot().is_some();
            Err(journey.out_of_time(end.limit, token))
        });
        // The method may have been chosen on the way.
        journey.method = self.inner.credentials.method();
        match outcome {
            Ok(answer) => Ok((answer, deadline, journey)),
            Err(error) => Err(error.with_context(journey.context())),
        }
    }

    /// Attempts, by the policy and as long as there is time.
    async fn persist<T, F>(
        &self,
        journey: &mut Journey,
        read: impl Fn(reqwest::Response) -> F,
        end: End,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let clock = self.inner.system.clock();
        loop {
            journey.stage = Stage::Locating;
            let answer = self.attempt(journey).await;
            let failure = match answer {
                Ok(answer) => match read(answer).await {
                    Ok(read) => return Ok(read),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            let error = failure.error;
            let wait = match failure.again {
                true => self.inner.retry.wait(journey.made, error.retry_after(), clock.random()),
                false => None,
            };
            // Where there is no time for the wait, the reason is worth more than "out of time" would be.
            let Some(wait) = wait.filter(|wait| *wait < end.left(&self.inner.system)) else {
                return Err(error);
            };
            tracing::debug!(%error, ?wait, attempt = journey.made, "a call failed; it is made again");
            journey.stage = Stage::Waiting;
            journey.last = Some(error);
            clock.sleep(wait).await;
        }
    }

    /// One attempt, to the head of an answer that is 2xx.
    async fn attempt(&self, journey: &mut Journey) -> Result<reqwest::Response, Failure> {
        let inner = &*self.inner;
        journey.made += 1;
        let place = inner.services.place(journey.call.service).await.map_err(Failure::of)?;
        let http = self.http().await.map_err(Failure::of)?;
        // By the documentation every call of the OpenAI-compatible API names its project.
        let project = match journey.call.service {
            Service::OpenAi => inner.folder.known_in(&inner.system),
            Service::FoundationModels | Service::Operations => None,
        };
        let url = place.url(journey.call.path.clone()).map_err(Failure::final_)?;
        let parts = journey.parts(url, project);
        journey.send();
        let request = parts.request();
        let answer = http.with_replay(Again(parts)).execute(request).await;
        let answer = match answer.map_err(Failure::of_sending) {
            Ok(answer) => answer,
            Err(failure) => {
                if failure.tls {
                    inner.connections.reload_roots(&http);
                }
                return Err(failure);
            }
        };
        journey.note(answer.headers());
        journey.stage = Stage::Reading;
        if !answer.status().is_success() {
            return Err(Box::pin(self.refused(answer)).await);
        }
        Ok(answer)
    }

    async fn refused(&self, answer: reqwest::Response) -> Failure {
        let (status, headers) = (answer.status(), answer.headers().clone());
        // A status says more than that its explanation broke off.
        let body = read(answer, MAX_REFUSAL).await.unwrap_or_default();
        // A server may quote what it was given, in a form that nothing tells apart from a word.
        let header = self.inner.credentials.snapshot().and_then(|snapshot| snapshot.header());
        let sent = header.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
        let own = sent.split_once(' ').map_or(sent, |(_, secret)| secret);
        Failure::of_answer(status, &headers, &body, &[own], self.inner.credentials.method())
    }
}

/// The whole body, bounded.
async fn read(mut answer: reqwest::Response, most: usize) -> Result<Bytes, Failure> {
    // What comes in one piece is not copied.
    let (mut only, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = answer.chunk().await.map_err(Failure::of_connection)? {
        if only.len() + whole.len() + piece.len() > most {
            let reason = format!("the answer is larger than {} MiB", most >> 20);
            return Err(Failure::final_(Error::new(ErrorKind::Unreadable, reason)));
        }
        if only.is_empty() && whole.is_empty() {
            only = piece;
        } else {
            whole.extend_from_slice(&mem::take(&mut only));
            whole.extend_from_slice(&piece);
        }
    }
    Ok(if whole.is_empty() { only } else { whole.freeze() })
}

/// The runtime that runs this: the HTTP client would panic without one.
pub(crate) fn in_runtime() -> Result<runtime::Id, Error> {
    runtime::Handle::try_current().map(|handle| handle.id()).map_err(|_| {
        Error::new(ErrorKind::Invalid, "no tokio runtime runs this call")
            .with_help("await it on a tokio runtime, or wait for it with `AiStudio::blocking`")
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
