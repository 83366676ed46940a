//! The requests to IAM: a proof is exchanged for an IAM token (`POST /iam/v1/tokens` and its verbs).

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;
use crate::cloud::address::Address;
use crate::cloud::request::{finish, send};
use crate::cloud::response::{date, json_object, refusal, unreadable};
use crate::cloud::timestamp::from_rfc3339;
use crate::recognize;
use crate::secret::{Secret, redact};
use crate::system::System;
use crate::token::{Life, Token};

/// The path of the exchange.
pub(super) const TOKENS: &str = "/iam/v1/tokens";

/// A secret that proves the identity of the caller, and the field of the request for it.
pub(super) struct Proof<'a> {
    pub(super) field: &'static str,
    pub(super) secret: &'a Secret,
}

/// Exchanges a proof for a token. The caller has checked that the secret may go to `iam`.
pub(super) async fn exchange(
    system: &System,
    iam: Address,
    proof: Proof<'_>,
    limit: Duration,
) -> Result<Token, Error> {
    let url = iam.url(TOKENS);
    let request = post(&url, field(proof.field, proof.secret))?;
    token(system, request, &url, proof.secret.expose(), limit).await
}

/// Requests a token of the service account `id`, with the token in `bearer`.
pub(super) async fn for_service_account(
    system: &System,
    iam: Address,
    bearer: &HeaderValue,
    id: &str,
    limit: Duration,
) -> Result<Token, Error> {
    let url = iam.url("/iam/v1/tokens:createForServiceAccount");
    let mut request = post(&url, json!({ "serviceAccountId": id }).to_string().into_bytes())?;
    request.headers_mut().insert(AUTHORIZATION, bearer.clone());
    let own = bearer.to_str().ok().and_then(|line| line.split_once(' ')).map_or("", |(_, secret)| secret);
    token(system, request, &url, own, limit).await
}

/// Revokes a token with the token itself as authorization (docs, "Revoking an IAM token"). Returns the id of its
/// subject if IAM gives one.
pub(super) async fn revoke(
    system: &System,
    iam: Address,
    bearer: &HeaderValue,
    token: &Secret,
    limit: Duration,
) -> Result<Option<String>, Error> {
    let url = iam.url("/iam/v1/tokens:revoke");
    let mut request = post(&url, field("iamToken", token))?;
    request.headers_mut().insert(AUTHORIZATION, bearer.clone());
    let response = granted(system, request, &url, token.expose(), limit).await?;
    let subject = json_object(&response, &url)?.remove("subjectId");
    Ok(subject.as_ref().and_then(Value::as_str).map(|id| redact(id, &[token.expose()])))
}

/// `{"name":"secret"}`. A checked secret is visible ASCII. The two characters that JSON escapes are escaped here,
/// because a serializer would keep a copy of the secret.
fn field(name: &str, secret: &Secret) -> Vec<u8> {
    let secret = secret.expose().as_bytes();
    // The buffer never grows: after a reallocation the old block would keep the secret in freed memory.
    let mut body = Vec::with_capacity(name.len() + 2 * secret.len() + 7);
    body.extend([b"{\"", name.as_bytes(), b"\":\""].concat());
    for byte in secret {
        if matches!(byte, b'\\' | b'"') {
            body.push(b'\\');
        }
        body.push(*byte);
    }
    body.extend(b"\"}");
    body
}

pub(super) fn post(url: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, Error> {
    let request =
        Request::post(url).header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json");
    finish(request, body, url)
}

/// The token in the response.
async fn token(
    system: &System,
    request: Request<Vec<u8>>,
    url: &str,
    own: &str,
    limit: Duration,
) -> Result<Token, Error> {
    let mut response = granted(system, request, url, own, limit).await?;
    let token = read_token(&response, url);
    // The body holds the token: wipe it on success and on failure.
    response.body_mut().zeroize();
    token
}

/// The response if its status is 200.
pub(super) async fn granted(
    system: &System,
    request: Request<Vec<u8>>,
    url: &str,
    own: &str,
    limit: Duration,
) -> Result<Response<Vec<u8>>, Error> {
    let mut response = send(system, request, url, limit).await?;
    if response.status() == 200 {
        return Ok(response);
    }
    let error = refusal(&response, url, &[own]);
    // The server may have repeated the secret.
    response.body_mut().zeroize();
    Err(error)
}

/// Reads `{"iamToken": "t1.…", "expiresAt": "RFC 3339"}`. The expiry is relative to the clock of the server.
fn read_token(response: &Response<Vec<u8>>, url: &str) -> Result<Token, Error> {
    let mut fields = json_object(response, url)?;
    let Some(Value::String(token)) = fields.remove("iamToken") else {
        return Err(unreadable(url, "the text `iamToken` is missing"));
    };
    let token = Zeroizing::new(token);
    let token = recognize::iam_token(&token)
        .map_err(|error| unreadable(url, &format!("`iamToken`: {}", error.reason())))?;
    let secret = token.into_secret();
    let life = match fields.get("expiresAt") {
        None | Some(Value::Null) => Life::Unknown,
        Some(Value::String(text)) => match from_rfc3339(text) {
            Some(at) => Life::Until { at, date: date(response.headers()) },
            None => return Err(unreadable(url, "`expiresAt` is not an RFC 3339 time")),
        },
        Some(_) => return Err(unreadable(url, "`expiresAt` is not a text")),
    };
    Ok(Token { secret, life })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    fn response(body: &str) -> Response<Vec<u8>> {
        let date = "Tue, 24 Nov 2026 00:00:00 GMT";
        Response::builder().header("date", date).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_token_has_its_life_by_the_clock_of_the_server() {
        let body = r#"{"iamToken":"t1.fake.token","expiresAt":"2026-11-24T12:00:00.123456789Z"}"#;
        let token = read_token(&response(body), "u").unwrap();
        assert_eq!(token.expose_secret(), "t1.fake.token");
        let Life::Until { at, date: Some(date) } = token.life else { panic!("{:?}", token.life) };
        assert_eq!(at.duration_since(date).unwrap(), Duration::new(12 * 3600, 123_456_789));
    }

    #[test]
    fn a_response_without_a_token_is_refused_and_not_shown() {
        for body in [
            "",
            "null",
            "[]",
            "{",
            "{\"iamToken\":1}",
            "{\"iamToken\":\"\"}",
            "{\"iamToken\":\"hush\\nhush\"}",
            "{\"iamToken\":\"hush\",\"expiresAt\":\"soon\"}",
            "{\"iamToken\":\"hush\",\"expiresAt\":5}",
            "{\"iamToken\":\"hush\"",
        ] {
            let error = read_token(&response(body), "u").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_response_panics(body: Vec<u8>, value in "\\PC{0,40}", at in "\\PC{0,40}") {
            let _ = read_token(&Response::new(body), "u");
            let body = serde_json::json!({"iamToken": value, "expiresAt": at}).to_string();
            let _ = read_token(&response(&body), "u");
        }
    }
}
