//! `GET /v1/models`: the models of a folder.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::folder_allowed;
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::wire::body::{self, Body};
use crate::wire::status::Status;

/// Scheme, name and version, owner.
const MODELS: &[(&str, &str, &str)] = &[
    ("gpt", "yandexgpt/latest", "Yandex"),
    ("gpt", "yandexgpt/rc", "Yandex"),
    ("gpt", "yandexgpt-lite/latest", "Yandex"),
    ("gpt", "aliceai-llm/latest", "Yandex"),
    ("gpt", "gpt-oss-20b/latest", "OpenAI"),
    ("gpt", "gpt-oss-120b/latest", "OpenAI"),
    ("gpt", "qwen3-235b-a22b-fp8/latest", "Alibaba"),
    ("gpt", "gemma-3-27b-it/latest", "Google"),
    ("emb", "text-search-doc/latest", "Yandex"),
    ("emb", "text-search-query/latest", "Yandex"),
    ("emb", "text-embeddings/latest", "Yandex"),
];

/// The folder is the one in `OpenAI-Project`, or the emulator's folder if the header is missing.
pub(crate) fn list(cloud: &Cloud, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    authenticated(cloud, headers, true)?;
    if let Some(folder) = headers.get("openai-project") {
        folder_allowed(cloud, folder.to_str().unwrap_or_default())?;
    }
    let folder = &cloud.options.folder_id;
    let model = |(scheme, name, owner): &(&str, &str, &str)| json!({ "id": format!("{scheme}://{folder}/{name}"), "object": "model", "owned_by": owner, "created": 0 });
    let data: Vec<Value> = MODELS.iter().map(model).collect();
    Ok(body::json(StatusCode::OK, &json!({ "object": "list", "data": data })))
}
