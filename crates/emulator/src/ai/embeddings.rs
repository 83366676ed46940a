//! Embeddings: `POST /v1/embeddings` of the OpenAI-compatible API, and `EmbeddingsService` over REST and gRPC.
//!
//! A vector depends only on the text, not on the model, so that a test can compare vectors.

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::limit::Int64;
use super::{MODEL_VERSION, ModelUri, Scheme, Usage};
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::messages::ai::{TextEmbeddingRequest, TextEmbeddingResponse};
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::grpc::unary_by;
use crate::wire::status::Status;

/// The number of dimensions if the request does not have the field.
const DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: i64 = 4096;
/// Coordinates are multiples of 1/ONE: they have few digits, so that every parser reads them exactly.
const ONE: f64 = (1_u32 << 14) as f64;

#[derive(Deserialize)]
struct EmbeddingRequest {
    model: String,
    input: Input,
    #[serde(default)]
    dimensions: Option<i64>,
    #[serde(default)]
    encoding_format: Option<String>,
}

/// The real service accepts one text, alone or in a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
}

/// `POST /v1/embeddings`
pub(crate) async fn create(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    authenticated(cloud, request.headers(), true)?;
    let request: EmbeddingRequest = body::read_json(request.into_body()).await?;
    ModelUri::check(cloud, Scheme::Embedding, &request.model)?;
    if request.encoding_format.as_deref().is_some_and(|format| format != "float") {
        return Err(Status::invalid(
            "encoding_format is not float: set it to \"float\" (the openai package for Python asks for base64 by default)",
        ));
    }
    let texts = match request.input {
        Input::Text(text) => vec![text],
        Input::Texts(texts) => texts,
    };
    let [text] = texts.as_slice() else {
        return Err(Status::invalid("input must be exactly one text"));
    };
    let embedding = vector(text, request.dimensions)?;
    let tokens = Usage::of([text.as_str()], "").prompt;
    let response = json!({
        "object": "list",
        "model": request.model,
        "data": [{ "index": 0, "embedding": embedding, "object": "embedding" }],
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    });
    Ok(body::json(StatusCode::OK, &response))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NativeRequest {
    #[serde(alias = "model_uri")]
    model_uri: String,
    text: String,
    dim: Option<Int64>,
}

/// `POST /foundationModels/v1/textEmbedding`
pub(crate) async fn rest_text_embedding(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    authenticated(cloud, request.headers(), false)?;
    let request: NativeRequest = body::read_json(request.into_body()).await?;
    let dim = request.dim.map(|dim| dim.value("dim")).transpose()?;
    let response = embed(cloud, &request.model_uri, &request.text, dim)?;
    let response = json!({
        "embedding": response.embedding,
        "numTokens": response.num_tokens.to_string(),
        "modelVersion": response.model_version,
    });
    Ok(body::json(StatusCode::OK, &response))
}

/// `EmbeddingsService.TextEmbedding`
pub(crate) async fn text_embedding(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = authenticated(cloud, request.headers(), false);
    unary_by(caller, request, |_, request: TextEmbeddingRequest| {
        embed(cloud, &request.model_uri, &request.text, request.dim)
    })
    .await
}

fn embed(cloud: &Cloud, model: &str, text: &str, dim: Option<i64>) -> Result<TextEmbeddingResponse, Status> {
    ModelUri::check(cloud, Scheme::Embedding, model)?;
    Ok(TextEmbeddingResponse {
        embedding: vector(text, dim)?,
        num_tokens: i64::try_from(Usage::of([text], "").prompt).unwrap_or(i64::MAX),
        model_version: MODEL_VERSION.to_owned(),
    })
}

/// A vector of length one, so that a scalar product is a cosine. Coordinates are rounded, so that every parser reads
/// the same numbers.
fn vector(text: &str, dimensions: Option<i64>) -> Result<Vec<f64>, Status> {
    let dimensions = match dimensions {
        None => DIMENSIONS,
        Some(wanted) => usize::try_from(wanted)
            .ok()
            .filter(|_| (1..=MAX_DIMENSIONS).contains(&wanted))
            .ok_or_else(|| Status::invalid(format!("dimensions must be from 1 to {MAX_DIMENSIONS}")))?,
    };
    let seed = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut state = seed;
    let coordinates: Vec<f64> = std::iter::repeat_with(|| coordinate(&mut state)).take(dimensions).collect();
    let length = coordinates.iter().map(|x| x * x).sum::<f64>().sqrt();
    Ok(coordinates.into_iter().map(|x| (x / length * ONE).round() / ONE).collect())
}

/// The next number of a `SplitMix64` sequence, between -1 and 1 and never 0.
fn coordinate(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let bits = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or_default();
    (f64::from(bits) + 0.5) / f64::from(1_u32 << 31) - 1.0
}
