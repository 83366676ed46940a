//! gRPC calls recorded as JSON, converted to the REST calls that they map to.
//!
//! REST uses proto3 JSON too, so a recorded message is a REST body without changes. Only the method and the path are
//! missing. A table finds them by the types of the request message and the response message.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::interaction::{BodyKind, Interaction, Request, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The types of the request and the response, and the REST call that they map to in the public API's definition.
/// `{field}` is a field of the request message. A POST has the message as its body.
const CALLS: &[(&str, &str, Method, &str)] = &[
    ("ListApiEndpointsRequest", "ListApiEndpointsResponse", Method::GET, "/endpoints"),
    ("GetApiEndpointRequest", "ApiEndpoint", Method::GET, "/endpoints/{apiEndpointId}"),
    ("CompletionRequest", "CompletionResponse", Method::POST, "/foundationModels/v1/completion"),
    ("CompletionRequest", "Operation", Method::POST, "/foundationModels/v1/completionAsync"),
    ("CompletionRequest", "TokenizeResponse", Method::POST, "/foundationModels/v1/tokenizeCompletion"),
    ("TokenizeRequest", "TokenizeResponse", Method::POST, "/foundationModels/v1/tokenize"),
    ("TextEmbeddingRequest", "TextEmbeddingResponse", Method::POST, "/foundationModels/v1/textEmbedding"),
    ("GetOperationRequest", "Operation", Method::GET, "/operations/{operationId}"),
    ("CancelOperationRequest", "Operation", Method::GET, "/operations/{operationId}:cancel"),
];

#[derive(Deserialize)]
struct File {
    interactions: Vec<Call>,
}

/// A call of a form that is not supported, such as a stream of requests, has neither of the last two fields.
#[derive(Deserialize)]
struct Call {
    request: Option<Message>,
    response: Option<Message>,
    response_stream: Option<Vec<Message>>,
}

#[derive(Deserialize)]
struct Message {
    cls: String,
    #[serde(default)]
    message: Value,
}

/// The calls that have a REST equivalent, and the message types of the calls that have none.
pub(crate) fn read(text: &str) -> Result<(Vec<Interaction>, Vec<String>), String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file: File = serde_json::from_str(text).map_err(|error| {
        format!("not the JSON of a recording at line {}, column {}", error.line(), error.column())
    })?;
    let (mut interactions, mut unsupported) = (Vec::new(), Vec::new());
    for call in file.interactions {
        match interaction(call) {
            Ok(interaction) => interactions.push(interaction),
            Err(message_types) => unsupported.push(message_types),
        }
    }
    Ok((interactions, unsupported))
}

/// # Errors
/// The message types of a call that has no REST equivalent.
fn interaction(call: Call) -> Result<Interaction, String> {
    let Some(request) = call.request else {
        return Err("no request".to_owned());
    };
    let stream = call.response_stream;
    let first_streamed = stream.as_ref().and_then(|messages| messages.first());
    let response_type = call.response.as_ref().or(first_streamed).map(|message| &*message.cls);
    let entry = CALLS.iter().find(|(of_request, of_response, ..)| {
        *of_request == request.cls && Some(*of_response) == response_type
    });
    let target =
        entry.and_then(|(_, _, method, path)| Some((method.clone(), target(path, &request.message)?)));
    let Some((method, target)) = target else {
        let response_type = response_type.unwrap_or("an unsupported response");
        return Err(format!("{} with {response_type}", request.cls));
    };
    let response = match (call.response, stream) {
        (Some(message), _) => response(BodyKind::Whole, message.message.to_string()),
        (None, stream) => {
            let line = |message: Message| format!("{}\n", json!({ "result": message.message }));
            response(BodyKind::Lines, stream.into_iter().flatten().map(line).collect())
        }
    };
    let (mut headers, mut body) = (HeaderMap::new(), Bytes::new());
    if method == Method::POST {
        headers.insert(header::CONTENT_TYPE, JSON);
        body = request.message.to_string().into();
    }
    let message_type = Some(request.cls);
    let request = Request { method, host: None, target, headers, body };
    Ok(Interaction { message_type, request, response })
}

fn response(kind: BodyKind, body: String) -> Response {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]);
    Response { status: StatusCode::OK, headers, body: body.into(), kind }
}

/// The path with the value of its field, or `None` if the message has no such text field.
fn target(path: &str, message: &Value) -> Option<String> {
    let Some((before, rest)) = path.split_once('{') else { return Some(path.to_owned()) };
    let (field, after) = rest.split_once('}')?;
    let value = message.get(field)?.as_str()?;
    Some(format!("{before}{value}{after}"))
}
