//! The authorization server: exchanges a token of another issuer for an IAM token of a service account.
//!
//! `POST /oauth/token` with the form of RFC 8693 (docs, "Workload identity federations").

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroize;

use super::access_token::access_token;
use super::address::Address;
use super::endpoints::Endpoint;
use super::installation::Installation;
use super::request::{finish, send};
use super::response::refusal;
use crate::secret::Secret;
use crate::system::System;
use crate::token::Token;
use crate::{Error, ErrorKind};

/// The variable with the address of the authorization server.
pub(crate) const VARIABLE: &str = "YC_OAUTH_ENDPOINT";

const PUBLIC_HOST: &str = "auth.yandex.cloud";

/// All characters except the unreserved ones (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The authorization server of one source. Its address is read once.
pub(crate) struct AuthorizationServer {
    endpoint: Endpoint,
}

impl AuthorizationServer {
    /// The authorization server in code, else in `YC_OAUTH_ENDPOINT`, else the public one.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be read, or if the API is not of the public installation and the authorization
    /// server is not given; `Blocked` if the subject token would travel without TLS.
    pub(crate) fn new(system: &System) -> Result<Self, Error> {
        let endpoint = endpoint(system)?;
        endpoint.check()?;
        endpoint.warn_if_foreign("the subject token goes there");
        Ok(Self { endpoint })
    }

    /// Exchanges the token of another issuer for one of the service account `id`.
    pub(crate) async fn exchange(
        &self,
        subject: &Secret,
        id: &str,
        limit: Duration,
        system: &System,
    ) -> Result<Token, Error> {
        let url = self.endpoint.address.url("/oauth/token");
        let body = form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", id),
            ("subject_token", subject.expose()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ]);
        let request = http::Request::post(&url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        let request = finish(request, body, &url)?;
        let mut response = send(system, request, &url, limit).await?;
        if response.status() != 200 {
            let error = refusal(&response, &url, &[subject.expose()]);
            // The server may have repeated the secret.
            response.body_mut().zeroize();
            return Err(error);
        }
        // The body holds the token: wipe it on success and on failure.
        let token = access_token(&response, &url);
        response.body_mut().zeroize();
        token
    }
}

/// The address of the authorization server.
///
/// # Errors
/// `Invalid` if no address is given and the API is not of the public installation: the subject token would go to
/// another installation than the rest.
fn endpoint(system: &System) -> Result<Endpoint, Error> {
    if let Some(endpoint) = configured(system)? {
        return Ok(endpoint);
    }
    if let Some(other) = Installation::of(system)?.outside_of_the_public_one()? {
        let reason = format!("`{}` is {}, but {VARIABLE} is not set", other.location(), other.address());
        return Err(Error::new(ErrorKind::Invalid, reason).at(VARIABLE).with_help(format!(
            "set {VARIABLE} (in code: `Endpoints::oauth`) to the authorization server of that installation; \
             {PUBLIC_HOST} belongs to api.cloud.yandex.net only"
        )));
    }
    let address = Address { tls: true, host: PUBLIC_HOST.to_owned(), port: 443 };
    Ok(Endpoint::public(address, system))
}

/// The authorization server in code or in `YC_OAUTH_ENDPOINT`; `None` if neither is set.
pub(crate) fn configured(system: &System) -> Result<Option<Endpoint>, Error> {
    match system.endpoints().given_oauth() {
        Some(text) => Endpoint::in_code(text, "oauth endpoint", system).map(Some),
        None => Endpoint::in_variable(VARIABLE, system),
    }
}

/// A body of `application/x-www-form-urlencoded`. The buffer never grows: after a reallocation the old block would keep
/// the secret in freed memory.
fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    let most = fields.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = String::with_capacity(most);
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        form.extend(utf8_percent_encode(value, ESCAPED));
    }
    form.into_bytes()
}

/// A value for the query of a URL, escaped.
pub(crate) fn in_query(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_escapes_its_delimiters() {
        let body = form(&[("a", "urn:x-y.z_~"), ("b", "1&c=2+3 %é")]);
        assert_eq!(body, b"a=urn%3Ax-y.z_~&b=1%26c%3D2%2B3%20%25%C3%A9");
    }

    proptest! {
        #[test]
        fn a_form_never_outgrows_its_buffer(value in "\\PC{0,60}") {
            let body = form(&[("name", &value)]);
            prop_assert!(body.len() <= "name".len() + 3 * value.len() + 2);
            prop_assert!(body.iter().all(u8::is_ascii_graphic));
        }
    }
}
