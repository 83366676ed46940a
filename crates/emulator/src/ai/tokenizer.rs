//! `TokenizerService` over gRPC. A token is a word, with a number that depends on the word alone.

use bytes::Bytes;
use http::{Request, Response};

use super::{MODEL_VERSION, ModelUri, Scheme, authenticated};
use crate::body::Body;
use crate::cloud::Cloud;
use crate::grpc::unary;
use crate::messages::{CompletionRequest, Token, TokenizeRequest, TokenizeResponse};

pub(crate) async fn tokenize<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    if let Err(refusal) = authenticated(cloud, request.headers(), false) {
        return refusal.into_grpc();
    }
    unary(request, |asked: TokenizeRequest| {
        ModelUri::check(cloud, Scheme::Text, &asked.model_uri)?;
        Ok(tokens([asked.text.as_str()]))
    })
    .await
}

pub(crate) async fn tokenize_completion<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    if let Err(refusal) = authenticated(cloud, request.headers(), false) {
        return refusal.into_grpc();
    }
    unary(request, |asked: CompletionRequest| {
        ModelUri::check(cloud, Scheme::Text, &asked.model_uri)?;
        Ok(tokens(asked.messages.iter().filter_map(|message| message.text.as_deref())))
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

/// Above the special ones, and small enough to be read.
fn number(word: &str) -> i64 {
    let hash =
        word.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    100 + i64::from(hash % 100_000)
}
