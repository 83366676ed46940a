//! A Yandex Cloud on loopback, for tests and demos of programs that authenticate to it.
//!
//! One port serves IAM, endpoint discovery and AI Studio, over REST, gRPC and the OpenAI-compatible API, plain or
//! over TLS; another serves the metadata of a virtual machine. What the cloud checks is checked: the scheme of a
//! credential, that it was issued here or its signature, its expiry, its revocation, its scope. Time is a
//! [`VirtualClock`], so an hour passes in a line of code; [`Faults`] are what goes wrong; [`Counters`] tell what was
//! asked.
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
//! let mut answer = String::new();
//! connection.read_to_string(&mut answer)?;
//! assert!(answer.contains(r#""access_token":"t1.FAKE-EMULATOR"#));
//! assert_eq!(emulator.counters().requests(Service::Metadata), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What it promises
//! - It binds loopback addresses alone, unless told otherwise; it refuses requests with an `Origin` header, and
//!   requests whose `Host` is not its own address, so that no web page can use it.
//! - It never logs, echoes or keeps a secret presented to it: what it issued it knows by hash.
//!   (The texts of the last metadata and exchange tokens and of the first authorized key are kept, for they are
//!   handed out again.)
//! - All its secrets have the real shape, are random, and say `FAKE-EMULATOR`; a private key says so in its id.
//! - Malformed requests get an error, never a panic.
//!
//! # What it is not
//! A copy of the cloud's wording and timing: error texts are the cloud's where they are known, and its own elsewhere.
//! The model answers by rule: it tells who was authenticated and how, and repeats what was said. It calls a function
//! that the user names or that is forced, with arguments made of its schema and of what was said, and tells the
//! result of one; asked for JSON, it answers with a value of the schema. A vector depends on the text alone.
//!
//! # What it serves
//! | path | over gRPC | does |
//! |---|---|---|
//! | `POST /iam/v1/tokens`, `…:revoke` | `IamTokenService` | exchanges an OAuth token or a JWT, and revokes |
//! | `POST /iam/v1/tokens:createForServiceAccount` | `IamTokenService` | impersonates a service account |
//! | `POST /oauth/token` | | exchanges a token of an outside issuer |
//! | `GET /endpoints`, `…/{id}` | `ApiEndpointService` | discovery: every service is here |
//! | `POST /v1/chat/completions` | | chat, whole or as events |
//! | `GET /v1/models` | | the folder's models |
//! | `POST /v1/embeddings` | | a vector of one text |
//! | `POST /v1/responses`, `GET` and `DELETE …/{id}`, `POST …/{id}/cancel` | | responses, whole, as events or in the background; kept for a while |
//! | `POST /foundationModels/v1/completion` | `TextGenerationService` | native text generation, whole or as growing prefixes |
//! | `POST /foundationModels/v1/completionAsync` | `TextGenerationAsyncService` | the same as an operation |
//! | `POST /foundationModels/v1/tokenize`, `…/tokenizeCompletion` | `TokenizerService` | a token per word |
//! | `POST /foundationModels/v1/textEmbedding` | `EmbeddingsService` | a vector of one text |
//! | `GET /operations/{id}`, `…:cancel` | `OperationService` | operations, done after [`Builder::operation_delay`] |
//!
//! The OpenAI-compatible paths, `/v1/`, take an API key as `Bearer` too. A model is named as
//! `gpt://<folder>/<name>/<version>`, for `/v1/responses` also by its name alone with the folder in `OpenAI-Project`.
//!
//! # From other processes
//! The control API under `/_emulator/` on the API port does what [`Emulator`]'s methods do. It asks for no
//! credentials: what it can do, anyone on this machine may.
//!
//! | request | body | does |
//! |---|---|---|
//! | `GET state` | | the time, the ids, how many tokens, the faults |
//! | `GET counters` | | what was asked |
//! | `POST clock/advance` | `{"seconds": 3600}` | moves the clock forward |
//! | `POST clock/set` | `{"now": "2026-11-24T00:00:00Z"}` | sets it |
//! | `POST clock/freeze`, `POST clock/unfreeze` | | stops it, lets it run |
//! | `POST faults` | `{"kind": "hang", "target": "iam", "times": 1}` | adds a fault |
//! | `DELETE faults` | | removes all |
//! | `POST tokens/issue` | `{"lifetime": 3600}` (seconds) or none | makes an IAM token |
//! | `POST tokens/revoke` | `{"iamToken": "t1.…"}` | revokes it |
//! | `POST oauth-tokens/issue` | `{"after_cutoff": true}` or none | makes an OAuth token, `{"oauthToken": "y0_…"}`; IAM refuses one from after the cut-off |
//! | `POST api-keys/issue` | `{"scopes": ["yc.ai.languageModels.execute"]}`, or none for all | makes an API key, `{"apiKey": "AQVN…"}` |
//! | `POST api-keys/revoke` | `{"apiKey": "AQVN…"}` | revokes it |
//! | `POST service-account-keys/issue` | | makes an authorized key, `{"serviceAccountKey": {"id": …, "private_key": …}}`: the file as an object |
//! | `POST service-account-keys/add` | `{"keyId": "aje…", "serviceAccountId": "aje…", "publicKey": "-----BEGIN PUBLIC KEY-----…"}` | trusts a key made elsewhere |
//! | `POST service-account-keys/delete` | `{"keyId": "aje…"}` | deletes one, and the IAM tokens that were obtained with it |
//! | `POST oidc-tokens/issue` | `{"subject": "repo:…", "audience": "https://…", "lifetime": 3600}`, each or none | makes a token of the outside issuer, `{"oidcToken": "eyJ…"}` |
//! | `GET oidc/jwks` | | the issuer's keys |
//! | `GET github/variables` | | the variables of a job of GitHub Actions |
//! | `GET github/token?audience=…` | | the token of such a job, for the request token of its variables |
//! | `POST reset` | | back to how it began |
//!
//! A fault has a `kind`; a `target` (`iam`, `metadata`, `endpoints`, `ai`, `operation`, `oidc`, `other`) or the start of a `path`, or
//! neither for all; and `times`, or none for ever. Kinds, with the fields of their own:
//! `latency` and `drip` (`milliseconds`), `status` (`status`; `retry_after_seconds`, `body`), `huge-body` (`bytes`),
//! `hang`, `reset`, `garbage`, `not-found`, `truncated-body`, `same-old-token`.

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
mod wire;

pub use clock::VirtualClock;
pub use counters::{Counters, Counts, Service};
pub use emulator::{Builder, Emulator, Variable};
pub use faults::{Fault, Faults};
pub use identity::Renewal;
