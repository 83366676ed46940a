//! HTTP and gRPC messages: bodies, errors and calls. This folder knows nothing of the cloud.

pub(crate) mod body;
pub(crate) mod grpc;
pub(crate) mod status;
