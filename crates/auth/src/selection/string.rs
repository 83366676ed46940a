//! What a bare string is: the rule of the SDK's `auth` parameter.
//!
//! Trimmed: `t`, a digit and a dot begin an IAM token; `y0_` to `y3_` an OAuth token; a JSON object is a service
//! account key; anything else is an API key. `none` is never meant by a string.

use crate::methods::{ApiKeyAuth, IamTokenAuth, OAuthTokenAuth};
use crate::secret::Shape;
use crate::{Error, ErrorKind, Method};

/// A string, understood.
pub(crate) enum Meaning {
    ApiKey(ApiKeyAuth),
    IamToken(IamTokenAuth),
    OAuthToken(OAuthTokenAuth),
}

/// Understands a string.
pub(crate) fn read(text: &str) -> Result<Meaning, Error> {
    let text = text.trim();
    if text.starts_with('{') {
        return Err(Error::new(
            ErrorKind::Invalid,
            "the string is a JSON object: service account keys are not supported yet",
        )
        .of(Method::ServiceAccountKey)
        .at("auth")
        .with_help("use an API key, or exchange the key for an IAM token with `yc iam create-token`"));
    }
    let meaning = match Shape::of(text) {
        Shape::IamToken => IamTokenAuth::new(text).map(Meaning::IamToken),
        Shape::OAuthToken => OAuthTokenAuth::new(text).map(Meaning::OAuthToken),
        Shape::Unknown => ApiKeyAuth::new(text).map(Meaning::ApiKey),
    };
    meaning.map_err(|error| error.at("auth"))
}
