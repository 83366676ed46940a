//! IAM over REST: JSON with lowerCamelCase names, or `snake_case` names, which proto3 JSON also allows.

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::impersonation;
use crate::clock::rfc3339;
use crate::cloud::Cloud;
use crate::identity::Issued;
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    #[serde(alias = "yandex_passport_oauth_token")]
    yandex_passport_oauth_token: Option<String>,
    jwt: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateForServiceAccountRequest {
    #[serde(alias = "service_account_id", default)]
    service_account_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RevokeRequest {
    #[serde(alias = "iam_token")]
    iam_token: String,
}

/// `POST /iam/v1/tokens`
pub(crate) async fn create(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let request: CreateRequest = body::read_json(request.into_body()).await?;
    let oauth_token = request.yandex_passport_oauth_token.as_deref();
    let issued = super::create(cloud, same_old, oauth_token, request.jwt.as_deref())?;
    Ok(created(&issued))
}

/// `POST /iam/v1/tokens:createForServiceAccount`
pub(crate) async fn create_for_service_account(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = super::authenticated(cloud, request.headers())?;
    let request: CreateForServiceAccountRequest = body::read_json(request.into_body()).await?;
    let issued = impersonation::create(cloud, &caller, &request.service_account_id, same_old)?;
    Ok(created(&issued))
}

/// `POST /iam/v1/tokens:revoke`
pub(crate) async fn revoke(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    super::authenticated(cloud, request.headers())?;
    let request: RevokeRequest = body::read_json(request.into_body()).await?;
    let subject = super::revoke(cloud, &request.iam_token)?;
    Ok(body::json(StatusCode::OK, &json!({ "subjectId": subject.id() })))
}

fn created(issued: &Issued) -> Response<Body> {
    let response = json!({ "iamToken": issued.token, "expiresAt": rfc3339(issued.expires_at) });
    body::json(StatusCode::OK, &response)
}
