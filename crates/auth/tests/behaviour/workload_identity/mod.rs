//! Workload identity: where the subject token comes from, where it goes, and what the answers become.

mod emulator;
mod server;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::SystemTime;

use crate::support::{IAM_TOKEN, METADATA_ANSWER, OAUTH_TOKEN, TestSystem};
use test_support::token_source::header;
use test_support::wait::{secs, until};
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestReply};
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, Error, ErrorKind, HeaderOptions, Method, Outcome, SubjectToken,
    System, WorkloadIdentityAuth,
};
use yandex_cloud_emulator::Emulator;

const ACCOUNT: &str = "ajefake0account00001";
/// `{"iss":"https://issuer.example","exp":1795478400}`: the first moment of the test clock's day, and so expired.
const OVER: &str =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwiZXhwIjoxNzk1NDc4NDAwfQ.HUSH-over";
/// `{"sub":"x"}`, without an end.
const SUBJECT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.HUSH-signature";
const FILE: &str = "/var/run/secrets/tokens/yandex-cloud";
const EXCHANGE: &str = "POST https://auth.yandex.cloud/oauth/token";

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
const GITHUB: &str = "https://pipelines.actions.githubusercontent.example/FAKE-job/idtoken?api-version=2.0";
const REQUEST_TOKEN: &str = "HUSH-request-token";

fn granted() -> TestReply {
    TestReply::status(
        200,
        format!(r#"{{"access_token":"{IAM_TOKEN}","token_type":"Bearer","expires_in":43200}}"#),
    )
}

/// GitHub's endpoint, and the authorization server, which answers `exchange`.
fn federation(
    exchange: TestReply,
) -> impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static {
    move |request, _| match request.uri().path() {
        "/FAKE-job/idtoken" => TestReply::status(200, format!(r#"{{"count":1,"value":"{SUBJECT}"}}"#)),
        "/oauth/token" => exchange.clone(),
        _ => TestReply::status(404, ""),
    }
}

fn test_system() -> TestSystem {
    let test_system = TestSystem::new()
        .set(URL, GITHUB)
        .set(TOKEN, REQUEST_TOKEN)
        .set("MY_TOKEN", SUBJECT)
        .answering(federation(granted()));
    test_system.files.write(FILE, format!("{SUBJECT}\n"));
    test_system
}

fn closure() -> SubjectToken {
    SubjectToken::from_fn(|| async { Ok(SUBJECT.to_owned()) })
}

/// Every source of subject tokens.
fn sources() -> [SubjectToken; 5] {
    [
        SubjectToken::file(FILE),
        SubjectToken::variable("MY_TOKEN"),
        SubjectToken::github_actions(),
        SubjectToken::github_actions_for("https://example.com/?a=b&c"),
        closure(),
    ]
}

fn by(test_system: &TestSystem, subject: SubjectToken) -> Credentials {
    test_system.with(WorkloadIdentityAuth::new(ACCOUNT, subject))
}

fn failure(credentials: &Credentials) -> Error {
    let error = test_support::token_source::first_failure(credentials);
    assert_eq!(error.method(), Some(Method::WorkloadIdentity), "{error}");
    let shown = format!("{error} {error:?} {:?} {credentials:?}", error.help());
    assert!(!shown.contains("HUSH"), "{shown}");
    error
}

/// The fields of a form.
fn fields(body: &[u8]) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, more @ ..] = rest {
            rest = more;
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
                rest = &more[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    let body = std::str::from_utf8(body).unwrap();
    body.split('&')
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

#[test]
fn every_source_of_subject_tokens_leads_to_the_documented_exchange() {
    for subject in sources() {
        let test_system = test_system();
        let rule = federation(granted());
        let test_system = test_system.answering(move |request, count| {
            if request.uri().path() == "/oauth/token" {
                assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
                assert!(!request.headers().contains_key("authorization"));
                let expected = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("audience", ACCOUNT),
                    ("subject_token", SUBJECT),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
                ];
                let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
                assert_eq!(fields(request.body()), BTreeMap::from(expected));
            }
            rule(request, count)
        });
        let credentials = by(&test_system, subject);
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(credentials.method(), Some(Method::WorkloadIdentity));
        assert_eq!(test_system.http.requests().last().unwrap(), EXCHANGE);
        let shown = format!("{:?} {credentials:?}", test_system.log.lines());
        assert!(!shown.contains("HUSH"), "{shown}");
    }
}

#[test]
fn the_life_of_the_token_comes_from_the_response() {
    let test_system = test_system();
    let credentials = by(&test_system, closure());
    header(&credentials);
    let expires_at = credentials.snapshot().unwrap().expires_at().unwrap();
    let left = expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap() - test_system.clock.now().wall;
    assert_eq!(left, secs(12 * 3600));
}

#[test]
fn a_file_is_read_again_for_each_exchange() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&seen);
    let test_system = TestSystem::new().answering(move |request, count| {
        told.lock().unwrap().push(fields(request.body())["subject_token"].clone());
        TestReply::status(200, format!(r#"{{"access_token":"t1.FAKE-{count}.x","expires_in":300}}"#))
    });
    let credentials = by(&test_system, SubjectToken::file(FILE));
    for (count, subject) in ["eyJa.b.c", "eyJd.e.f"].into_iter().enumerate() {
        test_system.files.write(FILE, subject);
        assert_eq!(header(&credentials), format!("Bearer t1.FAKE-{count}.x"));
        test_system.clock.advance(secs(300));
    }
    assert_eq!(*seen.lock().unwrap(), ["eyJa.b.c", "eyJd.e.f"]);
}

#[test]
fn the_current_token_stays_usable_after_the_file_is_deleted() {
    let test_system = test_system();
    let credentials = by(&test_system, SubjectToken::file(FILE));
    let held = header(&credentials);
    test_system.files.remove(FILE);
    test_system.clock.advance(secs(3 * 3600));
    assert_eq!(header(&credentials), held);
    until("the renewal beside the call has failed", || credentials.counters().failures == 1);
    test_system.clock.advance(secs(9 * 3600));
    let error = failure(&credentials);
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)));
    test_system.files.write(FILE, SUBJECT);
    test_system.clock.advance(secs(60));
    assert_eq!(header(&credentials), held, "nothing is final");
}

