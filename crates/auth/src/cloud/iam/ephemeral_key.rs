//! Ephemeral access keys of Object Storage: `POST /iam/aws-compatibility/v1/ephemeralAccessKeys`
//! (`temporary_access_key_service.proto`).

use std::fmt;
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};
use zeroize::{Zeroize, Zeroizing};

use super::exchange::{granted, post};
use crate::Error;
use crate::cloud::address::Address;
use crate::cloud::response::{json_object, unreadable};
use crate::cloud::timestamp::from_rfc3339;
use crate::secret::Secret;
use crate::system::System;

/// A key for clients of S3. It ends by itself, and cannot be revoked.
#[derive(Clone)]
#[non_exhaustive]
pub struct EphemeralAccessKey {
    /// The id of the key, which is no secret.
    pub access_key_id: String,
    /// The secret that signs requests.
    pub secret: Secret,
    /// The token that goes with each request.
    pub session_token: Secret,
    /// When the key ends.
    pub expires_at: SystemTime,
}

impl fmt::Debug for EphemeralAccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EphemeralAccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// What a key is requested for.
#[derive(Clone, Debug)]
pub(crate) struct KeyRequest {
    pub(crate) session_name: String,
    pub(crate) policy: Option<String>,
    /// How long the key lives; without it, as long as the IAM token.
    pub(crate) duration: Option<Duration>,
}

/// Requests a key with the token in `bearer`.
pub(super) async fn issue(
    system: &System,
    iam: Address,
    bearer: &HeaderValue,
    token: &Secret,
    key: &KeyRequest,
    limit: Duration,
) -> Result<EphemeralAccessKey, Error> {
    let url = iam.url("/iam/aws-compatibility/v1/ephemeralAccessKeys");
    let mut fields = Map::from_iter([("sessionName".to_owned(), json!(key.session_name))]);
    if let Some(policy) = &key.policy {
        fields.insert("policy".to_owned(), json!(policy));
    }
    if let Some(duration) = key.duration {
        fields.insert("duration".to_owned(), json!(format!("{}s", duration.as_secs())));
    }
    let mut request = post(&url, Value::Object(fields).to_string().into_bytes())?;
    request.headers_mut().insert(AUTHORIZATION, bearer.clone());
    let mut response = granted(system, request, &url, token.expose(), limit).await?;
    let key = read_key(&response, &url);
    // The body holds the secret: wipe it on success and on failure.
    response.body_mut().zeroize();
    key
}

/// Reads `{"accessKeyId", "secret", "sessionToken", "expiresAt": "RFC 3339"}`.
fn read_key(response: &Response<Vec<u8>>, url: &str) -> Result<EphemeralAccessKey, Error> {
    let mut fields = json_object(response, url)?;
    let mut text = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(Zeroizing::new(text)),
        _ => None,
    };
    let [id, secret, session_token, end] =
        ["accessKeyId", "secret", "sessionToken", "expiresAt"].map(&mut text);
    let missing = |name: &str| unreadable(url, &format!("the text `{name}` is missing"));
    let read_secret = |name: &str, text: Option<Zeroizing<String>>| {
        let text = text.ok_or_else(|| missing(name))?;
        Secret::parse(&text).map_err(|reason| unreadable(url, &format!("`{name}`: {reason}")))
    };
    let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let access_key_id =
        id.ok_or_else(|| unreadable(url, "`accessKeyId` is not the id of a key"))?.to_string();
    let secret = read_secret("secret", secret)?;
    let session_token = read_secret("sessionToken", session_token)?;
    let end = end.ok_or_else(|| missing("expiresAt"))?;
    let expires_at =
        from_rfc3339(&end).ok_or_else(|| unreadable(url, "`expiresAt` is not an RFC 3339 time"))?;
    Ok(EphemeralAccessKey { access_key_id, secret, session_token, expires_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn read(body: &str) -> Result<EphemeralAccessKey, Error> {
        read_key(&Response::new(body.as_bytes().to_vec()), "u")
    }

    #[test]
    fn a_key_is_read_and_not_shown() {
        let key = read(
            r#"{"accessKeyId":"ajefake0key","secret":"YCfake-hush","sessionToken":"s1.fake-hush","expiresAt":"2026-11-24T12:00:00.5Z"}"#,
        )
        .unwrap();
        assert_eq!(key.access_key_id, "ajefake0key");
        assert_eq!((key.secret.expose(), key.session_token.expose()), ("YCfake-hush", "s1.fake-hush"));
        assert_eq!(Some(key.expires_at), from_rfc3339("2026-11-24T12:00:00.5Z"));
        assert!(!format!("{key:?}").contains("hush"));
    }

    #[test]
    fn a_response_without_a_key_is_an_error_and_not_shown() {
        for body in [
            "",
            "[]",
            "{",
            r#"{"accessKeyId":"aje","secret":"hush","sessionToken":"hush"}"#,
            r#"{"accessKeyId":"aje","secret":"hush","expiresAt":"2026-11-24T12:00:00Z"}"#,
            r#"{"accessKeyId":"aje","sessionToken":"hush","expiresAt":"2026-11-24T12:00:00Z"}"#,
            r#"{"accessKeyId":"a\nhush","secret":"hush","sessionToken":"hush","expiresAt":"2026-11-24T12:00:00Z"}"#,
            r#"{"accessKeyId":"aje","secret":"hu\nsh","sessionToken":"hush","expiresAt":"2026-11-24T12:00:00Z"}"#,
            r#"{"accessKeyId":"aje","secret":"hush","sessionToken":"hush","expiresAt":"hush"}"#,
        ] {
            let error = read(body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
