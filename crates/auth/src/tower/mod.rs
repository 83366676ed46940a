//! A layer that authorizes any HTTP or gRPC client.
//!
//! [`AuthLayer`] goes in front of a client that is a [`Service`](tower_service::Service) over [`http::Request`], or,
//! with the feature `reqwest`, over `reqwest::Request`. It adds the cached `Authorization` header of the credentials to
//! each request, without an allocation. It sends the header only to the hosts of Yandex Cloud and to hosts that the
//! program allows. If a server refuses the token, the layer invalidates it, fetches a fresh one, and sends the request
//! once more if the body can be made again.
//!
//! ```
//! use http::{Request, Response};
//! use tower_layer::Layer;
//! use tower_service::Service;
//! use yandex_cloud_auth::tower::AuthLayer;
//! use yandex_cloud_auth::{ApiKeyAuth, Credentials};
//! # #[derive(Clone)] struct Echo;
//! # impl Service<Request<String>> for Echo {
//! #     type Response = Response<String>;
//! #     type Error = std::convert::Infallible;
//! #     type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
//! #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
//! #         std::task::Poll::Ready(Ok(()))
//! #     }
//! #     fn call(&mut self, request: Request<String>) -> Self::Future {
//! #         std::future::ready(Ok(Response::new(format!("{:?}", request.headers().get("authorization")))))
//! #     }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let client = Echo;
//! let credentials = Credentials::from(ApiKeyAuth::new("AQVN-fake")?);
//! let mut client = AuthLayer::new(credentials).layer(client);
//!
//! let request = Request::get("https://ai.api.cloud.yandex.net/v1/models").body(String::new())?;
//! assert_eq!(client.call(request).await?.body(), "Some(Sensitive)");
//!
//! let elsewhere = Request::get("https://api.cloud.yandex.net.example/").body(String::new())?;
//! let error = client.call(elsewhere).await.unwrap_err();
//! assert_eq!(error.auth().unwrap().kind(), yandex_cloud_auth::ErrorKind::Blocked);
//! # Ok(()) }
//! ```
//!
//! # Clients
//! | client | feature | with the layer in front |
//! |---|---|---|
//! | [reqwest](#reqwest) | `reqwest` | `layer.client(client)` |
//! | [tonic](#tonic) | `tonic` | `layer.channel(&endpoint)` |
//! | [async-openai](#async-openai) | `async-openai` | `layer.openai_service(client)` |
//! | [hyper-util](#hyper), and any other service over `http::Request` | `tower` | `layer.layer(client)` |
//! | [a blocking client](#blocking-clients), or one that is no service | | [`Credentials::blocking`](crate::Credentials::blocking), or [`AuthLayer::authorize`], for each request |
//!
//! # Where retries and timeouts go
//! Put retries outside of the layer, so that each attempt gets a current header. Put timeouts outside too, so that they
//! include the wait for a token. The built-in retries and timeouts of a client are behind the layer, where neither
//! holds:
//!
//! | client | retries | timeouts |
//! |---|---|---|
//! | reqwest | around `send` or `execute`; `ClientBuilder::retry` repeats the same header | `RequestBuilder::timeout`, which the layer reads; the timeout of the client starts after the wait for a header |
//! | tonic | around the call | `Request::set_timeout`, which the layer reads; `Endpoint::timeout` starts after the wait for a header |
//! | async-openai | its `OpenAIRetryLayer`, in front of the service | a timeout around the call; the timeout of the reqwest client starts after the wait for a header |
//! | hyper | a `tower` layer in front | a `tower` layer in front; the layer reads `grpc-timeout` |
//! | a blocking client | around both steps | [`HeaderOptions::deadline`](crate::HeaderOptions::deadline), and the timeout of the client |
//!
//! The layer itself waits for a header until [`AuthLayer::deadline`], or as long as the method allows. It sends a
//! request at most twice: the second time only if a server refused a token that can be replaced.
//!
//! # reqwest
//! Build requests as usual, and send them by the authorized client. Turn redirects off: the APIs of Yandex Cloud have
//! none.
//!
//! ```
//! # #[cfg(feature = "reqwest")] mod example {
//! use std::time::Duration;
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth::tower::AuthLayer;
//!
//! # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
//! # let url = format!("{}/v1/models", cloud.api_url());
//! let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
//! let layer = AuthLayer::new(credentials);
//! # let layer = layer.allow_loopback();
//! let client = layer.client(http.clone());
//! let request = http.get(url).timeout(Duration::from_secs(10));
//! let response = client.send(request).await?.error_for_status()?;
//! # assert!(response.status().is_success());
//! # Ok(()) } }
//! # #[cfg(feature = "reqwest")] fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(feature = "reqwest"))] fn main() {}
//! ```
//!
//! # tonic
//! Generated clients take the authorized channel in place of tonic's. Configure TLS on the endpoint: without
//! `tls_config` tonic fails the first call of an `https` endpoint. An error of the layer arrives as a `tonic::Status`:
//! `UNAVAILABLE` for a transient error, `UNAUTHENTICATED` for any other.
//!
//! ```
//! # #[cfg(feature = "tonic")] mod example {
//! use std::time::Duration;
//! use tonic::client::Grpc; // generated clients do this for you
//! use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth::tower::AuthLayer;
//!
//! # #[derive(prost::Message)]
//! # struct TokenizeRequest(#[prost(string, tag = 1)] String, #[prost(string, tag = 2)] String);
//! # #[derive(prost::Message)]
//! # struct TokenizeResponse();
//! # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::builder().tls(true).start().await?;
//! # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
//! # let (url, ca) = (cloud.api_url(), cloud.ca_pem().ok_or("TLS")?);
//! // Yandex Cloud: the URL is https://llm.api.cloud.yandex.net:443, and the TLS configuration
//! // `ClientTlsConfig::new().with_native_roots()`.
//! let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
//! let endpoint = Endpoint::from_shared(url)?.tls_config(tls)?;
//! let layer = AuthLayer::new(credentials);
//! # let layer = layer.allow_loopback();
//! let mut client = Grpc::new(layer.channel(&endpoint)?);
//!
//! # let message = TokenizeRequest(format!("gpt://{}/yandexgpt", cloud.folder_id()), "hello".into());
//! # let method = "/yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize".parse()?;
//! # let codec = tonic_prost::ProstCodec::<_, TokenizeResponse>::default();
//! let mut request = tonic::Request::new(message);
//! request.set_timeout(Duration::from_secs(60));
//! client.ready().await?;
//! let response = client.unary(request, method, codec).await?;
//! # let _ = response;
//! # Ok(()) } }
//! # #[cfg(feature = "tonic")] fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(feature = "tonic"))] fn main() {}
//! ```
//!
//! The features of tonic: `channel` and `tls-ring` (or `tls-aws-lc`), and `tls-native-roots` for `with_native_roots`.
//! In Cargo.toml: `tonic = { version = "0.14", features = ["tls-ring", "tls-native-roots"] }`.
//!
//! # async-openai
//! The layer goes behind the client, as its HTTP service. The layer replaces the key of the configuration.
//!
//! ```
//! # #[cfg(feature = "async-openai")] mod example {
//! use async_openai::Client;
//! use async_openai::config::OpenAIConfig;
//! use async_openai::types::responses::CreateResponseArgs;
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth::tower::AuthLayer;
//!
//! # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
//! # let (base, folder) = (cloud.api_url() + "/v1", cloud.folder_id());
//! let http = reqwest::Client::new();
//! let layer = AuthLayer::new(credentials);
//! # let layer = layer.allow_loopback();
//! // The API base of Yandex Cloud is https://ai.api.cloud.yandex.net/v1
//! let config = OpenAIConfig::new().with_api_base(base).with_project_id(folder);
//! let client = Client::build(http.clone(), config).with_http_service(layer.openai_service(http));
//!
//! let model = format!("gpt://{folder}/yandexgpt/latest");
//! let request = CreateResponseArgs::default().model(model).input("hello").build()?;
//! println!("{:?}", client.responses().create(request).await?.output_text());
//! # Ok(()) } }
//! # #[cfg(feature = "async-openai")] fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(feature = "async-openai"))] fn main() {}
//! ```
//!
//! # hyper
//! The same as for any service over [`http::Request`]. Choose how bodies are saved for a replay: [`CloneReplay`] for
//! bodies that are `Clone`, such as `Full`, [`TeeReplay`] for streamed bodies.
//!
//! ```
//! use http_body_util::Empty;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use tower_layer::Layer;
//! use tower_service::Service;
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth::tower::{AuthLayer, CloneReplay};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start().await?;
//! # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
//! # let url = format!("{}/v1/models", cloud.api_url());
//! let layer = AuthLayer::new(credentials).replay(CloneReplay);
//! # let layer = layer.allow_loopback();
//! let mut client = layer.layer(Client::builder(TokioExecutor::new()).build_http());
//! let response = client.call(http::Request::get(url).body(Empty::<bytes::Bytes>::new())?).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(()) }
//! ```
//!
//! # Blocking clients
//! For example ureq. Get the header for each request: a fresh header costs almost nothing. The program itself is then
//! responsible for the host, and for a refusal: [`Credentials::invalidate`](crate::Credentials::invalidate) drops the
//! token that was sent.
//!
//! ```
//! use std::time::Duration;
//! use http::header::AUTHORIZATION;
//! use yandex_cloud_auth::{Credentials, HeaderOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cloud = yandex_cloud_emulator::Emulator::start_in_thread()?;
//! # let credentials = Credentials::from(yandex_cloud_auth::ApiKeyAuth::new(cloud.api_key())?);
//! # let url = format!("{}/v1/models", cloud.api_url());
//! let blocking = credentials.blocking();
//! let sent = blocking.get(HeaderOptions::new().deadline(Duration::from_secs(5)))?;
//! let mut request = ureq::get(&url).config().http_status_as_error(false).build();
//! if let Some(header) = sent.header() {
//!     request = request.header(AUTHORIZATION, header);
//! }
//! if request.call()?.status() == 401 {
//!     credentials.invalidate(&sent); // then send the request once more
//! }
//! # Ok(()) }
//! ```

#[cfg(feature = "async-openai")]
mod async_openai;
mod destination;
mod error;
mod future;
mod layer;
mod replay;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
mod tee;
mod timeout;
#[cfg(feature = "tonic")]
mod tonic;

#[cfg(feature = "async-openai")]
pub use self::async_openai::OpenAiService;
pub use self::error::AuthServiceError;
pub use self::future::ResponseFuture;
pub use self::layer::AuthLayer;
pub use self::replay::{CloneReplay, NoReplay, Replay, RequestHead};
pub use self::request::{AuthRequest, AuthResponse};
#[cfg(feature = "reqwest")]
pub use self::reqwest::AuthClient;
pub use self::service::AuthService;
pub use self::tee::{RecordedRequest, TeeBody, TeeReplay};
#[cfg(feature = "tonic")]
pub use self::tonic::{AuthChannel, AuthInterceptor};
