//! A Yandex Cloud on loopback, for tests and demos of programs that authenticate to it.
//!
//! One port serves IAM, endpoint discovery and AI Studio, over REST, gRPC and the OpenAI-compatible API, plain or
//! over TLS; another serves the metadata of a virtual machine. What the cloud checks is checked: the scheme of a
//! credential, that it was issued here, its expiry, its revocation, its scope. Time is a [`VirtualClock`], so an
//! hour passes in a line of code; [`Faults`] are what goes wrong; [`Counters`] tell what was asked.
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
//!   (The texts of the present metadata and exchange tokens are kept, for they are handed out again.)
//! - All its secrets have the real shape, are random, and say `FAKE-EMULATOR`.
//! - Malformed requests get an error, never a panic.
//!
//! # What it is not
//! A copy of the cloud's wording and timing: error texts are the cloud's where they are known, and its own elsewhere.
//! The model answers by rule: it tells who was authenticated and how, and repeats what was said.
//!
//! # From other processes
//! The control API under `/_emulator/` on the API port does what [`Emulator`]'s methods do:
//! `GET state`, `GET counters`, `POST clock/advance {"seconds": …}`, `POST clock/set {"now": …}`,
//! `POST clock/freeze`, `POST clock/unfreeze`, `POST faults {"kind": …, "target": …, "times": …}`, `DELETE faults`,
//! `POST tokens/issue {"lifetime": …}`, `POST tokens/revoke {"iamToken": …}`,
//! `POST api-keys/revoke {"apiKey": …}`, `POST reset`.

mod ai;
mod api;
mod body;
mod builder;
mod clock;
mod cloud;
mod control;
mod counters;
mod emulator;
mod endpoints;
mod faults;
mod grpc;
mod iam;
mod identity;
mod messages;
mod metadata;
mod routes;
mod server;
mod status;
mod sync;

pub use builder::Builder;
pub use clock::VirtualClock;
pub use counters::{Counters, Counts, Service};
pub use emulator::{Emulator, Variable};
pub use faults::{Fault, Faults};
pub use identity::Renewal;
