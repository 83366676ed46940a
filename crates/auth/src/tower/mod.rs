//! A layer that authorises any HTTP or gRPC client.
//!
//! [`AuthLayer`] goes in front of a client that is a [`Service`](tower_service::Service) over [`http::Request`], or,
//! with the feature `reqwest`, over reqwest's own. Each request gets the `Authorization` header that the credentials
//! have at hand, which costs no allocation, and goes nowhere but to Yandex Cloud's hosts and those that were allowed in
//! code. Where a server refuses the header, the token is dropped, a fresh one fetched, and the request sent once more
//! if its body can be made again.
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
//! | [hyper-util's](#hyper), and any other service over `http::Request` | `tower` | `layer.layer(client)` |
//! | [one that blocks](#clients-that-block), or is no service | | [`Credentials::blocking`](crate::Credentials::blocking), or [`AuthLayer::authorize`], for each request |
//!
//! # Where retries and timeouts go
//! Retries go outside of the layer, so that each attempt has a header of its own. So do timeouts, so that waiting for a
//! token counts into them. What a client has built in is behind the layer, where neither holds:
//!
//! | client | retries | timeouts |
//! |---|---|---|
//! | reqwest | around `send` or `execute`; those of `ClientBuilder::retry` repeat the same header | `RequestBuilder::timeout`, which the layer sees; that of the client begins when a header is at hand |
//! | tonic | around the call | `Request::set_timeout`, which the layer sees; `Endpoint::timeout` begins when a header is at hand |
//! | async-openai | its own `OpenAIRetryLayer`, in front of the service | one around the call; that of the reqwest client begins when a header is at hand |
//! | hyper | a `tower` layer in front | a `tower` layer in front; a `grpc-timeout` of the request counts of itself |
//! | one that blocks | around both steps | [`HeaderOptions::deadline`](crate::HeaderOptions::deadline), and the client's own |
//!
//! Of itself the layer waits for a header as long as its method may take, or [`AuthLayer::deadline`], and sends a request
//! once more where a server refused a token that can be renewed: that is no retry in the sense above.
//!
//! # reqwest
//! Requests are built as ever, and sent by the authorised client. Follow no redirects: Yandex Cloud's APIs have none.
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
//! let answer = client.send(http.get(url).timeout(Duration::from_secs(10))).await?.error_for_status()?;
//! # assert!(answer.status().is_success());
//! # Ok(()) } }
//! # #[cfg(feature = "reqwest")] fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(feature = "reqwest"))] fn main() {}
//! ```
//!
//! # tonic
//! Generated clients take the channel as they take tonic's. What the layer has to say arrives as a `tonic::Status`:
//! `UNAVAILABLE` where another try may do, else `UNAUTHENTICATED`.
//!
//! ```
//! # #[cfg(feature = "tonic")] mod example {
//! use std::time::Duration;
//! use tonic::transport::Endpoint;
//! use yandex_cloud_auth::Credentials;
//! use yandex_cloud_auth::tower::AuthLayer;
//!
//! # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::from_static("https://llm.api.cloud.yandex.net:443");
//! let channel = AuthLayer::new(Credentials::automatic()).channel(&endpoint)?;
//! // let mut client = TextGenerationServiceClient::new(channel);
//!
//! # let message = ();
//! let mut request = tonic::Request::new(message);
//! request.set_timeout(Duration::from_secs(60));
//! // client.completion(request).await?;
//! # let _ = channel;
//! # Ok(()) } }
//! # #[cfg(feature = "tonic")] fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(feature = "tonic"))] fn main() {}
//! ```
//!
//! # async-openai
//! The layer goes behind the client, as its HTTP service. The key of the configuration is never sent.
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
//! let config = OpenAIConfig::new().with_api_base(base).with_project_id(folder); // https://ai.api.cloud.yandex.net/v1
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
//! As any service over [`http::Request`]. Say how its bodies are kept for a second sending: [`CloneReplay`] where they are
//! `Clone`, as `Full` is, [`TeeReplay`] where they stream.
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
//! let answer = client.call(http::Request::get(url).body(Empty::<bytes::Bytes>::new())?).await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(()) }
//! ```
//!
//! # Clients that block
//! Such as ureq. Ask for the header for each request: it costs nothing while it is fresh. Where it goes is the program's
//! affair then, and so is a refusal: [`Credentials::invalidate`](crate::Credentials::invalidate) drops the token that was
//! sent.
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
//!     credentials.invalidate(&sent); // and once more
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
pub use self::replay::{CloneReplay, Head, NoReplay, Replay};
pub use self::request::{AuthRequest, AuthResponse};
#[cfg(feature = "reqwest")]
pub use self::reqwest::AuthClient;
pub use self::service::AuthService;
pub use self::tee::{Kept, TeeBody, TeeReplay};
#[cfg(feature = "tonic")]
pub use self::tonic::{AuthChannel, AuthInterceptor};
