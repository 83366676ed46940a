//! `GET /v1/models`: the models of a folder.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::{Scheme, folder_allowed};
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::wire::body::{self, Body};
use crate::wire::status::Status;

/// Scheme, name and version, owner.
const MODELS: &[(Scheme, &str, &str)] = &[
    (Scheme::Text, "yandexgpt/latest", "Yandex"),
    (Scheme::Text, "yandexgpt/rc", "Yandex"),
    (Scheme::Text, "yandexgpt-lite/latest", "Yandex"),
    (Scheme::Text, "aliceai-llm/latest", "Yandex"),
    (Scheme::Text, "gpt-oss-20b/latest", "OpenAI"),
    (Scheme::Text, "gpt-oss-120b/latest", "OpenAI"),
    (Scheme::Text, "qwen3-235b-a22b-fp8/latest", "Alibaba"),
    (Scheme::Text, "gemma-3-27b-it/latest", "Google"),
    (Scheme::Embedding, "text-search-doc/latest", "Yandex"),
    (Scheme::Embedding, "text-search-query/latest", "Yandex"),
    (Scheme::Embedding, "text-embeddings/latest", "Yandex"),
];

/// The owner of the models that a builder adds.
const OWNER: &str = "emulator";

/// The folder is the one in `OpenAI-Project`, or the emulator's folder if the header is missing.
pub(crate) fn list(cloud: &Cloud, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    authenticated(cloud, headers, true)?;
    if let Some(folder) = headers.get("openai-project") {
        folder_allowed(cloud, folder.to_str().unwrap_or_default())?;
    }
    let folder = &cloud.options.folder_id;
    let model = |(scheme, name, owner): (Scheme, &str, &str)| json!({ "id": format!("{}://{folder}/{name}", scheme.name()), "object": "model", "owned_by": owner, "created": 0 });
    let data: Vec<Value> = all(cloud).map(model).collect();
    Ok(body::json(StatusCode::OK, &json!({ "object": "list", "data": data })))
}

/// Whether the folder has a model. A name without a version means `latest` (documented).
pub(super) fn is_known(cloud: &Cloud, scheme: Scheme, name: &str) -> bool {
    let latest = (!name.contains('/')).then(|| format!("{name}/latest"));
    let name = latest.as_deref().unwrap_or(name);
    all(cloud).any(|(its_scheme, its_name, _)| its_scheme == scheme && its_name == name)
}

fn all(cloud: &Cloud) -> impl Iterator<Item = (Scheme, &str, &str)> {
    let text = cloud.options.text_models.iter().map(|name| (Scheme::Text, name.as_str(), OWNER));
    let embedding =
        cloud.options.embedding_models.iter().map(|name| (Scheme::Embedding, name.as_str(), OWNER));
    MODELS.iter().copied().chain(text).chain(embedding)
}
