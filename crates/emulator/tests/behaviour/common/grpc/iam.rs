//! The messages of IAM and of discovery.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Create {
    #[prost(oneof = "Identity", tags = "1, 2")]
    pub identity: Option<Identity>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Identity {
    #[prost(string, tag = "1")]
    OAuth(String),
    #[prost(string, tag = "2")]
    Jwt(String),
}

#[derive(Clone, PartialEq, Message)]
pub struct Created {
    #[prost(string, tag = "1")]
    pub iam_token: String,
    #[prost(message, optional, tag = "2")]
    pub expires_at: Option<Time>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Time {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A message with one string in field 1: the request and response of Revoke, the request of Get.
#[derive(Clone, PartialEq, Message)]
pub struct Text {
    #[prost(string, tag = "1")]
    pub text: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub struct Endpoints {
    #[prost(message, repeated, tag = "1")]
    pub endpoints: Vec<ApiEndpoint>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ApiEndpoint {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub address: String,
}

pub const CREATE: &str = "/yandex.cloud.iam.v1.IamTokenService/Create";
pub const CREATE_FOR_SERVICE_ACCOUNT: &str = "/yandex.cloud.iam.v1.IamTokenService/CreateForServiceAccount";
pub const REVOKE: &str = "/yandex.cloud.iam.v1.IamTokenService/Revoke";
pub const LIST: &str = "/yandex.cloud.endpoint.ApiEndpointService/List";
pub const GET: &str = "/yandex.cloud.endpoint.ApiEndpointService/Get";

pub fn oauth(token: &str) -> Create {
    Create { identity: Some(Identity::OAuth(token.to_owned())) }
}

pub fn text(text: &str) -> Text {
    Text { text: text.to_owned() }
}
