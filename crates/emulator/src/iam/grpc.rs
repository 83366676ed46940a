//! IAM over gRPC: `yandex.cloud.iam.v1.IamTokenService`.

use http::{Request, Response};

use super::impersonation;
use crate::cloud::Cloud;
use crate::identity::Issued;
use crate::messages::{
    CreateIamTokenForServiceAccountRequest, CreateIamTokenRequest, CreateIamTokenResponse,
    RevokeIamTokenRequest, RevokeIamTokenResponse,
};
use crate::wire::body::{Body, RequestBody};
use crate::wire::grpc::{unary, unary_by};

pub(crate) async fn create(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Response<Body> {
    unary(request, |request: CreateIamTokenRequest| {
        let oauth_token = request.yandex_passport_oauth_token.as_deref();
        let issued = super::create(cloud, same_old, oauth_token, request.jwt.as_deref())?;
        Ok(created(issued))
    })
    .await
}

pub(crate) async fn create_for_service_account(
    cloud: &Cloud,
    same_old: bool,
    request: Request<impl RequestBody>,
) -> Response<Body> {
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |caller, request: CreateIamTokenForServiceAccountRequest| {
        impersonation::create(cloud, caller, &request.service_account_id, same_old).map(created)
    })
    .await
}

pub(crate) async fn revoke(cloud: &Cloud, request: Request<impl RequestBody>) -> Response<Body> {
    let caller = super::authenticated(cloud, request.headers());
    unary_by(caller, request, |_, request: RevokeIamTokenRequest| {
        let subject = super::revoke(cloud, &request.iam_token)?;
        Ok(RevokeIamTokenResponse { subject_id: subject.id().to_owned() })
    })
    .await
}

fn created(issued: Issued) -> CreateIamTokenResponse {
    CreateIamTokenResponse { iam_token: issued.token, expires_at: Some(issued.expires_at.into()) }
}
