//! `TextGenerationService.Completion` over gRPC: growing prefixes, the last one final.

use bytes::Bytes;
use http::{Request, Response};

use super::rule::{self, Asked};
use super::{MODEL_VERSION, ModelUri, Scheme, Usage, authenticated, pieces};
use crate::body::Body;
use crate::cloud::Cloud;
use crate::grpc::server_streaming;
use crate::identity::Caller;
use crate::messages::{
    Alternative, AlternativeStatus, ChatMessage, CompletionRequest, CompletionResponse, ContentUsage,
};
use crate::status::Status;

/// How many words a prefix grows by.
const STEP: usize = 3;

pub(crate) async fn completion<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    match authenticated(cloud, request.headers(), false) {
        Ok(caller) => server_streaming(request, |asked| complete(cloud, &caller, &asked)).await,
        Err(refusal) => refusal.into_grpc(),
    }
}

fn complete(
    cloud: &Cloud,
    caller: &Caller,
    asked: &CompletionRequest,
) -> Result<Vec<CompletionResponse>, Status> {
    ModelUri::check(cloud, Scheme::Text, &asked.model_uri)?;
    let said = asked.messages.iter().rev().find(|message| message.role == "user").or(asked.messages.last());
    let said = said.ok_or_else(|| Status::invalid("messages is empty"))?.text.as_deref().unwrap_or_default();
    let asked_of_model = Asked { said: said.to_owned(), ..Asked::default() };
    let text = rule::answer(caller, &asked_of_model)?.words();
    let stream = asked.completion_options.as_ref().is_some_and(|options| options.stream);

    let mut answers = Vec::new();
    if stream {
        let mut prefix = String::new();
        for (n, piece) in pieces(&text).enumerate() {
            prefix.push_str(piece);
            if (n + 1) % STEP == 0 && prefix.len() < text.len() {
                answers.push(response(asked, prefix.trim_end(), AlternativeStatus::Partial));
            }
        }
    }
    answers.push(response(asked, &text, AlternativeStatus::Final));
    Ok(answers)
}

fn response(asked: &CompletionRequest, text: &str, status: AlternativeStatus) -> CompletionResponse {
    let usage = Usage::of(asked.messages.iter().filter_map(|message| message.text.as_deref()), text);
    let count = |tokens: usize| i64::try_from(tokens).unwrap_or(i64::MAX);
    CompletionResponse {
        alternatives: vec![Alternative {
            message: Some(ChatMessage { role: "assistant".to_owned(), text: Some(text.to_owned()) }),
            status: status.into(),
        }],
        usage: Some(ContentUsage {
            input_text_tokens: count(usage.prompt),
            completion_tokens: count(usage.completion),
            total_tokens: count(usage.total()),
        }),
        model_version: MODEL_VERSION.to_owned(),
    }
}
