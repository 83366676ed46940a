//! `POST /iam/aws-compatibility/v1/ephemeralAccessKeys`: a key of Object Storage for the subject of an IAM token.
//!
//! The emulator has no Object Storage, and does not keep the key. The cloud may cut a life that is longer than that of the
//! token; the emulator refuses it, so that a client shows that it knows the limit.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::clock::{later, rfc3339};
use crate::cloud::Cloud;
use crate::identity::{Caller, ephemeral_key};
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

const MAX_SESSION_NAME: usize = 64;
const MAX_POLICY: usize = 2048;
const LIVES: std::ops::RangeInclusive<u64> = 15 * 60..=12 * 3600;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest {
    #[serde(alias = "subject_id", default)]
    subject_id: String,
    #[serde(alias = "session_name", default)]
    session_name: String,
    #[serde(default)]
    policy: String,
    /// Seconds, as in `3600s`.
    duration: Option<String>,
}

pub(crate) async fn create(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let caller = super::authenticated(cloud, request.headers())?;
    let request: CreateRequest = body::read_json(request.into_body()).await?;
    check(cloud, &caller, &request)?;
    let now = cloud.clock.now();
    let rest = caller.expires_at.and_then(|end| end.duration_since(now).ok()).unwrap_or_default();
    let life = life(request.duration.as_deref(), rest)?;
    let [id, secret, session_token] = ephemeral_key()?;
    let response = json!({
        "accessKeyId": id,
        "secret": secret,
        "sessionToken": session_token,
        "expiresAt": rfc3339(later(now, life)),
    });
    Ok(body::json(StatusCode::OK, &response))
}

fn check(cloud: &Cloud, caller: &Caller, request: &CreateRequest) -> Result<(), Status> {
    let name = &request.session_name;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(1..=MAX_SESSION_NAME).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(Status::invalid(format!(
            "session_name is not 1 to {MAX_SESSION_NAME} characters of [A-Za-z0-9_+=,.@-]"
        )));
    }
    if request.policy.chars().count() > MAX_POLICY {
        return Err(Status::invalid(format!("policy is longer than {MAX_POLICY}")));
    }
    let (own, asked) = (caller.subject.id(), &*request.subject_id);
    if !asked.is_empty() && asked != own && !cloud.options.token_creators.allows(own, asked) {
        return Err(Status::denied(
            "the caller does not have the role iam.serviceAccounts.tokenCreator on the subject",
        ));
    }
    Ok(())
}

/// How long the key lives: as requested, else as long as the token.
fn life(requested: Option<&str>, rest: Duration) -> Result<Duration, Status> {
    let Some(requested) = requested else { return Ok(rest) };
    let seconds = requested.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
    let Some(seconds) = seconds.filter(|seconds| LIVES.contains(seconds)) else {
        return Err(Status::invalid("duration is not 900s to 43200s"));
    };
    let life = Duration::from_secs(seconds);
    if life > rest {
        return Err(Status::invalid("duration is longer than the life of the IAM token"));
    }
    Ok(life)
}
