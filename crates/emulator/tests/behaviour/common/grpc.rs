//! The messages of the client. They are declared separately from the server's messages, so that the tests check both.

use std::collections::HashMap;
use std::net::SocketAddr;

use http::uri::PathAndQuery;
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

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

#[derive(Clone, PartialEq, Message)]
pub struct Completion {
    #[prost(string, tag = "1")]
    pub model_uri: String,
    #[prost(message, optional, tag = "2")]
    pub options: Option<Options>,
    #[prost(message, repeated, tag = "3")]
    pub messages: Vec<ChatMessage>,
    #[prost(message, repeated, tag = "4")]
    pub tools: Vec<Tool>,
    #[prost(oneof = "Format", tags = "5, 6")]
    pub format: Option<Format>,
    #[prost(message, optional, tag = "7")]
    pub parallel_tool_calls: Option<BoolValue>,
    #[prost(message, optional, tag = "8")]
    pub tool_choice: Option<ToolChoice>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tool {
    #[prost(message, optional, tag = "1")]
    pub function: Option<FunctionTool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionTool {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(message, optional, tag = "3")]
    pub parameters: Option<Struct>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Format {
    #[prost(bool, tag = "5")]
    JsonObject(bool),
    #[prost(message, tag = "6")]
    JsonSchema(JsonSchema),
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonSchema {
    #[prost(message, optional, tag = "1")]
    pub schema: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct BoolValue {
    #[prost(bool, tag = "1")]
    pub value: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolChoice {
    #[prost(oneof = "Choice", tags = "1, 2")]
    pub choice: Option<Choice>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Choice {
    /// 1 none, 2 auto, 3 required.
    #[prost(int32, tag = "1")]
    Mode(i32),
    #[prost(string, tag = "2")]
    FunctionName(String),
}

#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    #[prost(map = "string, message", tag = "1")]
    pub fields: HashMap<String, JsonValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonValue {
    #[prost(oneof = "Json", tags = "2, 3, 5, 6")]
    pub kind: Option<Json>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Json {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(message, tag = "5")]
    Object(Struct),
    #[prost(message, tag = "6")]
    List(JsonList),
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonList {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<JsonValue>,
}

/// A minimal object.
pub fn object<const N: usize>(fields: [(&str, Json); N]) -> Struct {
    let fields = fields.map(|(name, kind)| (name.to_owned(), JsonValue { kind: Some(kind) }));
    Struct { fields: fields.into() }
}

#[derive(Clone, PartialEq, Message)]
pub struct Options {
    #[prost(bool, tag = "1")]
    pub stream: bool,
    #[prost(message, optional, tag = "2")]
    pub temperature: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub max_tokens: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ChatMessage {
    #[prost(string, tag = "1")]
    pub role: String,
    #[prost(oneof = "Content", tags = "2, 3, 4")]
    pub content: Option<Content>,
}

impl ChatMessage {
    pub fn user(text: &str) -> Self {
        Self { role: "user".to_owned(), content: Some(Content::Text(text.to_owned())) }
    }

    pub fn text(&self) -> &str {
        let Some(Content::Text(text)) = &self.content else { panic!("no text: {self:?}") };
        text
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Content {
    #[prost(string, tag = "2")]
    Text(String),
    #[prost(message, tag = "3")]
    ToolCallList(ToolCallList),
    #[prost(message, tag = "4")]
    ToolResultList(ToolResultList),
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolCallList {
    #[prost(message, repeated, tag = "1")]
    pub tool_calls: Vec<ToolCall>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolCall {
    #[prost(message, optional, tag = "1")]
    pub function_call: Option<FunctionCall>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionCall {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub arguments: Option<Struct>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolResultList {
    #[prost(message, repeated, tag = "1")]
    pub tool_results: Vec<ToolResult>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ToolResult {
    #[prost(message, optional, tag = "1")]
    pub function_result: Option<FunctionResult>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionResult {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub content: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Completed {
    #[prost(message, repeated, tag = "1")]
    pub alternatives: Vec<Alternative>,
    #[prost(message, optional, tag = "2")]
    pub usage: Option<Usage>,
    #[prost(string, tag = "3")]
    pub model_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Alternative {
    #[prost(message, optional, tag = "1")]
    pub message: Option<ChatMessage>,
    #[prost(int32, tag = "2")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Usage {
    #[prost(int64, tag = "1")]
    pub input_text_tokens: i64,
    #[prost(int64, tag = "2")]
    pub completion_tokens: i64,
    #[prost(int64, tag = "3")]
    pub total_tokens: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tokenize {
    #[prost(string, tag = "1")]
    pub model_uri: String,
    #[prost(string, tag = "2")]
    pub text: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tokenized {
    #[prost(message, repeated, tag = "1")]
    pub tokens: Vec<Token>,
    #[prost(string, tag = "2")]
    pub model_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Token {
    #[prost(int64, tag = "1")]
    pub id: i64,
    #[prost(string, tag = "2")]
    pub text: String,
    #[prost(bool, tag = "3")]
    pub special: bool,
}

pub const CREATE: &str = "/yandex.cloud.iam.v1.IamTokenService/Create";
pub const CREATE_FOR_SERVICE_ACCOUNT: &str = "/yandex.cloud.iam.v1.IamTokenService/CreateForServiceAccount";
pub const REVOKE: &str = "/yandex.cloud.iam.v1.IamTokenService/Revoke";
pub const LIST: &str = "/yandex.cloud.endpoint.ApiEndpointService/List";
pub const GET: &str = "/yandex.cloud.endpoint.ApiEndpointService/Get";
pub const COMPLETION: &str = "/yandex.cloud.ai.foundation_models.v1.TextGenerationService/Completion";
pub const TOKENIZE: &str = "/yandex.cloud.ai.foundation_models.v1.TokenizerService/Tokenize";
pub const TOKENIZE_COMPLETION: &str =
    "/yandex.cloud.ai.foundation_models.v1.TokenizerService/TokenizeCompletion";

pub async fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub fn oauth(token: &str) -> Create {
    Create { identity: Some(Identity::OAuth(token.to_owned())) }
}

pub fn text(text: &str) -> Text {
    Text { text: text.to_owned() }
}

/// `message` without credentials.
pub fn bare<T>(message: T) -> Request<T> {
    Request::new(message)
}

/// `message` with an `authorization`.
pub fn with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    request
}

pub async fn unary<Req, Res>(
    channel: &Channel,
    path: &'static str,
    request: Request<Req>,
) -> Result<Response<Res>, Status>
where
    Req: Message + Send + Sync + 'static,
    Res: Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<Req, Res>::default();
    client.unary(request, PathAndQuery::from_static(path), codec).await
}

pub async fn stream<Req, Res>(
    channel: &Channel,
    path: &'static str,
    request: Request<Req>,
) -> Result<Vec<Res>, Status>
where
    Req: Message + Send + Sync + 'static,
    Res: Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<Req, Res>::default();
    let responses = client.server_streaming(request, PathAndQuery::from_static(path), codec).await?;
    let mut responses: Streaming<Res> = responses.into_inner();
    let mut all = Vec::new();
    while let Some(response) = responses.message().await? {
        all.push(response);
    }
    Ok(all)
}

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

pub const COMPLETION_ASYNC: &str =
    "/yandex.cloud.ai.foundation_models.v1.TextGenerationAsyncService/Completion";
pub const TEXT_EMBEDDING: &str = "/yandex.cloud.ai.foundation_models.v1.EmbeddingsService/TextEmbedding";
pub const OPERATION_GET: &str = "/yandex.cloud.operation.OperationService/Get";
pub const OPERATION_CANCEL: &str = "/yandex.cloud.operation.OperationService/Cancel";
