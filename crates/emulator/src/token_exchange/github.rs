//! The URL from which a GitHub Actions job gets its OIDC token, and the bearer token for the request.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, Uri, header};
use serde_json::json;

use crate::cloud::Cloud;
use crate::wire::body::{self, Body};
use crate::wire::form::Form;
use crate::wire::status::Status;

/// The URL already has a query, as GitHub's URL has: a client appends `&audience=…`.
const PATH_AND_QUERY: &str = "/_emulator/github/token?api-version=2.0";

const LIFETIME: Duration = Duration::from_secs(300);
/// The length limit of the audience of a federation.
const MAX_AUDIENCE: usize = 255;

/// The variables of a job.
pub(crate) fn variables(api_url: &str, request_token: &str) -> [(String, String); 2] {
    [
        ("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), format!("{api_url}{PATH_AND_QUERY}")),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), request_token.to_owned()),
    ]
}

/// `GET /_emulator/github/token`
pub(crate) fn token(cloud: &Cloud, headers: &HeaderMap, uri: &Uri) -> Result<Response<Body>, Status> {
    let presented = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = presented.and_then(|value| value.split_once(' '));
    let good = presented.is_some_and(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer") && token == cloud.github_request_token
    });
    if !good {
        return Err(Status::unauthenticated(
            "the authorization header does not have the request token of the job",
        ));
    }
    let query = Form::read(uri.query().unwrap_or_default().as_bytes());
    let query = query.ok_or_else(|| Status::invalid("the query is not percent-encoded UTF-8"))?;
    let requested =
        query.one("audience").map_err(|_| Status::invalid("the query has more than one audience"))?;
    let audience = requested.unwrap_or(&cloud.federation.audience);
    if audience.len() > MAX_AUDIENCE {
        return Err(Status::invalid(format!("the audience is longer than {MAX_AUDIENCE}")));
    }
    let subject = &cloud.options.oidc_subject;
    let token = cloud.issuer.issue(subject, audience, cloud.clock.now(), LIFETIME)?;
    Ok(body::json(StatusCode::OK, &json!({ "count": token.len(), "value": token })))
}