#[test]
fn a_subject_token_in_a_variable_is_exchanged_once_for_the_whole_life_of_the_token() {
    for (subject, exchanges) in [(SubjectToken::variable("MY_TOKEN"), 1), (SubjectToken::file(FILE), 2)] {
        let test_system = test_system();
        let credentials = by(&test_system, subject);
        header(&credentials);
        test_system.clock.advance(secs(3 * 3600));
        header(&credentials);
        assert_eq!(credentials.counters().fetches, exchanges);
    }
}

#[test]
fn the_request_to_github_uses_the_url_and_the_token_of_the_job() {
    for (url, audience, asked) in [
        (GITHUB, None, GITHUB.to_owned()),
        (GITHUB, Some("https://x/?a&b"), format!("{GITHUB}&audience=https%3A%2F%2Fx%2F%3Fa%26b")),
        (
            "https://ghe.example/FAKE-job/idtoken",
            Some("me"),
            "https://ghe.example/FAKE-job/idtoken?audience=me".to_owned(),
        ),
        (
            "http://127.0.0.1:9/FAKE-job/idtoken?x=1",
            Some("me"),
            "http://127.0.0.1:9/FAKE-job/idtoken?x=1&audience=me".to_owned(),
        ),
    ] {
        let rule = federation(granted());
        let test_system = test_system().set(URL, url).answering(move |request, count| {
            if request.uri().path() == "/FAKE-job/idtoken" {
                assert_eq!(request.method(), "GET");
                assert_eq!(request.headers()["authorization"], format!("bearer {REQUEST_TOKEN}"));
                assert!(request.headers()["authorization"].is_sensitive());
            } else {
                let everything = format!("{request:?} {}", String::from_utf8_lossy(request.body()));
                assert!(!everything.contains(REQUEST_TOKEN), "{everything}");
            }
            rule(request, count)
        });
        let subject = audience.map_or_else(SubjectToken::github_actions, SubjectToken::github_actions_for);
        header(&by(&test_system, subject));
        assert_eq!(test_system.http.requests(), [format!("GET {asked}"), EXCHANGE.to_owned()]);
    }
}

#[test]
fn the_audience_of_the_method_is_asked_for_where_the_subject_token_names_none() {
    for (subject, asked) in
        [(SubjectToken::github_actions(), "own"), (SubjectToken::github_actions_for("first"), "first")]
    {
        let test_system = test_system().set(URL, GITHUB).answering(federation(granted()));
        let auth = WorkloadIdentityAuth::builder(ACCOUNT, subject).audience("own").build();
        header(&test_system.with(auth));
        assert_eq!(test_system.http.requests()[0], format!("GET {GITHUB}&audience={asked}"));
    }
}

