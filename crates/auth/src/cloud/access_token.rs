//! A token as OAuth 2.0 words it (RFC 6749, section 5.1): the metadata service and the authorization server answer so,
//! and the runtime of a function hands it over so.

use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{json_object, unreadable};
use crate::Error;
use crate::secret::Secret;
use crate::token::{Life, Token};

/// The token of an answer.
pub(super) fn access_token(answer: &http::Response<Vec<u8>>, at: &str) -> Result<Token, Error> {
    read_fields(json_object(answer, at)?).map_err(|what| unreadable(at, &what))
}

/// `{"access_token": "…", "expires_in": seconds, "token_type": "Bearer"}`, or what is wrong with it.
pub(crate) fn read_fields(mut fields: Map<String, Value>) -> Result<Token, String> {
    let Some(Value::String(token)) = fields.remove("access_token") else {
        return Err("it has no text `access_token`".to_owned());
    };
    let token = Zeroizing::new(token);
    let secret = Secret::parse(&token).map_err(|reason| format!("`access_token`: {reason}"))?;
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => Life::Unknown,
        Some(Value::Number(seconds)) => match seconds.as_f64() {
            // The same bounds as for every token; here they decide whether the metadata service is taken at all.
            Some(seconds) if (1.0..=86_400.0).contains(&seconds) => {
                Life::In(Duration::from_secs_f64(seconds))
            }
            _ => return Err("`expires_in` is outside 1 s to 24 h".to_owned()),
        },
        Some(_) => return Err("`expires_in` is no number".to_owned()),
    };
    Ok(Token { secret, life })
}
