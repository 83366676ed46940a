//! HTTP and gRPC messages: bodies, errors and calls. This folder knows nothing of the cloud.

pub(crate) mod body;
pub(crate) mod error_form;
pub(crate) mod form;
pub(crate) mod grpc;
pub(crate) mod status;
