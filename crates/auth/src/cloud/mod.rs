//! The services of Yandex Cloud: where they are, where a secret may go, and how a request to them becomes a response.
//!
//! `regions.rs` and `endpoints.rs` decide where a secret may go; `address.rs` reads addresses. `installation.rs` says
//! which installation a source uses, `service_list.rs` where its services are. `machine.rs` tells a machine of Yandex
//! Cloud. `iam/`, `authorization.rs` and `metadata.rs` are the services that give tokens.

pub(crate) mod access_token;
pub(crate) mod address;
pub(crate) mod authorization;
pub(crate) mod endpoint_input;
pub(crate) mod endpoints;
pub(crate) mod folder;
pub(crate) mod iam;
pub(crate) mod installation;
#[cfg(feature = "service-account-key")]
pub(crate) mod jwt;
pub(crate) mod machine;
pub(crate) mod metadata;
pub(crate) mod model_list;
pub(crate) mod regions;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod service_list;
pub(crate) mod timestamp;
