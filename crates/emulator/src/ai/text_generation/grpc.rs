//! Text generation over gRPC.

use http::{Request, Response};
use prost::Message;
use serde_json::{Value, json};

use super::{DESCRIPTION, Part, RESPONSE_TYPE, complete, streamed};
use crate::ai::MODEL_VERSION;
use crate::ai::limit::Limit;
use crate::ai::model_rule::{Call, Choice, Format, Function, Output, Prompt};
use crate::cloud::authenticated;
use crate::cloud::{Cloud, Outcome};
use crate::identity::Caller;
use crate::messages::Any;
use crate::messages::ai::{
    Alternative, ChatMessage, CompletionRequest, CompletionResponse, ContentUsage, FunctionCall,
    FunctionTool, JsonSchema, ToolCall, ToolCallList, ToolChoice, ToolResultList,
};
use crate::operations;
use crate::structs::Struct;
use crate::wire::body::{Body, RequestBody};
use crate::wire::grpc::{server_streaming, unary_by};
use crate::wire::status::Status;

/// `TextGenerationService.Completion`
pub(crate) async fn completion(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = match authenticated(cloud, request.headers(), false) {
        Ok(caller) => caller,
        Err(status) => return status.to_grpc(),
    };
    server_streaming(request, |request: CompletionRequest| {
        let (part, texts) = generate(cloud, &caller, &request)?;
        let stream = request.completion_options.as_ref().is_some_and(|options| options.stream);
        let parts = if stream { streamed(part, &texts) } else { vec![part] };
        Ok(parts.iter().map(message).collect())
    })
    .await
}

/// `TextGenerationAsyncService.Completion`
pub(crate) async fn completion_async(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = authenticated(cloud, request.headers(), false);
    unary_by(caller, request, |caller, request: CompletionRequest| {
        let (part, _) = generate(cloud, caller, &request)?;
        operations::grpc::start(cloud, caller, DESCRIPTION, outcome(&part))
    })
    .await
}

/// The response of a completed operation, for REST and gRPC.
pub(super) fn outcome(part: &Part) -> Outcome {
    let message = Any { type_url: RESPONSE_TYPE.to_owned(), value: message(part).encode_to_vec() };
    let mut json = super::rest::json(part);
    json["@type"] = RESPONSE_TYPE.into();
    Outcome { message, json }
}

fn generate(
    cloud: &Cloud,
    caller: &Caller,
    request: &CompletionRequest,
) -> Result<(Part, Vec<String>), Status> {
    let last = request.messages.last().ok_or_else(|| Status::invalid("messages is empty"))?;
    let user = request.messages.iter().rev().find(|message| message.role == "user" && message.text.is_some());
    let functions: Vec<Value> =
        request.tools.iter().filter_map(|tool| tool.function.as_ref()).map(json_of).collect();
    let schema = match &request.json_schema {
        Some(JsonSchema { schema: None }) => return Err(Status::invalid("the format has no schema")),
        Some(JsonSchema { schema: Some(schema) }) => Some(schema.to_json()),
        None => None,
    };
    let of_model = Prompt {
        user_text: user.unwrap_or(last).text.clone().unwrap_or_default(),
        tool_results: last.tool_result_list.as_ref().map(contents),
        functions: functions.iter().map(Function::of).collect::<Result<_, _>>()?,
        choice: request.tool_choice.as_ref().map_or(Ok(Choice::Auto), choice)?,
        parallel: request.parallel_tool_calls != Some(false),
        format: match &schema {
            Some(schema) => Format::JsonSchema(schema),
            None if request.json_object == Some(true) => Format::JsonObject,
            None => Format::Text,
        },
        limit: {
            let options = request.completion_options.as_ref();
            Limit::read("max_tokens", options.and_then(|options| options.max_tokens))?
        },
    };
    let texts: Vec<String> = request.messages.iter().filter_map(|message| message.text.clone()).collect();
    Ok((complete(cloud, caller, &request.model_uri, &of_model, &texts)?, texts))
}

/// The prompt for the model's rule.
fn json_of(function: &FunctionTool) -> Value {
    let mut json = json!({ "name": function.name });
    if let Some(parameters) = &function.parameters {
        json["parameters"] = parameters.to_json();
    }
    json
}

fn contents(list: &ToolResultList) -> String {
    let contents =
        list.tool_results.iter().filter_map(|result| result.function_result.as_ref()?.content.as_deref());
    contents.collect::<Vec<_>>().join(", ")
}

fn choice(choice: &ToolChoice) -> Result<Choice<'_>, Status> {
    match &choice.function_name {
        Some(name) => Ok(Choice::Named(name)),
        None => Choice::by_mode(choice.mode().name()),
    }
}

fn message(part: &Part) -> CompletionResponse {
    let count = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
    CompletionResponse {
        alternatives: vec![Alternative {
            message: Some(chat_message(&part.output)),
            status: part.status.into(),
        }],
        usage: Some(ContentUsage {
            input_text_tokens: count(part.usage.prompt),
            completion_tokens: count(part.usage.completion),
            total_tokens: count(part.usage.total()),
        }),
        model_version: MODEL_VERSION.to_owned(),
    }
}

fn chat_message(output: &Output) -> ChatMessage {
    let role = "assistant".to_owned();
    match output {
        Output::Text(text) => ChatMessage { role, text: Some(text.clone()), ..ChatMessage::default() },
        Output::Calls(calls) => {
            let call = |call: &Call| {
                let (name, arguments) = (call.name.clone(), Some(Struct::of(&call.arguments)));
                ToolCall { function_call: Some(FunctionCall { name, arguments }) }
            };
            let tool_call_list = Some(ToolCallList { tool_calls: calls.iter().map(call).collect() });
            ChatMessage { role, tool_call_list, ..ChatMessage::default() }
        }
    }
}
