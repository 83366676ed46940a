//! A token as OAuth 2.0 words it (RFC 6749, section 5.1): the metadata service and the authorization server answer so.

use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use super::{json_object, unreadable};
use crate::Error;
use crate::secret::Secret;
use crate::token::{Life, Token};

/// `{"access_token": "…", "expires_in": seconds, "token_type": "Bearer"}`.
pub(super) fn access_token(answer: &http::Response<Vec<u8>>, at: &str) -> Result<Token, Error> {
    let mut fields = json_object(answer, at)?;
    let Some(Value::String(token)) = fields.remove("access_token") else {
        return Err(unreadable(at, "it has no text `access_token`"));
    };
    let token = Zeroizing::new(token);
    let bad = |reason| unreadable(at, &format!("`access_token`: {reason}"));
    let secret = Secret::parse(&token).map_err(bad)?;
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => Life::Unknown,
        Some(Value::Number(seconds)) => match seconds.as_f64() {
            // The same bounds as for every token; here they decide whether the metadata service is taken at all.
            Some(seconds) if (1.0..=86_400.0).contains(&seconds) => {
                Life::In(Duration::from_secs_f64(seconds))
            }
            _ => return Err(unreadable(at, "`expires_in` is outside 1 s to 24 h")),
        },
        Some(_) => return Err(unreadable(at, "`expires_in` is no number")),
    };
    Ok(Token { secret, life })
}
