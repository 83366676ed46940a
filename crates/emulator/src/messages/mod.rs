//! The protobuf messages that the emulator supports, by field number.
//!
//! Fields that the emulator does not read are missing: protobuf ignores unknown fields.

pub(crate) mod ai;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

/// `google.protobuf.Timestamp`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = 1)]
    pub(crate) seconds: i64,
    #[prost(int32, tag = 2)]
    pub(crate) nanos: i32,
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
        }
    }
}

/// `yandex.cloud.iam.v1.CreateIamTokenRequest`; the oneof is declared as two fields, so that a request with both is
/// detected.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(crate) struct CreateIamTokenRequest {
    #[prost(string, optional, tag = 1)]
    pub(crate) yandex_passport_oauth_token: Option<String>,
    #[prost(string, optional, tag = 2)]
    pub(crate) jwt: Option<String>,
}

/// `yandex.cloud.iam.v1.CreateIamTokenForServiceAccountRequest`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateIamTokenForServiceAccountRequest {
    #[prost(string, tag = 1)]
    pub(crate) service_account_id: String,
}

/// `yandex.cloud.iam.v1.CreateIamTokenResponse`
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(crate) struct CreateIamTokenResponse {
    #[prost(string, tag = 1)]
    pub(crate) iam_token: String,
    #[prost(message, optional, tag = 2)]
    pub(crate) expires_at: Option<Timestamp>,
}

/// `yandex.cloud.iam.v1.RevokeIamTokenRequest`
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub(crate) struct RevokeIamTokenRequest {
    #[prost(string, tag = 1)]
    pub(crate) iam_token: String,
}

/// `yandex.cloud.iam.v1.RevokeIamTokenResponse`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RevokeIamTokenResponse {
    #[prost(string, tag = 1)]
    pub(crate) subject_id: String,
}

macro_rules! secret_in_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
secret_in_debug!(CreateIamTokenRequest, CreateIamTokenResponse, RevokeIamTokenRequest);

/// `yandex.cloud.endpoint.ListApiEndpointsRequest`, less its deprecated paging
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListApiEndpointsRequest {}

/// `yandex.cloud.endpoint.ListApiEndpointsResponse`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ListApiEndpointsResponse {
    #[prost(message, repeated, tag = 1)]
    pub(crate) endpoints: Vec<ApiEndpoint>,
}

/// `yandex.cloud.endpoint.GetApiEndpointRequest`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetApiEndpointRequest {
    #[prost(string, tag = 1)]
    pub(crate) api_endpoint_id: String,
}

/// `yandex.cloud.endpoint.ApiEndpoint`
#[derive(Clone, PartialEq, Message, serde::Serialize)]
pub(crate) struct ApiEndpoint {
    #[prost(string, tag = 1)]
    pub(crate) id: String,
    #[prost(string, tag = 2)]
    pub(crate) address: String,
}

/// `yandex.cloud.operation.Operation`, less its metadata
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Operation {
    #[prost(string, tag = 1)]
    pub(crate) id: String,
    #[prost(string, tag = 2)]
    pub(crate) description: String,
    #[prost(message, optional, tag = 3)]
    pub(crate) created_at: Option<Timestamp>,
    #[prost(string, tag = 4)]
    pub(crate) created_by: String,
    #[prost(message, optional, tag = 5)]
    pub(crate) modified_at: Option<Timestamp>,
    #[prost(bool, tag = 6)]
    pub(crate) done: bool,
    #[prost(message, optional, tag = 8)]
    pub(crate) error: Option<RpcStatus>,
    #[prost(message, optional, tag = 9)]
    pub(crate) response: Option<Any>,
}

/// `yandex.cloud.operation.GetOperationRequest` and `CancelOperationRequest`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperationId {
    #[prost(string, tag = 1)]
    pub(crate) operation_id: String,
}

/// `google.rpc.Status`, less its details
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = 1)]
    pub(crate) code: i32,
    #[prost(string, tag = 2)]
    pub(crate) message: String,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = 1)]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = 2)]
    pub(crate) value: Vec<u8>,
}