#[test]
fn a_response_of_github_without_a_token_is_an_error_with_its_host() {
    let value = |value: &str| TestReply::status(200, format!(r#"{{"value":{value}}}"#));
    for (reply, kind, words) in [
        (TestReply::status(200, ""), ErrorKind::Unavailable, "not JSON"),
        (TestReply::status(200, "{}"), ErrorKind::Unavailable, "the text `value` is missing"),
        (value("7"), ErrorKind::Unavailable, "the text `value` is missing"),
        (value("\"HUSH\""), ErrorKind::Unavailable, "not a JWT"),
        (TestReply::status(302, ""), ErrorKind::Refused, "redirects are not followed"),
        (TestReply::status(500, ""), ErrorKind::Unavailable, "HTTP 500"),
        (TestReply::status(403, format!("no {REQUEST_TOKEN}")), ErrorKind::Refused, "HTTP 403"),
        (TestReply::Fail(HttpFault::NameResolution), ErrorKind::Unavailable, "NameResolution"),
    ] {
        let answer = match reply {
            TestReply::Response(302, _, body) => {
                TestReply::Response(302, vec![("location", "https://evil.example/".to_owned())], body)
            }
            reply => reply,
        };
        let test_system = test_system().answering(move |_, _| answer.clone());
        let error = failure(&by(&test_system, SubjectToken::github_actions()));
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.location(), Some("https://pipelines.actions.githubusercontent.example"));
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
        assert_eq!(test_system.http.requests().len(), 1, "nothing is asked after it");
        if words == "HTTP 403" {
            assert!(error.help().unwrap().contains("id-token: write"));
        }
    }
}

#[test]
fn the_request_token_of_github_needs_tls_and_a_valid_url() {
    for (url, kind) in [
        ("http://pipelines.example/idtoken", ErrorKind::Blocked),
        ("http://10.0.0.1/idtoken", ErrorKind::Blocked),
        ("ftp://pipelines.example/idtoken", ErrorKind::Invalid),
        ("pipelines.example/idtoken", ErrorKind::Invalid),
        ("/idtoken", ErrorKind::Invalid),
        ("https://", ErrorKind::Invalid),
        ("https://user:HUSH@pipelines.example/", ErrorKind::Invalid),
        ("https://pipelines.example:0/", ErrorKind::Invalid),
        ("https://pipelines example/", ErrorKind::Invalid),
        ("https://конвейер.рф/", ErrorKind::Invalid),
    ] {
        let test_system = test_system().set(URL, url).set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
        for credentials in [by(&test_system, SubjectToken::github_actions()), test_system.automatic()] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (kind, Some(URL)), "{url}");
            assert!(error.help().is_some());
        }
        assert!(test_system.http.requests().is_empty(), "{url}");
    }
    let test_system = test_system().set(TOKEN, "HUSH HUSH");
    let error = failure(&by(&test_system, SubjectToken::github_actions()));
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(TOKEN)));
}

#[test]
fn the_function_of_the_program_runs_for_each_exchange_on_the_fetch_thread() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let test_system =
        test_system().always(TestReply::status(200, r#"{"access_token":"t1.FAKE.x","expires_in":60}"#));
    let caller = std::thread::current().id();
    let subject = SubjectToken::from_fn(move || {
        assert_ne!(std::thread::current().id(), caller);
        let count = count.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await; // there is a runtime
            Ok(format!("eyJ.{count}.c"))
        }
    });
    let credentials = by(&test_system, subject);
    for exchanges in 1..=3 {
        header(&credentials);
        assert_eq!(asked.load(Ordering::SeqCst), exchanges);
        test_system.clock.advance(secs(60));
    }

    let shut = SubjectToken::from_fn(|| async {
        Err(Error::new(ErrorKind::Unavailable, "the vault is shut").with_help("open it"))
    });
    let error = failure(&by(&test_system, shut));
    assert_eq!((error.reason(), error.help()), ("the vault is shut", Some("open it")));
    let odd = SubjectToken::from_fn(|| async { Ok("HUSH".to_owned()) });
    let error = failure(&by(&test_system, odd));
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("subject token of the program")));
}
