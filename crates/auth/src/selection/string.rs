//! What a bare string is: the rule of the SDK's `auth` parameter.
//!
//! The string is trimmed. `t`, a digit and a dot begin an IAM token; `y0_` to `y3_` an OAuth token; a JSON object is a
//! service account key; anything else is an API key. No string selects the method `none`.

use crate::Error;
use crate::methods::{ApiKeyAuth, IamTokenAuth, OAuthTokenAuth};
use crate::secret::Shape;

/// A string, parsed.
pub(crate) enum ParsedCredential {
    ApiKey(ApiKeyAuth),
    IamToken(IamTokenAuth),
    OAuthToken(OAuthTokenAuth),
    #[cfg(feature = "service-account-key")]
    ServiceAccountKey(crate::methods::ServiceAccountKeyAuth),
}

/// Tells by its shape what a string is.
pub(crate) fn parse(text: &str) -> Result<ParsedCredential, Error> {
    let text = text.trim();
    if text.starts_with('{') {
        return parse_key(text);
    }
    let parsed = match Shape::of(text) {
        Shape::IamToken => IamTokenAuth::new(text).map(ParsedCredential::IamToken),
        Shape::OAuthToken => OAuthTokenAuth::new(text).map(ParsedCredential::OAuthToken),
        Shape::Unknown => ApiKeyAuth::new(text).map(ParsedCredential::ApiKey),
    };
    parsed.map_err(|error| error.at("auth"))
}

#[cfg(feature = "service-account-key")]
fn parse_key(text: &str) -> Result<ParsedCredential, Error> {
    let key = crate::methods::ServiceAccountKeyAuth::new(text);
    key.map(ParsedCredential::ServiceAccountKey).map_err(|error| error.at("auth"))
}

#[cfg(not(feature = "service-account-key"))]
fn parse_key(_text: &str) -> Result<ParsedCredential, Error> {
    use crate::{ErrorKind, Method};
    Err(Error::new(
        ErrorKind::Invalid,
        "the string is a service account key, and this build does not have the feature `service-account-key`",
    )
    .of(Method::ServiceAccountKey)
    .at("auth")
    .with_help("build yandex-cloud-auth with the feature `service-account-key`, or use an API key"))
}
