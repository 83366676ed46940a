//! The token response of OAuth 2.0 (RFC 6749, section 5.1): the form of the metadata service, of the authorization
//! server, and of the token in an invocation of a function.

use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::response::{json_object, unreadable};
use crate::secret::marks;
use crate::token::{Life, Token};
use crate::{Error, recognize};

/// Whether the token in a response is one of Google Cloud.
pub(super) fn is_of_google(fields: &Map<String, Value>) -> bool {
    matches!(fields.get("access_token"), Some(Value::String(token)) if marks::GOOGLE_TOKEN.begins(token))
}

/// The token in a response.
pub(super) fn access_token(response: &http::Response<Vec<u8>>, at: &str) -> Result<Token, Error> {
    read_fields(json_object(response, at)?).map_err(|reason| unreadable(at, &reason))
}

/// Reads `{"access_token": "…", "expires_in": seconds, "token_type": "Bearer"}`, or returns the reason why it cannot.
pub(crate) fn read_fields(mut fields: Map<String, Value>) -> Result<Token, String> {
    let Some(Value::String(token)) = fields.remove("access_token") else {
        return Err("the text `access_token` is missing".to_owned());
    };
    let token = Zeroizing::new(token);
    let token =
        recognize::iam_token(&token).map_err(|error| format!("`access_token`: {}", error.reason()))?;
    let secret = token.into_secret();
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => Life::Unknown,
        Some(Value::Number(seconds)) => match seconds.as_f64() {
            // The bounds of every token. They are checked here too, so that selection does not take a metadata service
            // whose token would be refused later.
            Some(seconds) if (1.0..=86_400.0).contains(&seconds) => {
                Life::In(Duration::from_secs_f64(seconds))
            }
            _ => return Err("`expires_in` is outside 1 s to 24 h".to_owned()),
        },
        Some(_) => return Err("`expires_in` is not a number".to_owned()),
    };
    Ok(Token { secret, life })
}
