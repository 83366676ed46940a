//! The OIDC token of a GitHub Actions job (GitHub's docs, "`OpenID` Connect reference").
//!
//! The runner sets two variables in a job with `permissions: id-token: write`: a URL, and a token for the request. That
//! token goes to the host of the URL only, over TLS. Redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Uri};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::cloud::address::Address;
use crate::cloud::authorization::in_query;
use crate::cloud::request::{finish, send};
use crate::cloud::response::{json_object, refusal, unreadable};
use crate::recognize;
use crate::secret::Secret;
use crate::system::System;
use crate::{Error, ErrorKind};

/// The variable with the URL of the request.
pub(super) const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// The variable with the token for the request.
pub(super) const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const PERMISSION: &str = "the job needs `permissions: id-token: write`, which a pull request from a fork cannot have; pass \
                          both variables to a container or a script with an environment of its own";

/// The content of the two variables.
pub(super) struct Issuer {
    at: Address,
    path_and_query: String,
    token: Secret,
}

impl Issuer {
    /// Reads the two variables.
    ///
    /// # Errors
    /// `NotConfigured` if neither is set, `Invalid` if only one is set or a value is wrong, `Blocked` if the token
    /// would travel without TLS.
    pub(super) fn of_job(system: &System) -> Result<Self, Error> {
        let (url, token) = match (system.variable(URL)?, system.variable(TOKEN)?) {
            (Some(url), Some(token)) => (url, token),
            // One variable alone is a mistake, such as a container that got only one. Selection must not take another
            // identity.
            (Some(_), None) => return Err(missing(TOKEN, URL)),
            (None, Some(_)) => return Err(missing(URL, TOKEN)),
            (None, None) => {
                let error = Error::new(ErrorKind::NotConfigured, "the variable is not set").at(URL);
                return Err(error.with_help(PERMISSION));
            }
        };
        let bad = |reason: &str| {
            Error::new(ErrorKind::Invalid, reason)
                .at(URL)
                .with_help("leave the variable as the runner of GitHub Actions has set it")
        };
        let uri: Uri = url.parse().map_err(|_| bad("the value is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("the value is not a URL with a scheme and a host"));
        };
        let at =
            Address::parse(&format!("{scheme}://{authority}"), true).map_err(|error| bad(error.reason()))?;
        if !at.is_tls() && !at.is_loopback() {
            return Err(Error::new(ErrorKind::Blocked, format!("{at} does not use TLS"))
                .at(URL)
                .with_help("leave the variable as the runner of GitHub Actions has set it"));
        }
        let token = recognize::foreign_token(&token).map_err(|error| {
            error.at(TOKEN).with_help("leave the variable as the runner of GitHub Actions has set it")
        })?;
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { at, path_and_query, token })
    }

    /// Requests a token for an audience. GitHub's default is the URL of the repository's owner.
    pub(super) async fn token(
        &self,
        audience: Option<&str>,
        limit: Duration,
        system: &System,
    ) -> Result<Secret, Error> {
        let mut url = self.at.url(&self.path_and_query);
        if let Some(audience) = audience {
            url.push(if self.path_and_query.contains('?') { '&' } else { '?' });
            url.push_str("audience=");
            url.push_str(&in_query(audience));
        }
        // Errors show the host only: the path identifies the job.
        let shown = self.at.to_string();
        let request =
            http::Request::get(&url).header(ACCEPT, "application/json").header(AUTHORIZATION, self.bearer()?);
        let request = finish(request, Vec::new(), &shown)?;
        let mut response = send(system, request, &shown, limit).await?;
        if response.status() != 200 {
            let error = refusal(&response, &shown, &[self.token.expose()]);
            // The server may have repeated the secret.
            response.body_mut().zeroize();
            return Err(if error.is_refusal() { error.with_help(PERMISSION) } else { error });
        }
        let fields = json_object(&response, &shown);
        response.body_mut().zeroize();
        let Some(Value::String(token)) = fields?.remove("value") else {
            return Err(unreadable(&shown, "the text `value` is missing"));
        };
        let token = Zeroizing::new(token);
        recognize::jwt(&token).map_err(|error| unreadable(&shown, &format!("`value`: {}", error.reason())))
    }

    /// The token for the request.
    #[cfg(feature = "shared-cache")]
    pub(super) fn into_token(self) -> Secret {
        self.token
    }

    fn bearer(&self) -> Result<HeaderValue, Error> {
        // The bytes of the header are wiped with its last clone.
        let line = Zeroizing::new(["bearer ", self.token.expose()].concat().into_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(line))
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(TOKEN))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

fn missing(missing: &str, present: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("{present} is set, but {missing} is not"))
        .at(missing)
        .with_help(PERMISSION)
}
