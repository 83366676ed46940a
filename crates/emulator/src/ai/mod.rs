//! AI Studio: a model whose output names the caller, the credential and the text of the user.
//!
//! `model_rule.rs` computes the output. This file has the parts that all protocols share: model URIs, streaming pieces
//! and token counts.

pub(crate) mod chat;
mod content;
pub(crate) mod embeddings;
mod events;
mod limit;
mod model_rule;
pub(crate) mod models;
pub(crate) mod responses;
pub(crate) mod text_generation;
pub(crate) mod tokenizer;

use crate::clock::seconds;
use crate::cloud::Cloud;
use crate::wire::status::Status;

const MODEL_VERSION: &str = "emulator";

/// The purpose of a model, which is the scheme of its URI.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Text,
    Embedding,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "gpt",
            Self::Embedding => "emb",
        }
    }
}

/// The URI of a model, such as `gpt://<folder>/<name>/<version>`, in a folder that the caller may use.
struct ModelUri<'a> {
    name: &'a str,
}

impl<'a> ModelUri<'a> {
    fn check(cloud: &Cloud, scheme: Scheme, uri: &'a str) -> Result<Self, Status> {
        let (folder, name) = uri
            .strip_prefix(scheme.name())
            .and_then(|rest| rest.strip_prefix("://"))
            .and_then(|rest| rest.split_once('/'))
            .filter(|(folder, name)| !folder.is_empty() && !name.is_empty())
            .ok_or_else(|| {
                let scheme = scheme.name();
                Status::invalid(format!(
                    "Failed to parse model URI: it does not have the form {scheme}://<folder>/<model>/<version>"
                ))
            })?;
        folder_allowed(cloud, folder)?;
        if !models::is_known(cloud, scheme, name) {
            // The status and the type are those of the OpenAI-compatible API (recorded). Those of the native API are
            // not known.
            let message = "Failed to get model: the emulator has the models that GET /v1/models lists";
            return Err(Status::invalid(message).of_kind("server_error"));
        }
        Ok(Self { name })
    }
}

fn folder_allowed(cloud: &Cloud, folder: &str) -> Result<(), Status> {
    if folder == cloud.options.folder_id {
        return Ok(());
    }
    Err(Status::denied(format!(
        "permission to the folder is denied: this emulator has the folder {}",
        cloud.options.folder_id
    )))
}

/// The pieces of a streamed text: words, each with the space after it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

/// The number of tokens: of words.
fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

struct Usage {
    prompt: usize,
    completion: usize,
}

impl Usage {
    fn of<'a>(prompt: impl IntoIterator<Item = &'a str>, completion: &str) -> Self {
        Self { prompt: prompt.into_iter().map(count).sum(), completion: count(completion) }
    }

    fn total(&self) -> usize {
        self.prompt + self.completion
    }
}
