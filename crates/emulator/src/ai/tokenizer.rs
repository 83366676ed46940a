//! `TokenizerService` over REST and gRPC. A token is a word. Its id depends only on the word.

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{MODEL_VERSION, ModelUri, Scheme, text_generation};
use crate::cloud::Cloud;
use crate::cloud::authenticated;
use crate::messages::ai::{CompletionRequest, Token, TokenizeRequest, TokenizeResponse};
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::grpc::unary_by;
use crate::wire::status::Status;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokenize {
    #[serde(alias = "model_uri")]
    model_uri: String,
    text: String,
}

/// `POST /foundationModels/v1/tokenize`
pub(crate) async fn rest_tokenize(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    authenticated(cloud, request.headers(), false)?;
    let request: Tokenize = body::read_json(request.into_body()).await?;
    ModelUri::check(cloud, Scheme::Text, &request.model_uri)?;
    Ok(body::json(StatusCode::OK, &as_json(&tokens([request.text.as_str()]))))
}

/// `POST /foundationModels/v1/tokenizeCompletion`
pub(crate) async fn rest_tokenize_completion(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    authenticated(cloud, request.headers(), false)?;
    let request: text_generation::rest::CompletionRequest = body::read_json(request.into_body()).await?;
    ModelUri::check(cloud, Scheme::Text, &request.model_uri)?;
    Ok(body::json(StatusCode::OK, &as_json(&tokens(request.texts().iter().map(String::as_str)))))
}

/// `TokenizerService.Tokenize`
pub(crate) async fn tokenize(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = authenticated(cloud, request.headers(), false);
    unary_by(caller, request, |_, request: TokenizeRequest| {
        ModelUri::check(cloud, Scheme::Text, &request.model_uri)?;
        Ok(tokens([request.text.as_str()]))
    })
    .await
}

/// `TokenizerService.TokenizeCompletion`
pub(crate) async fn tokenize_completion(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = authenticated(cloud, request.headers(), false);
    unary_by(caller, request, |_, request: CompletionRequest| {
        ModelUri::check(cloud, Scheme::Text, &request.model_uri)?;
        Ok(tokens(request.messages.iter().filter_map(|message| message.text.as_deref())))
    })
    .await
}

fn tokens<'a>(texts: impl IntoIterator<Item = &'a str>) -> TokenizeResponse {
    let special = |id, text: &str| Token { id, text: text.to_owned(), special: true };
    let words = texts.into_iter().flat_map(str::split_whitespace);
    let words = words.map(|word| Token { id: number(word), text: format!("\u{2581}{word}"), special: false });
    let tokens = std::iter::once(special(1, "<s>")).chain(words).chain([special(4, "[SEP]")]).collect();
    TokenizeResponse { tokens, model_version: MODEL_VERSION.to_owned() }
}

fn as_json(response: &TokenizeResponse) -> Value {
    let token =
        |token: &Token| json!({ "id": token.id.to_string(), "text": token.text, "special": token.special });
    let tokens: Vec<Value> = response.tokens.iter().map(token).collect();
    json!({ "tokens": tokens, "modelVersion": response.model_version })
}

/// The id is larger than the ids of special tokens, and short.
fn number(word: &str) -> i64 {
    let hash =
        word.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    100 + i64::from(hash % 100_000)
}
