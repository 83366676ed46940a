//! The authorization server: a token of another issuer in, an IAM token of a service account out.
//!
//! `POST /oauth/token` with the form of RFC 8693 (docs, "Workload identity federations").

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroize;

use super::access_token::access_token;
use super::address::Address;
use super::endpoints::Endpoint;
use super::{ask, refusal};
use crate::secret::Secret;
use crate::system::System;
use crate::token::Token;
use crate::{Error, ErrorKind};

/// The variable with another authorization server.
pub(crate) const VARIABLE: &str = "YC_OAUTH_ENDPOINT";

const USUAL_HOST: &str = "auth.yandex.cloud";

/// What stands in a form as it is (RFC 3986, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The authorization server as one source sees it: where it is was read once.
pub(crate) struct AuthorizationServer {
    endpoint: Endpoint,
}

impl AuthorizationServer {
    /// Reads where it is: given in code, else in `YC_OAUTH_ENDPOINT`, else the public one.
    pub(crate) fn new(given: Option<&str>, plaintext: bool, system: &System) -> Result<Self, Error> {
        let endpoint = endpoint(given, system)?;
        endpoint.check(plaintext)?;
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
            .header(ACCEPT, "application/json")
            .body(body)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(&url))?;
        let mut answer = ask(system, request, &url, limit).await?;
        if answer.status() != 200 {
            return Err(refusal(&answer, &url, &[subject.expose()]));
        }
        let token = access_token(&answer, &url);
        answer.body_mut().zeroize();
        token
    }
}

/// Where the authorization server is, and who said so.
pub(crate) fn endpoint(given: Option<&str>, system: &System) -> Result<Endpoint, Error> {
    let usual = Address { tls: true, host: USUAL_HOST.to_owned(), port: 443 };
    Endpoint::resolve_in(VARIABLE, usual, given, system)
}

/// `application/x-www-form-urlencoded`, made in a buffer that never grows: its old block would keep the secret.
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

/// A value as it stands in the query of a URL.
pub(crate) fn in_query(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_escapes_all_that_could_be_its_own() {
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
