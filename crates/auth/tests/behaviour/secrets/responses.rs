//! Secrets that a service, yc or a source repeats.

use std::sync::{Arc, Mutex};

use super::{SECRETS, SHAPELESS, assert_silent, everything, ways_to_repeat};
use crate::support::{TestSystem, cloud};
use yandex_cloud_auth::system::{BoxFuture, HttpFault};
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    Credentials, Error, ErrorKind, IamTokenAuth, ImpersonationAuth, MetadataAuth, OAuthTokenAuth,
    SubjectToken, System, Token, TokenSource, WorkloadIdentityAuth, YandexCloudCliAuth,
};

#[test]
fn a_secret_in_a_response_of_iam_or_discovery_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 401, 500] {
                let id = vec![("x-request-id", said.replace(|c: char| c.is_control() || !c.is_ascii(), ""))];
                let reply = TestReply::Response(status, id, said.clone().into_bytes());
                for from_iam in [true, false] {
                    let reply = reply.clone();
                    let test_system = TestSystem::new().answering(move |request, count| {
                        match (request.uri().path(), from_iam) {
                            ("/iam/v1/tokens", _) | ("/endpoints", false) => reply.clone(),
                            _ => cloud(reply.clone())(request, count),
                        }
                    });
                    let credentials = test_system.with(OAuthTokenAuth::new("y0_HUSH-ours").unwrap());
                    assert_silent(&format!("{status} {said}"), &everything(&test_system, &credentials));
                }
            }
        }
    }
}

#[test]
fn a_secret_in_a_response_of_the_authorization_server_or_github_is_masked() {
    // Each of the two receives one secret without a known shape, and may repeat it.
    for (from_github, own) in [(true, "HUSH-request-token"), (false, "eyJHUSH.HUSH.HUSH")] {
        for secret in SECRETS.iter().chain([&own]) {
            for said in ways_to_repeat(secret) {
                for status in [200, 302, 400, 401, 500] {
                    let reply = TestReply::status(status, said.clone());
                    let test_system = TestSystem::new()
                        .set("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example/idtoken?x=1")
                        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "HUSH-request-token")
                        .answering(move |request, _| match request.uri().path() {
                            "/idtoken" if !from_github => {
                                TestReply::status(200, r#"{"value":"eyJHUSH.HUSH.HUSH"}"#)
                            }
                            _ => reply.clone(),
                        });
                    let subject = SubjectToken::github_actions();
                    let auth = test_system.with(WorkloadIdentityAuth::new("ajefake0account00001", subject));
                    assert_silent(&format!("{status} {said}"), &everything(&test_system, &auth));
                }
            }
        }
    }
}

/// Checks that nothing shows a secret where IAM answers the impersonation by the IAM token `sent` with this response.
fn assert_impersonation_is_silent(sent: &str, status: u16, said: &str) {
    let reply = TestReply::status(status, said.to_owned());
    let test_system = TestSystem::new().answering(move |request, count| match request.uri().path() {
        "/endpoints" => cloud(TestReply::status(404, ""))(request, count),
        _ => reply.clone(),
    });
    let auth = ImpersonationAuth::new("ajefake0account00001", IamTokenAuth::new(sent).unwrap());
    assert_silent(&format!("{status} {said}"), &everything(&test_system, &test_system.with(auth)));
}

#[test]
fn the_token_of_a_request_is_masked_in_the_response_of_iam() {
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 401, 403, 500] {
                assert_impersonation_is_silent(SHAPELESS, status, &said);
            }
        }
    }
}

#[test]
fn a_sent_token_without_a_known_shape_is_masked() {
    for secret in [
        SHAPELESS,
        "HUSH.AQVN-HUSH.HUSH-HUSH-HUSH-HUSH-HUSH",
        "t1-HUSH-HUSH-HUSH-HUSH-HUSH-HUSH",
        "HUSH.HUSH.HUSH.HUSH.HUSH.HUSH.HUSH.HUSH",
    ] {
        let mut said = ways_to_repeat(secret);
        // The text is cut in the middle of the token.
        said.extend((990..1024).map(|before| format!("{{\"message\":\"{}{secret}\"}}", "x".repeat(before))));
        for said in said {
            for status in [400, 500] {
                assert_impersonation_is_silent(secret, status, &said);
            }
        }
    }
}

