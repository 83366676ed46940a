//! The authorization server: exchanges a token of another issuer for an IAM token of a service account, and tells the
//! subject of an IAM token.
//!
//! `POST /oauth/token` with the form of RFC 8693 (docs, "Workload identity federations"). `GET /oauth/userinfo` of `OpenID`
//! Connect (docs, "OIDC applications"); that it answers for IAM tokens of service accounts was seen in other programs.

use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroize;

use super::access_token::access_token;
use super::address::Address;
use super::endpoints::Endpoint;
use super::installation::Installation;
use super::request::{finish, send};
use super::response::{json_object, refusal, unreadable};
use crate::secret::{Secret, redact};
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
    /// The authorization server in code, else in `YC_OAUTH_ENDPOINT`, else the public one. `installation` is where the
    /// token that goes there belongs; `what` names that token in the warning about a foreign host.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be read, or if the API is not of the public installation and the authorization
    /// server is not given; `Blocked` if the token would travel without TLS.
    pub(crate) fn new(installation: &Installation, system: &System, what: &str) -> Result<Self, Error> {
        let endpoint = endpoint(installation, system)?;
        endpoint.check()?;
        endpoint.warn_if_foreign(&format!("{what} goes there"));
        Ok(Self { endpoint })
    }

    /// The address, as the shared cache tells authorization servers apart.
    #[cfg(feature = "shared-cache")]
    pub(crate) fn cache_name(&self) -> String {
        self.endpoint.address.to_string()
    }

    /// The subject of the IAM token in `bearer`: the id of a service account or a user.
    pub(crate) async fn subject(
        &self,
        bearer: &HeaderValue,
        token: &Secret,
        limit: Duration,
        system: &System,
    ) -> Result<String, Error> {
        let url = self.endpoint.address.url("/oauth/userinfo");
        let request =
            http::Request::get(&url).header(AUTHORIZATION, bearer.clone()).header(ACCEPT, "application/json");
        let request = finish(request, Vec::new(), &url)?;
        let response = send(system, request, &url, limit).await?;
        if response.status() != 200 {
            let error = refusal(&response, &url, &[token.expose()]);
            return Err(match error.status() {
                Some(404 | 405) => error.with_help(NOT_THE_SERVER),
                Some(401 | 403) => error.with_help(
                    "the server does not know this token: it has expired, was revoked, or belongs to another installation",
                ),
                _ => error,
            });
        }
        match json_object(&response, &url)?.remove("sub") {
            Some(Value::String(subject))
                if is_subject(&subject) && redact(&subject, &[token.expose()]) == subject =>
            {
                Ok(subject)
            }
            _ => Err(unreadable(&url, "the id `sub` is missing")),
        }
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

/// The help where another server responds.
pub(crate) const NOT_THE_SERVER: &str = "the address is not that of an authorization server: check YC_OAUTH_ENDPOINT, or `Endpoints::oauth` in code";

/// Whether this can be the id of a subject. A server could return anything, and a person will read it.
fn is_subject(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte))
}

/// The address of the authorization server.
///
/// # Errors
/// `Invalid` if no address is given and the API is not of the public installation: the token would go to another
/// installation than the rest.
fn endpoint(installation: &Installation, system: &System) -> Result<Endpoint, Error> {
    if let Some(endpoint) = configured(system)? {
        return Ok(endpoint);
    }
    if let Some(other) = installation.outside_of_the_public_one()? {
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
