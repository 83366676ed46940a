//! AI Studio: a model that tells who asked, how that was proved, and what was said.
//!
//! The rule of the answer is in `model_rule.rs`; who may ask, the pieces an answer comes in and the tokens it costs are
//! here; the wires are beside.

pub(crate) mod chat;
mod content;
pub(crate) mod embeddings;
mod events;
mod model_rule;
pub(crate) mod models;
pub(crate) mod responses;
pub(crate) mod text_generation;
pub(crate) mod tokenizer;

use crate::clock::seconds;
use crate::cloud::Cloud;
use crate::wire::status::Status;

const MODEL_VERSION: &str = "emulator";

/// What a model is for, and so the scheme of its address.
#[derive(Clone, Copy)]
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

/// A model's address, such as `gpt://<folder>/<name>/<version>`, of a folder that the caller may use.
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
                Status::invalid(format!("the model is not of the form {scheme}://<folder>/<model>/<version>"))
            })?;
        folder_allowed(cloud, folder)?;
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

/// The pieces a text is streamed in: words, each with the space after it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}

struct Usage {
    prompt: usize,
    completion: usize,
}

impl Usage {
    fn of<'a>(prompt: impl IntoIterator<Item = &'a str>, completion: &str) -> Self {
        let count = |text: &str| text.split_whitespace().count();
        Self { prompt: prompt.into_iter().map(count).sum(), completion: count(completion) }
    }

    fn total(&self) -> usize {
        self.prompt + self.completion
    }
}
