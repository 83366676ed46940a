//! IAM: exchange of a credential for an IAM token, and revocation. `rest.rs` and `grpc.rs` are the two protocols.

pub(crate) mod ephemeral_keys;
pub(crate) mod grpc;
mod impersonation;
mod jwt;
pub(crate) mod rest;

use http::HeaderMap;

use crate::cloud::Cloud;
use crate::identity::{Accepts, Caller, Grant, Issued, Subject};
use crate::wire::status::Status;

const MAX_OAUTH: usize = 4000;
const MAX_JWT: usize = 8000;
const MAX_IAM: usize = 4096;

/// `IamTokenService.Create`. The request needs no other credentials.
fn create(
    cloud: &Cloud,
    same_old: bool,
    oauth_token: Option<&str>,
    jwt: Option<&str>,
) -> Result<Issued, Status> {
    match (oauth_token, jwt) {
        (Some(token), None) if token.len() > MAX_OAUTH => {
            Err(Status::invalid(format!("yandex_passport_oauth_token is longer than {MAX_OAUTH}")))
        }
        (Some(token), None) => cloud.exchange(&cloud.identity.exchange(token)?, &Grant::OAuth, same_old),
        (None, Some(jwt)) => create_by_jwt(cloud, same_old, jwt),
        (Some(_), Some(_)) | (None, None) => {
            Err(Status::invalid("the request must have exactly one of yandex_passport_oauth_token and jwt"))
        }
    }
}

fn create_by_jwt(cloud: &Cloud, same_old: bool, jwt: &str) -> Result<Issued, Status> {
    if jwt.len() > MAX_JWT {
        return Err(Status::invalid(format!("jwt is longer than {MAX_JWT}")));
    }
    let signer = jwt::check(&cloud.identity, jwt, cloud.clock.now()).map_err(Status::unauthenticated)?;
    cloud.exchange(&signer.subject(), &Grant::ServiceAccountKey(signer.key_id), same_old)
}

/// `IamTokenService.Revoke`. Any authenticated subject may revoke.
fn revoke(cloud: &Cloud, iam_token: &str) -> Result<Subject, Status> {
    if iam_token.is_empty() || iam_token.len() > MAX_IAM {
        return Err(Status::invalid(format!("iam_token is empty or longer than {MAX_IAM}")));
    }
    cloud.identity.revoke_iam(iam_token).ok_or_else(|| Status::invalid("this cloud did not issue iam_token"))
}

fn authenticated(cloud: &Cloud, headers: &HeaderMap) -> Result<Caller, Status> {
    cloud.identity.authenticate(headers, Accepts::IAM_TOKEN)
}
