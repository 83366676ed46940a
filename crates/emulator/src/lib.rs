//! A Yandex Cloud on loopback, for tests and demos of programs that authenticate to Yandex Cloud.
//!
//! One port serves IAM, endpoint discovery and AI Studio over REST, gRPC and the OpenAI-compatible API, plain or with
//! TLS. A second port serves the metadata service of a virtual machine. The emulator checks a credential as the cloud
//! does: its scheme, its issuer or signature, its expiry, its revocation and its scopes. A test moves the time with
//! [`VirtualClock`], injects errors with [`Faults`], and counts requests with [`Counters`].
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use yandex_cloud_emulator::{Emulator, Service};
//!
//! let emulator = Emulator::start_in_thread()?;
//! let address = emulator.metadata_addr();
//! let mut connection = TcpStream::connect(address)?;
//! write!(
//!     connection,
//!     "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n\
//!      Host: {address}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
//! )?;
//! let mut response = String::new();
//! connection.read_to_string(&mut response)?;
//! assert!(response.contains(r#""access_token":"t1.FAKE-EMULATOR"#));
//! assert_eq!(emulator.counters().requests(Service::Metadata), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Point a program at the emulator
//! | what | where |
//! |---|---|
//! | endpoint discovery, and all services that discovery returns | [`Emulator::api_url`], `YC_API_ENDPOINT` |
//! | IAM | [`Emulator::iam_url`] |
//! | the exchange of OIDC tokens | [`Emulator::oauth_url`]; `YC_OAUTH_ENDPOINT` without the path |
//! | the OpenAI-compatible API | [`Emulator::api_url`] and `/v1`, `OPENAI_BASE_URL` |
//! | the metadata service | [`Emulator::metadata_addr`], `YC_METADATA_ADDR` |
//! | the authority of the TLS certificate | [`Emulator::ca_pem`], in PEM |
//!
//! [`Emulator::env`] returns the variables for another process. In the same process, give the URLs to the library
//! `yandex-cloud-auth`, as its `Endpoints`; plain HTTP also needs the option that allows plaintext. For a client whose
//! addresses are fixed, [`Builder::host_name`] adds the names of its addresses to the certificate and to the accepted
//! hosts. The client has to find the emulator under these names.
//!
//! TLS works for every client that trusts the authority. A gRPC client such as tonic negotiates HTTP/2:
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use yandex_cloud_emulator::Emulator;
//!
//! let emulator = Emulator::builder().tls(true).start().await?;
//! let pem = emulator.ca_pem().unwrap_or_default();
//! // let tls = tonic::transport::ClientTlsConfig::new()
//! //     .ca_certificate(tonic::transport::Certificate::from_pem(pem))
//! //     .domain_name("localhost");
//! // let channel = tonic::transport::Endpoint::from_shared(emulator.api_url())?.tls_config(tls)?.connect().await?;
//! # let _ = pem; Ok(()) }
//! ```
//!
//! # The public interface
//! - [`Emulator`], [`Builder`]: start an emulator with options; its addresses and credentials.
//! - [`Variable`]: an environment variable that points another process at the emulator.
//! - [`VirtualClock`], [`Renewal`]: the time, and when a service issues a new token.
//! - [`MetadataOption`]: the switches of the metadata service.
//! - [`Fault`], [`Faults`]: errors for some or all requests.
//! - [`Counters`], [`Counts`], [`Service`]: the requests that came.
//!
//! # What the emulator guarantees
//! - It listens on loopback addresses only, unless [`Builder::allow_non_loopback`] allows others. It refuses requests
//!   with an `Origin` header and requests whose `Host` is not its own address, so that no web page can use it.
//! - It never logs, echoes or stores a secret that a client sends. It knows the secrets that it issued by their hash.
//!   (It stores the texts of the last metadata and exchange tokens and of the first authorized key, because it returns
//!   them again.)
//! - Its secrets have the real format, are random and contain `FAKE-EMULATOR`. The id of a private key contains it.
//! - A malformed request gets an error and never causes a panic.
//!
//! # What differs from the cloud
//! The emulator uses the error messages of the cloud where they are known, and its own messages elsewhere. Timing
//! differs.
//!
//! Errors have the form of the service that was asked, also where a [`Fault`] makes them:
//!
//! | path | body of an error |
//! |---|---|
//! | `/v1/…` | `{"error": {"message", "type"}}` |
//! | `/foundationModels/…` | `{"error": {"grpcCode", "httpCode", "message", "httpStatus", "details"}}` |
//! | IAM, `/endpoints`, `/operations` | `{"code", "message", "details": [{"@type": "…RequestInfo", "requestId"}]}` |
//! | the metadata service | the message as text |
//!
//! The emulator refuses what it does not have: an unknown model ([`Builder::text_model`] adds one), every
//! `conversation`, and every `prompt`. It ignores other fields that the rule of the model does not use.
//!
//! The model is a rule. Its output says who was authenticated and how, and repeats the user's text. If the text names a
//! function, or the tool choice forces one, the model calls the function with arguments that fit its schema. After a
//! result it repeats the result. A token is a word: `max_tokens`, `max_completion_tokens`, `max_output_tokens` and the native
//! `maxTokens` cut the output after that number of words, with `length`, `incomplete` or
//! `ALTERNATIVE_STATUS_TRUNCATED_FINAL`; a function call is whole or missing. If the request asks for JSON, the output is a value of the schema. An embedding vector
//! depends on the text only.
//!
//! # What the emulator serves
//! | path | gRPC | function |
//! |---|---|---|
//! | `POST /iam/v1/tokens`, `…:revoke` | `IamTokenService` | exchanges an OAuth token or a JWT; revokes a token |
//! | `POST /iam/v1/tokens:createForServiceAccount` | `IamTokenService` | impersonates a service account |
//! | `POST /oauth/token` | | exchanges a token of an OIDC issuer |
//! | `POST /iam/aws-compatibility/v1/ephemeralAccessKeys` | | issues an ephemeral key of Object Storage, which the emulator does not keep |
//! | `GET /oauth/userinfo` | | tells the subject of an IAM token |
//! | `GET /endpoints`, `…/{id}` | `ApiEndpointService` | endpoint discovery: every service has the address of the emulator |
//! | `POST /v1/chat/completions` | | chat, complete or as events |
//! | `GET /v1/models` | | the models of the folder |
//! | `POST /v1/embeddings` | | the vector of a text |
//! | `POST /v1/responses`, `GET` and `DELETE …/{id}`, `POST …/{id}/cancel` | | responses: complete, as events, or in the background |
//! | `GET /v1/responses/{id}/input_items` | | the items of the request, in pages |
//! | `POST /foundationModels/v1/completion` | `TextGenerationService` | native text generation, complete or as growing prefixes |
//! | `POST /foundationModels/v1/completionAsync` | `TextGenerationAsyncService` | the same as an operation |
//! | `POST /foundationModels/v1/tokenize`, `…/tokenizeCompletion` | `TokenizerService` | one token for each word |
//! | `POST /foundationModels/v1/textEmbedding` | `EmbeddingsService` | the vector of a text |
//! | `GET /operations/{id}`, `…:cancel` | `OperationService` | operations, which complete after [`Builder::operation_delay`] |
//!
//! A gRPC message may be compressed with gzip. Messages have at most 4 MiB, before and after compression.
//!
//! The OpenAI-compatible paths, `/v1/`, also accept an API key as `Bearer`. The name of a model is
//! `gpt://<folder>/<name>/<version>`. `/v1/responses` also accepts `<name>` with the folder in `OpenAI-Project`.
//!
//! The metadata port serves:
//!
//! | path | content |
//! |---|---|
//! | `/computeMetadata/v1/…` | the tree in the format of Google Compute Engine, for requests with `Metadata-Flavor: Google`: values and lists as text; `recursive=true` and `alt=json` as JSON; `wait_for_change=true` with `last_etag` and `timeout_sec` |
//! | `…/instance/service-accounts/default/token` | the IAM token of the machine, also under the id of the account |
//! | `/latest/meta-data/…`, `/latest/user-data`, `/latest/vendor/instance-identity/…` | the tree in the format of Amazon EC2; no header is needed |
//! | `/` | the list of the trees, for clients that look for the service |
//!
//! A value that can change is an attribute: [`Builder::metadata_attribute`], [`Emulator::set_metadata_attribute`]. A
//! part of the service that is off ([`MetadataOption`]) answers 400. Every response has `Metadata-Flavor: Google`.
//! Clients of Google's cloud such as `google-auth` find the service with `GCE_METADATA_HOST` and `GCE_METADATA_IP`.
//!
//! # Control from other processes
//! The control API under `/_emulator/` on the API port does what the methods of [`Emulator`] do. It requires no
//! credentials: every process of this computer can use it.
//!
//! | request | body | function |
//! |---|---|---|
//! | `GET state` | | returns the time, the ids, the numbers of tokens, and the faults |
//! | `GET counters` | | returns the numbers of requests |
//! | `POST clock/advance` | `{"seconds": 3600}` | moves the clock forward |
//! | `POST clock/set` | `{"now": "2026-11-24T00:00:00Z"}` | sets the clock |
//! | `POST clock/freeze`, `POST clock/unfreeze` | | stops and continues the clock |
//! | `POST faults` | `{"kind": "hang", "target": "iam", "times": 1}` | adds a fault |
//! | `DELETE faults` | | removes all faults |
//! | `POST tokens/issue` | `{"lifetime": 3600}` (seconds), optional | issues an IAM token |
//! | `POST tokens/revoke` | `{"iamToken": "t1.…"}` | revokes an IAM token |
//! | `POST oauth-tokens/issue` | `{"after_cutoff": true}`, optional | issues an OAuth token, `{"oauthToken": "y0_…"}`. IAM refuses a token from after the cut-off date |
//! | `POST api-keys/issue` | `{"scopes": ["yc.ai.languageModels.execute"]}`, optional; without it all scopes | issues an API key, `{"apiKey": "AQVN…"}` |
//! | `POST api-keys/revoke` | `{"apiKey": "AQVN…"}` | revokes an API key |
//! | `POST service-account-keys/issue` | | creates an authorized key, `{"serviceAccountKey": {"id": …, "private_key": …}}`: the key file as an object |
//! | `POST service-account-keys/add` | `{"keyId": "aje…", "serviceAccountId": "aje…", "publicKey": "-----BEGIN PUBLIC KEY-----…"}` | trusts a key that was created elsewhere |
//! | `POST service-account-keys/delete` | `{"keyId": "aje…"}` | deletes a key and the IAM tokens that were obtained with it |
//! | `POST oidc-tokens/issue` | `{"subject": "repo:…", "audience": "https://…", "lifetime": 3600}`, each optional | issues a token of the OIDC issuer, `{"oidcToken": "eyJ…"}` |
//! | `GET oidc/jwks` | | returns the keys of the issuer |
//! | `GET github/variables` | | returns the variables of a GitHub Actions job |
//! | `GET github/token?audience=…` | | returns the token of the job, for the request token in its variables |
//! | `POST metadata/attributes` | `{"user-data": "#cloud-config", "old": null}` | sets and removes attributes of the virtual machine |
//! | `POST metadata/options` | `{"gce-http-token": false}` | switches parts of the metadata service on and off |
//! | `POST reset` | | restores the initial state |
//!
//! A fault has a `kind`. It applies to a `target` (`iam`, `metadata`, `endpoints`, `ai`, `operation`, `oidc`, `other`),
//! to paths that start with `path`, or to all requests. `times` limits the number of requests. The kinds and their
//! fields: `latency` and `drip` (`milliseconds`), `status` (`status`; `retry_after_seconds`, `body`), `huge-body`
//! (`bytes`), `hang`, `reset`, `garbage`, `not-found`, `truncated-body`, `same-old-token`.

mod ai;
mod api;
mod bounded_store;
mod clock;
mod cloud;
mod control;
mod counters;
mod emulator;
mod endpoints;
mod faults;
mod federation;
mod iam;
mod identity;
mod job;
mod jwt;
mod messages;
mod metadata;
mod operations;
mod routes;
mod server;
mod structs;
mod sync;
mod token_exchange;
mod userinfo;
mod wire;

pub use clock::VirtualClock;
pub use cloud::MetadataOption;
pub use counters::{Counters, Counts, Service};
pub use emulator::{Builder, Emulator, Variable};
pub use faults::{Fault, Faults};
pub use identity::Renewal;
