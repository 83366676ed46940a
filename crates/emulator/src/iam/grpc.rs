//! IAM over gRPC: `yandex.cloud.iam.v1.IamTokenService`.

use bytes::Bytes;
use http::{Request, Response};

use crate::body::Body;
use crate::cloud::Cloud;
use crate::grpc::unary;
use crate::messages::{
    CreateIamTokenRequest, CreateIamTokenResponse, RevokeIamTokenRequest, RevokeIamTokenResponse,
};
use crate::status::Status;

pub(crate) async fn create<B>(cloud: &Cloud, same_old: bool, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    unary(request, |asked: CreateIamTokenRequest| {
        let oauth_token = asked.yandex_passport_oauth_token.as_deref();
        let issued = super::create(cloud, same_old, oauth_token, asked.jwt.as_deref())?;
        Ok(CreateIamTokenResponse { iam_token: issued.token, expires_at: Some(issued.expires_at.into()) })
    })
    .await
}

pub(crate) async fn revoke<B>(cloud: &Cloud, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    if let Err(refusal) = super::authenticated(cloud, request.headers()) {
        return Status::into_grpc(refusal);
    }
    unary(request, |asked: RevokeIamTokenRequest| {
        let subject = super::revoke(cloud, &asked.iam_token)?;
        Ok(RevokeIamTokenResponse { subject_id: subject.id().to_owned() })
    })
    .await
}
