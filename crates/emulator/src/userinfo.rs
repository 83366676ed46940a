//! `GET /oauth/userinfo`: the subject of an IAM token. The cloud has it at `auth.yandex.cloud`.
//!
//! An endpoint of `OpenID` Connect. Its claims are those that other programs read; of them the emulator has only `sub`.
//! Errors have the form of the other REST services, because the form of the cloud is not known.

use http::{HeaderMap, Response, StatusCode};
use serde_json::json;

use crate::cloud::Cloud;
use crate::identity::Accepts;
use crate::wire::body::{self, Body};
use crate::wire::status::Status;

pub(crate) fn get(cloud: &Cloud, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let caller = cloud.identity.authenticate(headers, Accepts::IAM_TOKEN)?;
    Ok(body::json(StatusCode::OK, &json!({ "sub": caller.subject.id() })))
}
