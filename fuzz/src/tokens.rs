//! Tokens in other places: the invocation of a function, the output of yc, and tokens of another issuer.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use yandex_cloud_auth::sdk_internals::ClaimsRecord;
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun};
use yandex_cloud_auth::{FunctionAuth, SubjectToken, WorkloadIdentityAuth, YandexCloudCliAuth};

use crate::support::{assert_presentable, bytes_with_secrets, call, reply, system, with_secrets};

/// The token of an invocation: in the context, and in a header.
pub fn function_tokens(data: &[u8]) {
    let data = bytes_with_secrets(data);
    if let Ok(value) = HeaderValue::from_bytes(&data) {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(FunctionAuth::HEADER), value)]);
        if let Err(error) = FunctionAuth::from_headers(&headers) {
            assert_presentable(&error);
        }
    }
    let Ok(text) = std::str::from_utf8(&data) else { return };
    let auth = match FunctionAuth::parse(text) {
        Ok(auth) => auth,
        Err(error) => return assert_presentable(&error),
    };
    let called = call(auth, system());
    let token = called.token().expect("a token that was just set");
    let mut read = serde_json::from_str::<Value>(text).expect("JSON");
    if let Some(inner) = read.as_str() {
        read = serde_json::from_str(inner).expect("JSON in a string");
    }
    assert!(read["access_token"].as_str().is_some_and(|text| text.contains(token)));
}

/// What yc prints to standard output, and after a line `---` to standard error.
pub fn yc_output(data: &[u8]) {
    const YC: &str = "/opt/yandex-cloud/bin/yc";
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = with_secrets(text);
    let (stdout, stderr) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let run = TestRun::Exit(i32::from(stdout.is_empty()), stdout.to_owned(), stderr.to_owned());
    let processes = TestProcesses::new(move |command| {
        let is_token = command.arguments.iter().any(|word| word == "create-token");
        if is_token { run.clone() } else { TestRun::prints("api.cloud.yandex.net:443\n") }
    });
    let system = system()
        .with_processes(processes)
        .with_files(TestFiles::new([(YC, "")]))
        .with_environment(TestEnvironment::new([("PATH", "/opt/yandex-cloud/bin")]).with_terminal());
    let called = call(YandexCloudCliAuth::new(), system);
    if let Some(token) = called.token() {
        assert!(stdout.contains(token), "a token that yc did not print");
    }
}

/// The response of GitHub with a subject token, and the claims of that token.
pub fn subject_tokens(data: &[u8]) {
    const REQUEST_TOKEN: &str = "FAKE-request-token-of-the-job0";
    let reply = reply(data);
    let http = TestHttp::new(move |request, _| {
        let authorization = request.headers().get("authorization");
        match (request.uri().host(), request.uri().path()) {
            (Some("auth.yandex.cloud"), "/oauth/token") => {
                assert_eq!(authorization, None);
                assert!(!String::from_utf8_lossy(request.body()).contains(REQUEST_TOKEN));
                TestReply::status(200, r#"{"access_token":"t1.FAKE-exchanged.FAKE","expires_in":3600}"#)
            }
            (Some("pipelines.example"), _) => {
                assert!(authorization.is_some_and(HeaderValue::is_sensitive));
                reply.clone()
            }
            (host, path) => panic!("a request to {host:?} {path}"),
        }
    });
    let environment = TestEnvironment::new([
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.example/FAKE-job?api-version=2.0"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ]);
    let record = ClaimsRecord::default();
    let auth = WorkloadIdentityAuth::builder("ajefake0account00001", SubjectToken::github_actions());
    let auth = auth.record_claims(record.clone()).build();
    let called = call(auth, system().with_http(http).with_environment(environment));
    assert!(!format!("{} {:?}", called.log, called.header).contains(REQUEST_TOKEN));
    if let Some(token) = called.token() {
        assert_eq!(token, "t1.FAKE-exchanged.FAKE");
        let claims = record.last().expect("the claims of the token that was exchanged");
        for claim in claims.issuer.iter().chain(&claims.subject).chain(&claims.audiences) {
            assert!(!claim.chars().any(char::is_control), "{claim:?}");
        }
    }
}