#[test]
fn a_sent_secret_that_a_server_repeats_on_several_lines_is_masked_whole() {
    const SENT: &str = "y0_HUSH-HUSH-HUSH-HUSH-HUSH-HUSH";
    let folded = |by: &str| {
        let lines: Vec<_> =
            SENT.as_bytes().chunks(8).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.join(by)
    };
    for by in ["\n", "\r\n", "\r\n  ", "\\n", "\\r\\n", "%0A", "\\u000a", "&#10;", "=\r\n"] {
        for said in [
            folded(by),
            format!("bad token:\n{}\nsorry", folded(by)),
            serde_json::json!({"message": folded(by)}).to_string(),
        ] {
            for status in [400, 500] {
                let reply = TestReply::status(status, said.clone());
                let test_system = TestSystem::new().answering(cloud(reply));
                let credentials = test_system.with(OAuthTokenAuth::new(SENT).unwrap());
                assert_silent(&format!("{status} {said}"), &everything(&test_system, &credentials));
            }
        }
    }
}

#[test]
fn a_secret_in_a_response_of_the_metadata_service_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for status in [200, 302, 400, 404, 500] {
                let test_system = TestSystem::new().always(TestReply::status(status, said.clone()));
                let scenario = format!("{status} {said}");
                // A valid response has a token for requests. No text prints it.
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                assert_silent(&scenario, &everything(&test_system, &test_system.with(MetadataAuth::new())));
            }
        }
    }
}

#[test]
fn a_secret_in_the_output_of_yc_is_masked() {
    for secret in SECRETS {
        for said in ways_to_repeat(secret) {
            for run in [
                TestRun::Exit(0, said.clone(), String::new()),
                TestRun::Exit(1, String::new(), said.clone()),
                TestRun::Exit(1, said.clone(), String::new()),
                TestRun::Exit(2, said.clone(), said.clone()),
            ] {
                let reply = run.clone();
                let test_system = TestSystem::new().with_yc(move |_| reply.clone());
                let scenario = format!("{run:?}");
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                assert_silent(
                    &scenario,
                    &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())),
                );
            }
        }
    }
}

#[test]
fn a_token_in_the_output_of_a_failed_yc_is_not_the_reason_of_the_error() {
    let test_system = TestSystem::new()
        .with_yc(|_| TestRun::Exit(1, "CggVAgAAA-HUSH-older-shape\n".to_owned(), String::new()));
    assert_silent("yc", &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())));
}

/// A source of the program's own, which is careless about what it says.
struct Careless(&'static str);

impl TokenSource for Careless {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async { Err(Error::new(ErrorKind::Refused, format!("no: {}", self.0)).at(self.0)) })
    }
}

#[test]
fn what_a_source_of_ones_own_says_is_masked() {
    for secret in SECRETS {
        let test_system = TestSystem::new();
        let credentials = Credentials::from_source(Careless(secret)).with_system(test_system.system());
        assert_silent(secret, &everything(&test_system, &credentials));
    }
}

#[test]
fn no_panic_tells_a_secret_because_there_is_none() {
    let panics: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&panics);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_none_or(|name| !name.contains("no_panic")) {
            seen.lock().unwrap().push(panic.to_string());
        }
        before(panic);
    }));
    for body in ["", "\u{0}", "{", "[[[[", "\"", "{\"access_token\":{\"HUSH\":1}}", "\u{feff}{}"] {
        for status in [100, 199, 200, 201, 299, 399, 499, 599, 999] {
            let test_system = TestSystem::new().always(TestReply::status(status, body));
            everything(&test_system, &test_system.automatic());
            everything(&test_system, &test_system.with(OAuthTokenAuth::new("y0_HUSH").unwrap()));
        }
    }
    for fault in [HttpFault::Request, HttpFault::Proxy, HttpFault::Tls, HttpFault::NameResolution] {
        let test_system = TestSystem::new().always(TestReply::Fail(fault));
        everything(&test_system, &test_system.automatic());
        everything(&test_system, &test_system.with(OAuthTokenAuth::new("y0_HUSH").unwrap()));
    }
    assert_eq!(*panics.lock().unwrap(), Vec::<String>::new());
}
