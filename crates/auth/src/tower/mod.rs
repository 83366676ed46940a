//! A layer that authorises any HTTP or gRPC client.
//!
//! [`AuthLayer`] goes in front of a client that is a [`Service`](tower_service::Service) over
//! [`http::Request`], or, with the feature `reqwest`, over reqwest's own. Each request gets the `Authorization` header that the credentials have at hand, which costs no
//! allocation, and goes nowhere but to Yandex Cloud's hosts and those that were allowed in code. Where a server
//! refuses the header, the token is dropped, a fresh one fetched, and the request sent once more if its body can be
//! made again.
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
//! | hyper-util's, and any other service over `http::Request` | `tower` | `layer.layer(client)` |
//! | tonic | `tonic` | `layer.channel(&endpoint)` |
//! | reqwest | `reqwest` | `layer.client(client)` |
//! | async-openai | `async-openai` | `layer.openai_service(client)` |
//! | one that is no service | `tower` | [`AuthLayer::authorize`] for each request |
//!
//! # Where to put it
//! Inside retries, so that each attempt has a header of its own; inside a timeout, so that waiting for a token counts
//! into it. A `grpc-timeout` of the request counts of itself, and so does the timeout of a request of reqwest's.

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
