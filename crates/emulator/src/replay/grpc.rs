//! gRPC calls recorded as JSON, taken for the REST calls that they map to.
//!
//! proto3's JSON is what REST carries, so a message is a body as it stands; only the method and the path are missing,
//! and a table has them, by the classes of the request and of the answer.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Interaction, Kind, Request};
use crate::body::JSON;

/// The class of a request, that of its answer, and the call that they are over REST, by the public API's definition.
/// `{field}` is a field of the message; the others are the body of a POST.
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

/// Forms that are not known, such as streams of requests, have neither of the last two.
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

/// The calls that have a REST twin, and the classes of the others.
pub(super) fn read(text: &str) -> Result<(Vec<Interaction>, Vec<String>), String> {
    let file: File =
        serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).map_err(|error| {
            format!("not the JSON of one at line {}, column {}", error.line(), error.column())
        })?;
    let (mut interactions, mut not_covered) = (Vec::new(), Vec::new());
    for call in file.interactions {
        match interaction(call) {
            Ok(interaction) => interactions.push(interaction),
            Err(class) => not_covered.push(class),
        }
    }
    Ok((interactions, not_covered))
}

fn interaction(call: Call) -> Result<Interaction, String> {
    let Some(request) = call.request else {
        return Err("no request".to_owned());
    };
    let stream = call.response_stream;
    let class = call.response.as_ref().or(stream.as_ref().and_then(|all| all.first())).map(|one| &*one.cls);
    let found = CALLS.iter().find(|(asked, answered, ..)| *asked == request.cls && Some(*answered) == class);
    let target =
        found.and_then(|(_, _, method, path)| Some((method.clone(), target(path, &request.message)?)));
    let Some((method, target)) = target else {
        return Err(format!("{}, answered by {}", request.cls, class.unwrap_or("nothing that is known")));
    };
    let answer = match (call.response, stream) {
        (Some(answer), _) => answer_of(Kind::Whole, answer.message.to_string()),
        (None, all) => {
            let lines =
                all.into_iter().flatten().map(|one| format!("{}\n", json!({ "result": one.message })));
            answer_of(Kind::Lines, lines.collect::<String>())
        }
    };
    let (mut headers, mut body) = (HeaderMap::new(), Bytes::new());
    if method == Method::POST {
        headers.insert(header::CONTENT_TYPE, JSON);
        body = request.message.to_string().into();
    }
    let class = Some(request.cls);
    Ok(Interaction { class, request: Request { method, host: None, target, headers, body }, answer })
}

fn answer_of(kind: Kind, body: String) -> Answer {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, JSON)]);
    Answer { status: StatusCode::OK, headers, body: body.into(), kind }
}

/// The path, with the field that it names; `None` where the message has no such text.
fn target(path: &str, message: &Value) -> Option<String> {
    let Some((before, rest)) = path.split_once('{') else { return Some(path.to_owned()) };
    let (field, after) = rest.split_once('}')?;
    let value = message.get(field)?.as_str()?;
    Some(format!("{before}{value}{after}"))
}
