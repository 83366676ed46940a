//! The control API under `/_emulator/`, for other processes.
//!
//! The control API requires no credentials: every process of this computer can use it. The server checks `Host` and
//! `Origin` before.
//!
//! The documentation of the crate lists the calls.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::clock::{from_rfc3339, rfc3339};
use crate::cloud::{Cloud, MetadataOption};
use crate::faults::FaultRequest;
use crate::federation;
use crate::identity::Grant;
use crate::token_exchange;
use crate::wire::body::{self, Body, RequestBody};
use crate::wire::status::Status;

pub(crate) const PREFIX: &str = "/_emulator/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    now: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issue {
    lifetime: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueOAuth {
    #[serde(default)]
    after_cutoff: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueKey {
    scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeToken {
    iam_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeKey {
    api_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueOidc {
    subject: Option<String>,
    audience: Option<String>,
    lifetime: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AddServiceAccountKey {
    key_id: String,
    service_account_id: String,
    public_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeleteServiceAccountKey {
    key_id: String,
}

pub(crate) async fn respond(
    cloud: &Cloud,
    request: Request<impl RequestBody>,
) -> Result<Response<Body>, Status> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (&parts.method, path) {
        (&Method::GET, "state") => Ok(state(cloud)),
        (&Method::GET, "counters") => Ok(body::json(StatusCode::OK, &cloud.counters.snapshot())),
        (&Method::POST, "clock/advance") => {
            let request: Advance = body::read_json(body).await?;
            cloud.clock.advance(duration(request.seconds)?);
            Ok(now(cloud))
        }
        (&Method::POST, "clock/set") => {
            let request: Set = body::read_json(body).await?;
            let to = from_rfc3339(&request.now).ok_or_else(|| Status::invalid("now is not RFC 3339"))?;
            cloud.clock.set(to);
            Ok(now(cloud))
        }
        (&Method::POST, "clock/freeze") => {
            cloud.clock.freeze();
            Ok(now(cloud))
        }
        (&Method::POST, "clock/unfreeze") => {
            cloud.clock.unfreeze();
            Ok(now(cloud))
        }
        (&Method::POST, "faults") => {
            let request: FaultRequest = body::read_json(body).await?;
            cloud.faults.add(request.into_fault()?);
            Ok(faults(cloud))
        }
        (&Method::DELETE, "faults") => {
            cloud.faults.clear();
            Ok(faults(cloud))
        }
        (&Method::POST, "tokens/issue") => {
            let request: Issue = body::read_json_or_nothing(body).await?;
            let lifetime = request.lifetime.map(duration).transpose()?;
            let issued = cloud.issue(Grant::Control, lifetime.unwrap_or(cloud.options.token_lifetime))?;
            let response = json!({ "iamToken": issued.token, "expiresAt": rfc3339(issued.expires_at) });
            Ok(body::json(StatusCode::OK, &response))
        }
        (&Method::POST, "tokens/revoke") => {
            let request: RevokeToken = body::read_json(body).await?;
            let subject = cloud.identity.revoke_iam(&request.iam_token);
            let subject =
                subject.ok_or_else(|| Status::not_found("this emulator did not issue the token"))?;
            Ok(body::json(StatusCode::OK, &json!({ "subjectId": subject.id() })))
        }
        (&Method::POST, "oauth-tokens/issue") => {
            let request: IssueOAuth = body::read_json_or_nothing(body).await?;
            let token = cloud.identity.issue_oauth(cloud.user(), request.after_cutoff)?;
            Ok(body::json(StatusCode::OK, &json!({ "oauthToken": token })))
        }
        (&Method::POST, "api-keys/issue") => {
            let request: IssueKey = body::read_json_or_nothing(body).await?;
            let key = cloud.identity.issue_api_key(cloud.service_account(), request.scopes)?;
            Ok(body::json(StatusCode::OK, &json!({ "apiKey": key })))
        }
        (&Method::POST, "api-keys/revoke") => {
            let request: RevokeKey = body::read_json(body).await?;
            if !cloud.identity.revoke_api_key(&request.api_key) {
                return Err(Status::not_found("this emulator did not issue the key"));
            }
            Ok(body::json(StatusCode::OK, &json!({})))
        }
        (&Method::POST, "service-account-keys/issue") => {
            let file = cloud.create_service_account_key()?;
            Ok(body::json(StatusCode::OK, &json!({ "serviceAccountKey": file })))
        }
        (&Method::POST, "service-account-keys/add") => {
            let request: AddServiceAccountKey = body::read_json(body).await?;
            let AddServiceAccountKey { key_id, service_account_id, public_key } = request;
            cloud.identity.add_public_key(&public_key, &key_id, &service_account_id)?;
            Ok(body::json(StatusCode::OK, &json!({})))
        }
        (&Method::POST, "service-account-keys/delete") => {
            let request: DeleteServiceAccountKey = body::read_json(body).await?;
            if !cloud.identity.delete_key(&request.key_id) {
                return Err(Status::not_found("no key has this id"));
            }
            Ok(body::json(StatusCode::OK, &json!({})))
        }
        (&Method::POST, "oidc-tokens/issue") => {
            let request: IssueOidc = body::read_json_or_nothing(body).await?;
            let subject = request.subject.as_ref().unwrap_or(&cloud.options.oidc_subject);
            let audience = request.audience.as_ref().unwrap_or(&cloud.federation.audience);
            let lifetime = duration(request.lifetime.unwrap_or(3600.0))?;
            let token = cloud.issuer.issue(subject, audience, cloud.clock.now(), lifetime)?;
            Ok(body::json(StatusCode::OK, &json!({ "oidcToken": token })))
        }
        (&Method::GET, "github/variables") => {
            let api_url = cloud.issuer.url.strip_suffix(federation::ISSUER_PATH).unwrap_or_default();
            let variables = token_exchange::github::variables(api_url, &cloud.github_request_token);
            Ok(body::json(StatusCode::OK, &BTreeMap::from(variables)))
        }
        (&Method::POST, "metadata/attributes") => {
            cloud.machine.change(body::read_json(body).await?)?;
            Ok(machine(cloud))
        }
        (&Method::POST, "metadata/options") => {
            let request: BTreeMap<String, bool> = body::read_json(body).await?;
            let named = |(name, on): (&String, &bool)| Some((MetadataOption::named(name)?, *on));
            let options: Option<Vec<_>> = request.iter().map(named).collect();
            let options = options.ok_or_else(|| Status::invalid("the machine has no option of this name"))?;
            options.into_iter().for_each(|(option, on)| cloud.machine.switch(option, on));
            Ok(machine(cloud))
        }
        (&Method::POST, "reset") => {
            cloud.reset();
            Ok(state(cloud))
        }
        _ => Err(Status::not_found("the control API has no such call")),
    }
}

fn state(cloud: &Cloud) -> Response<Body> {
    let token_counts = cloud.identity.token_counts();
    let state = json!({
        "now": rfc3339(cloud.clock.now()),
        "frozen": cloud.clock.is_frozen(),
        "folderId": cloud.options.folder_id,
        "cloudId": cloud.options.cloud_id,
        "serviceAccountId": cloud.options.service_account_id,
        "impersonatedAccountId": cloud.options.token_creators.impersonated,
        "nestedAccountId": cloud.options.token_creators.nested,
        "oidcIssuer": cloud.federation.issuer,
        "oidcAudience": cloud.federation.audience,
        "oidcSubject": cloud.options.oidc_subject,
        "iamTokens": { "valid": token_counts.valid, "expired": token_counts.expired, "revoked": token_counts.revoked },
        "faults": cloud.faults.active(),
    });
    body::json(StatusCode::OK, &state)
}

fn now(cloud: &Cloud) -> Response<Body> {
    let now = json!({ "now": rfc3339(cloud.clock.now()), "frozen": cloud.clock.is_frozen() });
    body::json(StatusCode::OK, &now)
}

fn faults(cloud: &Cloud) -> Response<Body> {
    body::json(StatusCode::OK, &json!({ "faults": cloud.faults.active() }))
}

fn machine(cloud: &Cloud) -> Response<Body> {
    let options = MetadataOption::ALL.map(|option| (option.name(), cloud.machine.is_on(option)));
    let machine = json!({ "attributes": cloud.machine.attributes(), "options": BTreeMap::from(options) });
    body::json(StatusCode::OK, &machine)
}

fn duration(seconds: f64) -> Result<Duration, Status> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Status::invalid("the number of seconds is negative, too large or not a number"))
}
