//! What a bare string is: the rule of the SDK's `auth` parameter, with [`recognize`] as the judge.
//!
//! An IAM token, an OAuth token, a service account key and an API key are told by their marks; a text without a mark is
//! an API key, unless it is a text of another kind, such as a path. No string selects the method `none`.

use zeroize::Zeroizing;

use crate::methods::{ApiKeyAuth, IamTokenAuth, OAuthTokenAuth};
use crate::recognize::{self, Credential};
use crate::{Error, Method};

/// A string, parsed.
pub(crate) enum ParsedCredential {
    ApiKey(ApiKeyAuth),
    IamToken(IamTokenAuth),
    OAuthToken(OAuthTokenAuth),
    #[cfg(feature = "service-account-key")]
    ServiceAccountKey(crate::methods::ServiceAccountKeyAuth),
}

/// Tells what a string is.
pub(crate) fn parse(text: &str) -> Result<ParsedCredential, Error> {
    let parsed = match recognize::credential(text) {
        Ok(Credential::ApiKey(key)) => ApiKeyAuth::new(key.expose()).map(ParsedCredential::ApiKey),
        Ok(Credential::IamToken(token)) => Ok(ParsedCredential::IamToken(IamTokenAuth::recognized(token))),
        Ok(Credential::OAuthToken(token)) => {
            OAuthTokenAuth::new(token.expose()).map(ParsedCredential::OAuthToken)
        }
        Ok(Credential::Key(key)) => parse_key(&key),
        // A text of no mark would be an API key.
        Err(error) => Err(error.of(Method::ApiKey)),
    };
    parsed.map_err(|error| error.at("auth"))
}

#[cfg(feature = "service-account-key")]
fn parse_key(text: &Zeroizing<String>) -> Result<ParsedCredential, Error> {
    crate::methods::ServiceAccountKeyAuth::new(text.as_str()).map(ParsedCredential::ServiceAccountKey)
}

#[cfg(not(feature = "service-account-key"))]
fn parse_key(_text: &Zeroizing<String>) -> Result<ParsedCredential, Error> {
    Err(Error::new(
        crate::ErrorKind::Invalid,
        "the string is a service account key, and this build does not have the feature `service-account-key`",
    )
    .of(Method::ServiceAccountKey)
    .with_help("build yandex-cloud-auth with the feature `service-account-key`, or use an API key"))
}
