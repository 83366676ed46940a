//! IAM: an OAuth token in, an IAM token out (`POST /iam/v1/tokens`).

use std::time::{Duration, SystemTime};

use http::header::CONTENT_TYPE;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use super::address::Address;
use super::{ask, date, json_object, refusal, unreadable};
use crate::secret::Secret;
use crate::system::System;
use crate::token::{Life, Token};
use crate::{Error, ErrorKind};

/// Exchanges an OAuth token. The caller has made sure that the secret may go to `iam`.
pub(crate) async fn exchange_oauth(
    system: &System,
    iam: &Address,
    oauth: &Secret,
    limit: Duration,
) -> Result<Token, Error> {
    let url = iam.url("/iam/v1/tokens");
    // A checked secret is visible ASCII; the two characters that JSON would escape are escaped here, so that no
    // serializer keeps a copy.
    let escaped = Zeroizing::new(oauth.expose().replace('\\', "\\\\").replace('"', "\\\""));
    let body = [r#"{"yandexPassportOauthToken":""#, &escaped, r#""}"#].concat().into_bytes();
    let request = http::Request::post(&url)
        .header(CONTENT_TYPE, "application/json")
        .header("accept", "application/json")
        .body(body)
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(&url))?;
    let mut answer = ask(system, request, &url, limit).await?;
    let token = if answer.status() == 200 {
        read_token(&answer, &url)
    } else {
        Err(explain(refusal(&answer, &url, &[oauth.expose()])))
    };
    answer.body_mut().zeroize();
    token
}

/// `{"iamToken": "t1.…", "expiresAt": "RFC 3339"}`, read against the clock of whoever answered.
fn read_token(answer: &http::Response<Vec<u8>>, url: &str) -> Result<Token, Error> {
    let mut fields = json_object(answer, url)?;
    let Some(Value::String(token)) = fields.remove("iamToken") else {
        return Err(unreadable(url, "it has no text `iamToken`"));
    };
    let token = Zeroizing::new(token);
    let secret = Secret::parse(&token).map_err(|reason| unreadable(url, &format!("`iamToken`: {reason}")))?;
    let life = match fields.get("expiresAt") {
        None | Some(Value::Null) => Life::Unknown,
        Some(Value::String(text)) => match text.parse::<jiff::Timestamp>().map(SystemTime::try_from) {
            Ok(Ok(at)) => Life::Until { at, date: date(answer.headers()) },
            Ok(Err(_)) | Err(_) => return Err(unreadable(url, "`expiresAt` is no RFC 3339 time")),
        },
        Some(_) => return Err(unreadable(url, "`expiresAt` is no text")),
    };
    Ok(Token { secret, life })
}

/// What to do about a refusal. The words are those of `facts.md` §2.3; the code alone does not tell the cases apart.
fn explain(error: Error) -> Error {
    if error.kind() != ErrorKind::Refused {
        return error;
    }
    let said = error.reason().to_ascii_lowercase();
    if said.contains("is not supported for iam token exchange") {
        return error.with_help(
            "IAM refuses OAuth tokens issued since 2026-06-01; use an API key (YC_API_KEY), the metadata service, \
             or the yc CLI with a browser login (`yc init --username=…` or `--federation-id=…`)",
        );
    }
    error.with_help(
        "the OAuth token is wrong, expired or withdrawn, and new ones are not exchanged since 2026-06-01: \
         use an API key (YC_API_KEY), the metadata service, or the yc CLI",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(body: &str) -> http::Response<Vec<u8>> {
        let date = "Tue, 24 Nov 2026 00:00:00 GMT";
        http::Response::builder().header("date", date).body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn reads_a_token_with_its_life_by_the_servers_clock() {
        let body = r#"{"iamToken":"t1.fake.token","expiresAt":"2026-11-24T12:00:00.123456789Z"}"#;
        let token = read_token(&answer(body), "u").unwrap();
        assert_eq!(token.expose_secret(), "t1.fake.token");
        let Life::Until { at, date: Some(date) } = token.life else { panic!("{:?}", token.life) };
        assert_eq!(at.duration_since(date).unwrap(), Duration::new(12 * 3600, 123_456_789));
    }

    #[test]
    fn refuses_what_is_no_token_without_showing_it() {
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
            let error = read_token(&answer(body), "u").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body: Vec<u8>, value in "\\PC{0,40}", at in "\\PC{0,40}") {
            let _ = read_token(&http::Response::new(body), "u");
            let body = serde_json::json!({"iamToken": value, "expiresAt": at}).to_string();
            let _ = read_token(&answer(&body), "u");
        }
    }
}
