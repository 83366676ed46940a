//! The messages of embeddings and operations.

use prost::Message;

use super::iam::Time;

#[derive(Clone, PartialEq, Message)]
pub struct Embed {
    #[prost(string, tag = "1")]
    pub model_uri: String,
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(message, optional, tag = "3")]
    pub dim: Option<Int64Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Int64Value {
    #[prost(int64, tag = "1")]
    pub value: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Embedded {
    #[prost(double, repeated, tag = "1")]
    pub embedding: Vec<f64>,
    #[prost(int64, tag = "2")]
    pub num_tokens: i64,
    #[prost(string, tag = "3")]
    pub model_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Operation {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(message, optional, tag = "3")]
    pub created_at: Option<Time>,
    #[prost(string, tag = "4")]
    pub created_by: String,
    #[prost(bool, tag = "6")]
    pub done: bool,
    #[prost(oneof = "Outcome", tags = "8, 9")]
    pub outcome: Option<Outcome>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Outcome {
    #[prost(message, tag = "8")]
    Error(Failure),
    #[prost(message, tag = "9")]
    Response(Any),
}

#[derive(Clone, PartialEq, Message)]
pub struct Failure {
    #[prost(int32, tag = "1")]
    pub code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

pub const TEXT_EMBEDDING: &str = "/yandex.cloud.ai.foundation_models.v1.EmbeddingsService/TextEmbedding";
pub const OPERATION_GET: &str = "/yandex.cloud.operation.OperationService/Get";
pub const OPERATION_CANCEL: &str = "/yandex.cloud.operation.OperationService/Cancel";
