//! The native API: `TextGenerationService` and `TextGenerationAsyncService`. `rest.rs` and `grpc.rs` are the protocols.
//!
//! A stream sends growing prefixes of the text. The last message is final. Function calls are sent in one message.

pub(crate) mod grpc;
pub(crate) mod rest;

use super::model_rule::{self, Output, Prompt};
use super::{ModelUri, Scheme, Usage, pieces};
use crate::cloud::Cloud;
use crate::identity::Caller;
use crate::messages::ai::AlternativeStatus;
use crate::wire::status::Status;

/// The number of words between two prefixes.
const STEP: usize = 3;

/// The description of an operation in the real service.
const DESCRIPTION: &str = "Async GPT Completion";
/// The type of the response of an operation.
const RESPONSE_TYPE: &str = "type.googleapis.com/yandex.cloud.ai.foundation_models.v1.CompletionResponse";

/// One message of a response.
struct Part {
    output: Output,
    status: AlternativeStatus,
    usage: Usage,
}

fn complete(
    cloud: &Cloud,
    caller: &Caller,
    model: &str,
    prompt: &Prompt<'_>,
    texts: &[String],
) -> Result<Part, Status> {
    ModelUri::check(cloud, Scheme::Text, model)?;
    let (output, is_cut) = model_rule::respond(caller, prompt)?;
    let status = match output {
        _ if is_cut => AlternativeStatus::TruncatedFinal,
        Output::Text(_) => AlternativeStatus::Final,
        Output::Calls(_) => AlternativeStatus::ToolCalls,
    };
    let usage = Usage::of(texts.iter().map(String::as_str), &output.words());
    Ok(Part { output, status, usage })
}

/// The prefixes of a response, and the complete response.
fn streamed(last: Part, texts: &[String]) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Output::Text(text) = &last.output {
        let mut prefix = String::new();
        for (n, piece) in pieces(text).enumerate() {
            prefix.push_str(piece);
            if (n + 1) % STEP == 0 && prefix.len() < text.len() {
                let text = prefix.trim_end().to_owned();
                parts.push(Part {
                    usage: Usage::of(texts.iter().map(String::as_str), &text),
                    output: Output::Text(text),
                    status: AlternativeStatus::Partial,
                });
            }
        }
    }
    parts.push(last);
    parts
}
