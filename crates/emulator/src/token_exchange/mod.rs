//! `POST /oauth/token`: the exchange of OIDC tokens (RFC 8693). The cloud has it at `auth.yandex.cloud`.
//!
//! The errors are the errors of the standard, because the messages of the cloud are not known.

pub(crate) mod github;

use std::borrow::Cow;

use http::{HeaderMap, Request, Response, StatusCode, header};
use serde_json::json;

use crate::cloud::Cloud;
use crate::federation::Refusal;
use crate::identity::{Grant, Issued, Subject};
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::form::Form;
use crate::wire::status::Status;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// An OAuth error response (RFC 6749, 5.2).
struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
}

impl OAuthError {
    fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }

    fn into_response(self) -> Response<Body> {
        body::json(self.status, &json!({ "error": self.error, "error_description": self.description }))
    }
}

impl From<Status> for OAuthError {
    fn from(status: Status) -> Self {
        let http = status.http_status();
        let error = if http.is_server_error() { "server_error" } else { "invalid_request" };
        Self { status: http, error, description: status.into_message() }
    }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token(why) => {
                Self::new("invalid_request", format!("the subject_token is refused: {why}"))
            }
            Refusal::Target(why) => Self::new("invalid_target", why),
        }
    }
}

pub(crate) async fn respond(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Response<Body> {
    match exchange(cloud, same_old, request).await {
        Ok(issued) => {
            let left = issued.expires_at.duration_since(cloud.clock.now()).unwrap_or_default();
            let response =
                json!({ "access_token": issued.token, "token_type": "Bearer", "expires_in": left.as_secs() });
            body::json(StatusCode::OK, &response)
        }
        Err(error) => error.into_response(),
    }
}

async fn exchange(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Result<Issued, OAuthError> {
    if !is_form(request.headers()) {
        return Err(OAuthError::new("invalid_request", "the body is not application/x-www-form-urlencoded"));
    }
    let body = body::read(request.into_body()).await?;
    let form = Form::read(&body)
        .ok_or_else(|| OAuthError::new("invalid_request", "the body is not percent-encoded UTF-8"))?;
    let optional = |name: &str| {
        let repeated = |_| OAuthError::new("invalid_request", format!("the parameter {name} is repeated"));
        form.one(name).map_err(repeated)
    };
    let required = |name: &str| {
        let missing = || OAuthError::new("invalid_request", format!("the parameter {name} is missing"));
        optional(name)?.ok_or_else(missing)
    };
    if required("grant_type")? != GRANT {
        return Err(OAuthError::new("unsupported_grant_type", format!("the grant_type is not {GRANT}")));
    }
    if optional("requested_token_type")?.is_some_and(|kind| kind != ACCESS_TOKEN) {
        return Err(OAuthError::new(
            "invalid_request",
            format!("the requested_token_type is not {ACCESS_TOKEN}"),
        ));
    }
    if required("subject_token_type")? != ID_TOKEN {
        return Err(OAuthError::new("invalid_request", format!("the subject_token_type is not {ID_TOKEN}")));
    }
    let (token, account) = (required("subject_token")?, required("audience")?);
    cloud.federation.check(token, account, cloud.clock.now())?;
    let subject = Subject::ServiceAccount(account.into());
    Ok(cloud.exchange(&subject, &Grant::WorkloadIdentity, same_old)?)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}
