//! Text generation over REST: proto3 JSON. A response is wrapped in `{"result": …}`. A stream has one on each line.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DESCRIPTION, Part, complete, grpc, streamed};
use crate::ai::MODEL_VERSION;
use crate::ai::limit::{Int64, Limit};
use crate::ai::model_rule::{Choice, Format, Function, Output, Prompt};
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::operations;
use crate::wire::body::{self, Body, JSON, Pieces, RequestBody};
use crate::wire::status::Status;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::ai) struct CompletionRequest {
    #[serde(alias = "model_uri")]
    pub(in crate::ai) model_uri: String,
    #[serde(alias = "completion_options")]
    completion_options: Option<CompletionOptions>,
    messages: Vec<Message>,
    tools: Option<Vec<Value>>,
    #[serde(alias = "json_object")]
    json_object: Option<bool>,
    #[serde(alias = "json_schema")]
    json_schema: Option<JsonSchema>,
    #[serde(alias = "parallel_tool_calls")]
    parallel_tool_calls: Option<bool>,
    #[serde(alias = "tool_choice")]
    tool_choice: Option<ToolChoice>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompletionOptions {
    stream: Option<bool>,
    #[serde(alias = "max_tokens")]
    max_tokens: Option<Int64>,
}

#[derive(Deserialize)]
struct JsonSchema {
    schema: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolChoice {
    mode: Option<String>,
    #[serde(alias = "function_name")]
    function_name: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    role: String,
    text: Option<String>,
    #[serde(alias = "tool_result_list")]
    tool_result_list: Option<ToolResultList>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResultList {
    #[serde(default, alias = "tool_results")]
    tool_results: Vec<ToolResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    #[serde(alias = "function_result")]
    function_result: Option<FunctionResult>,
}

#[derive(Deserialize)]
struct FunctionResult {
    content: Option<String>,
}

impl Message {
    fn results(&self) -> Option<String> {
        let results = &self.tool_result_list.as_ref()?.tool_results;
        let contents = results.iter().filter_map(|result| result.function_result.as_ref()?.content.clone());
        Some(contents.collect::<Vec<_>>().join(", "))
    }
}

impl CompletionRequest {
    fn prompt(&self) -> Result<Prompt<'_>, Status> {
        let last = self.messages.last().ok_or_else(|| Status::invalid("messages is empty"))?;
        let user =
            self.messages.iter().rev().find(|message| message.role == "user" && message.text.is_some());
        let functions = self.tools.iter().flatten().filter_map(|tool| tool.get("function"));
        Ok(Prompt {
            user_text: user.unwrap_or(last).text.clone().unwrap_or_default(),
            tool_results: last.results(),
            functions: functions.map(Function::of).collect::<Result<_, _>>()?,
            choice: match &self.tool_choice {
                None => Choice::Auto,
                Some(ToolChoice { mode: Some(mode), .. }) => Choice::by_mode(mode)?,
                Some(ToolChoice { function_name, .. }) => Choice::by_name(function_name.as_ref())?,
            },
            parallel: self.parallel_tool_calls != Some(false),
            format: match &self.json_schema {
                Some(format) => Format::JsonSchema(&format.schema),
                None if self.json_object == Some(true) => Format::JsonObject,
                None => Format::Text,
            },
            limit: {
                let tokens = self.completion_options.as_ref().and_then(|options| options.max_tokens.as_ref());
                Limit::read("maxTokens", tokens.map(|tokens| tokens.value("maxTokens")).transpose()?)?
            },
        })
    }

    /// The texts of all messages, for the token count.
    pub(in crate::ai) fn texts(&self) -> Vec<String> {
        self.messages.iter().filter_map(|message| message.text.clone()).collect()
    }
}

/// `POST /foundationModels/v1/completion`
pub(crate) async fn completion(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = authenticated(cloud, request.headers(), false)?;
    let request: CompletionRequest = body::read_json(request.into_body()).await?;
    let texts = request.texts();
    let part = complete(cloud, &caller, &request.model_uri, &request.prompt()?, &texts)?;
    if request.completion_options.as_ref().and_then(|options| options.stream) != Some(true) {
        return Ok(body::json(StatusCode::OK, &json!({ "result": json(&part) })));
    }
    let line = |part: &Part| Bytes::from(format!("{}\n", json!({ "result": json(part) })));
    let lines: Vec<Bytes> = streamed(part, &texts).iter().map(line).collect();
    let mut response = Response::new(Body::new(Pieces::new(lines)));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    Ok(response)
}

/// `POST /foundationModels/v1/completionAsync`
pub(crate) async fn completion_async(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = authenticated(cloud, request.headers(), false)?;
    let request: CompletionRequest = body::read_json(request.into_body()).await?;
    let part = complete(cloud, &caller, &request.model_uri, &request.prompt()?, &request.texts())?;
    operations::rest::start(cloud, &caller, DESCRIPTION, grpc::outcome(&part))
}

/// `CompletionResponse` as JSON
pub(super) fn json(part: &Part) -> Value {
    let message = match &part.output {
        Output::Text(text) => json!({ "role": "assistant", "text": text }),
        Output::Calls(calls) => {
            let call = |call: &crate::ai::model_rule::Call| json!({ "functionCall": { "name": call.name, "arguments": call.arguments } });
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({ "role": "assistant", "toolCallList": { "toolCalls": calls } })
        }
    };
    json!({
        "alternatives": [{ "message": message, "status": part.status.name() }],
        "usage": {
            "inputTextTokens": part.usage.prompt.to_string(),
            "completionTokens": part.usage.completion.to_string(),
            "totalTokens": part.usage.total().to_string(),
        },
        "modelVersion": MODEL_VERSION,
    })
}
