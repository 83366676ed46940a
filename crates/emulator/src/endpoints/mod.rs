//! Endpoint discovery: the address of every service is the address that the client used for this request.

pub(crate) mod grpc;
pub(crate) mod rest;

use crate::messages::ApiEndpoint;
use crate::wire::status::Status;

/// The ids that clients of AI Studio use. As in the real list, `ai-tts-v3` is missing.
const IDS: &[&str] = &[
    "ai-assistants",
    "ai-files",
    "ai-foundation-models",
    "ai-llm",
    "ai-speechkit",
    "ai-stt",
    "ai-stt-v3",
    "ai-translate",
    "ai-vision",
    "ai-vision-ocr",
    "endpoint",
    "iam",
    "operation",
    "resource-manager",
    "searchapi",
];

/// `ApiEndpointService.List`
fn list(authority: &str) -> Vec<ApiEndpoint> {
    IDS.iter().map(|id| ApiEndpoint { id: (*id).to_owned(), address: authority.to_owned() }).collect()
}

/// `ApiEndpointService.Get`
fn get(authority: &str, id: &str) -> Result<ApiEndpoint, Status> {
    let known = IDS.iter().find(|known| **known == id);
    known
        .map(|id| ApiEndpoint { id: (*id).to_owned(), address: authority.to_owned() })
        .ok_or_else(|| Status::not_found("no service has this id"))
}
