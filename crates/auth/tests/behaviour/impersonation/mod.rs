//! Impersonation, at an IAM that gives a token for a service account to every caller.

mod fetches;
mod refusals;
mod requests;
mod sockets;

use crate::support::{METADATA_ANSWER, cloud, exchanged};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Credentials, Error, IamTokenAuth, ImpersonationAuth, Method};

const ACCOUNT: &str = "ajefake0account00001";
const OTHER: &str = "ajefake0account00002";
const DISCOVERY: &str = "GET https://api.cloud.yandex.net/endpoints";
const IMPERSONATE: &str = "POST https://iam.api.cloud.yandex.net/iam/v1/tokens:createForServiceAccount";

/// The bearer token and the service account of an impersonation request; `None` for other requests.
fn impersonation_in(request: &http::Request<Vec<u8>>) -> Option<(String, String)> {
    if request.uri().path() != "/iam/v1/tokens:createForServiceAccount" {
        return None;
    }
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let bearer = request.headers()["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    Some((bearer.to_owned(), body["serviceAccountId"].as_str().unwrap().to_owned()))
}

/// The token that this IAM gives: it names the service account and the bearer token of the request.
fn of(account: &str, bearer: &str) -> String {
    format!("{bearer}.{account}")
}

fn issued(token: &str) -> TestReply {
    TestReply::status(200, format!(r#"{{"iamToken":"{token}","expiresAt":"2026-11-24T12:00:00Z"}}"#))
}

/// Responses of discovery, of the metadata service, of an OAuth exchange, and of impersonation by any caller.
fn iam(request: &http::Request<Vec<u8>>, count: usize) -> TestReply {
    match (impersonation_in(request), request.uri().host()) {
        (Some((bearer, account)), _) => issued(&of(&account, &bearer)),
        (None, Some("169.254.169.254")) => TestReply::status(200, METADATA_ANSWER),
        (None, _) => cloud(exchanged())(request, count),
    }
}

fn by(credentials: impl Into<Credentials>) -> ImpersonationAuth {
    ImpersonationAuth::new(ACCOUNT, credentials)
}

fn given() -> IamTokenAuth {
    IamTokenAuth::new("t1.HUSH.given").unwrap()
}

fn failure(credentials: &Credentials) -> Error {
    let error = test_support::token_source::first_failure(credentials);
    assert_eq!(error.method(), Some(Method::Impersonation), "{error}");
    let shown = format!("{error} {error:?} {:?} {credentials:?}", error.help());
    assert!(!shown.contains("HUSH"), "{shown}");
    error
}
