//! Text generation over gRPC. Tools and formats of answers are the REST twin's alone.

use bytes::Bytes;
use http::{Request, Response};
use prost::Message;

use super::{DESCRIPTION, Part, RESPONSE_TYPE, complete, streamed};
use crate::ai::rule::Asked;
use crate::ai::{MODEL_VERSION, authenticated};
use crate::body::Body;
use crate::cloud::Cloud;
use crate::grpc::{server_streaming, unary_by};
use crate::identity::Caller;
use crate::messages::{Alternative, Any, ChatMessage, CompletionRequest, CompletionResponse, ContentUsage};
use crate::operations::{self, Outcome};
use crate::status::Status;

/// `TextGenerationService.Completion`
pub(crate) async fn completion<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let caller = match authenticated(cloud, request.headers(), false) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_grpc(),
    };
    server_streaming(request, |asked: CompletionRequest| {
        let (part, prompt) = answer(cloud, &caller, &asked)?;
        let stream = asked.completion_options.as_ref().is_some_and(|options| options.stream);
        let parts = if stream { streamed(part, &prompt) } else { vec![part] };
        Ok(parts.iter().map(message).collect())
    })
    .await
}

/// `TextGenerationAsyncService.Completion`
pub(crate) async fn completion_async<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let caller = authenticated(cloud, request.headers(), false);
    unary_by(caller, request, |caller, asked: CompletionRequest| {
        let (part, _) = answer(cloud, caller, &asked)?;
        operations::grpc::start(cloud, caller, DESCRIPTION, outcome(&part))
    })
    .await
}

/// What an operation ends with, ready for both wires.
pub(super) fn outcome(part: &Part) -> Outcome {
    let message = Any { type_url: RESPONSE_TYPE.to_owned(), value: message(part).encode_to_vec() };
    let mut json = super::rest::json(part);
    json["@type"] = RESPONSE_TYPE.into();
    Outcome { message, json }
}

fn answer(cloud: &Cloud, caller: &Caller, asked: &CompletionRequest) -> Result<(Part, Vec<String>), Status> {
    let said = asked.messages.iter().rev().find(|message| message.role == "user").or(asked.messages.last());
    let said = said.ok_or_else(|| Status::invalid("messages is empty"))?.text.clone().unwrap_or_default();
    let prompt: Vec<String> = asked.messages.iter().filter_map(|message| message.text.clone()).collect();
    let asked_of_model = Asked { said, ..Asked::default() };
    Ok((complete(cloud, caller, &asked.model_uri, &asked_of_model, &prompt)?, prompt))
}

fn message(part: &Part) -> CompletionResponse {
    let count = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
    CompletionResponse {
        alternatives: vec![Alternative {
            message: Some(ChatMessage { role: "assistant".to_owned(), text: Some(part.answer.words()) }),
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
