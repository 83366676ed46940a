//! Ephemeral access keys of Object Storage: what is requested, with which token, and for how long.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::support::{API_KEY, IAM_TOKEN, TestSystem};
use serde_json::{Value, json};
use test_support::token_source::{Source, header, unavailable};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::testing::{TestEnvironment, TestReply};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Endpoints, EphemeralAccessKeyOptions, ErrorKind, IamTokenAuth, Method, NoAuth,
    ServiceAccountKeyAuth, System, Token,
};
use yandex_cloud_emulator::{Emulator, Fault, Service};

const EXCHANGE: &str = "POST /iam/v1/tokens";
const KEYS: &str = "POST /iam/aws-compatibility/v1/ephemeralAccessKeys";
const ANSWER: &str = r#"{"accessKeyId":"ajefake0key","secret":"YCfake-secret","sessionToken":"s1.fake-session","expiresAt":"2026-11-24T12:00:00.123Z"}"#;

fn options() -> EphemeralAccessKeyOptions {
    EphemeralAccessKeyOptions::new("tests").unwrap()
}

fn at(cloud: &Emulator) -> System {
    System::real()
        .with_environment(TestEnvironment::empty())
        .with_endpoints(Endpoints::new().api(cloud.api_url()))
}

/// The seconds until the end of the key.
fn life(key: &yandex_cloud_auth::EphemeralAccessKey) -> u64 {
    key.expires_at.duration_since(SystemTime::now()).unwrap().as_secs()
}

/// The header and the body of each request for a key.
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// A system whose IAM keeps each request for a key, and gives one.
fn recording() -> (TestSystem, Requests) {
    let requests = Requests::default();
    let kept = Arc::clone(&requests);
    let test_system = TestSystem::new().at(Endpoints::new().iam("iam.corp.example"));
    let test_system = test_system.answering(move |request, _| {
        assert_eq!(request.uri().path(), "/iam/aws-compatibility/v1/ephemeralAccessKeys");
        let token = request.headers()["authorization"].to_str().unwrap().to_owned();
        let body = serde_json::from_slice(request.body()).unwrap();
        kept.lock().unwrap().push((token, body));
        TestReply::status(200, ANSWER)
    });
    (test_system, requests)
}

#[test]
fn a_key_is_requested_with_the_iam_token() {
    let cloud = Emulator::start_in_thread().unwrap();
    let key = ServiceAccountKeyAuth::new(cloud.service_account_key().unwrap()).unwrap();
    let credentials = Credentials::from(key).with_system(at(&cloud));
    let key = credentials.blocking().ephemeral_access_key(options()).unwrap();
    assert!(key.secret.expose_secret().starts_with("YC"));
    assert!(key.session_token.expose_secret().starts_with("s1."));
    assert!((3500..=3600).contains(&life(&key)), "{key:?}");
    let longer = options().duration(5 * HOUR).unwrap();
    let key = credentials.blocking().ephemeral_access_key(longer).unwrap();
    assert!((17_900..=18_000).contains(&life(&key)), "{key:?}");
    assert_eq!((cloud.counters().route(EXCHANGE), cloud.counters().route(KEYS)), (1, 2));
}

#[test]
fn the_request_has_what_the_options_say() {
    let (test_system, requests) = recording();
    let credentials = test_system.with(Credentials::from_source(Source::living(12 * HOUR)));
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#;
    let all = options().duration(Duration::from_secs(5400)).unwrap().policy(policy).unwrap();
    let key = credentials.blocking().ephemeral_access_key(all).unwrap();
    credentials.blocking().ephemeral_access_key(options()).unwrap();
    assert_eq!((key.access_key_id.as_str(), key.secret.expose_secret()), ("ajefake0key", "YCfake-secret"));
    assert!(!format!("{key:?}").contains("YCfake"));
    let token = "Bearer t1.fake.0".to_owned();
    assert_eq!(
        *requests.lock().unwrap(),
        [
            (token.clone(), json!({"sessionName": "tests", "policy": policy, "duration": "5400s"})),
            (token, json!({"sessionName": "tests", "duration": "3600s"})),
        ]
    );
}

#[test]
fn a_token_that_ends_before_the_key_is_renewed_once_where_a_new_one_lives_longer() {
    let (test_system, requests) = recording();
    let source = Source::living(12 * HOUR);
    let credentials = test_system.with(Credentials::from_source(source.clone()));
    header(&credentials);
    // The token is fresh for an hour, and lives for more than the key should.
    test_system.clock.advance(secs(3000));
    credentials.blocking().ephemeral_access_key(options()).unwrap();
    assert_eq!(source.started(), 1);
    // The half of an hour is left. IAM is down while the token is renewed in the background.
    source.set(|_| Err(unavailable()));
    test_system.clock.advance(12 * HOUR - secs(3000 + 1800));
    header(&credentials);
    source.set(|count| Ok(Token::new(format!("t1.fake.{count}"))?.expiring_in(12 * HOUR)));
    test_system.clock.advance(secs(60));
    let before = source.started();
    credentials.blocking().ephemeral_access_key(options()).unwrap();
    assert_eq!(source.started(), before + 1, "one renewal");
    let of_new = json!({"sessionName": "tests", "duration": "3600s"});
    let (token, body) = requests.lock().unwrap().pop().unwrap();
    assert_eq!((token, body), (format!("Bearer t1.fake.{before}"), of_new));
}

#[test]
fn the_key_is_cut_to_the_life_of_a_token_that_has_no_better_one() {
    for (life, duration) in [(HOUR, "3590s"), (secs(1800), "1790s"), (secs(910), "900s")] {
        let (test_system, requests) = recording();
        let source = Source::living(life);
        let credentials = test_system.with(Credentials::from_source(source.clone()));
        credentials.blocking().ephemeral_access_key(options()).unwrap();
        assert_eq!(requests.lock().unwrap()[0].1["duration"], duration);
        assert_eq!(source.started(), 1, "a token that has just been fetched is not fetched again");
    }
    // Less than the shortest life: the service cuts.
    let (test_system, requests) = recording();
    test_system
        .with(Credentials::from_source(Source::living(secs(600))))
        .blocking()
        .ephemeral_access_key(options())
        .unwrap();
    assert_eq!(requests.lock().unwrap()[0].1, json!({"sessionName": "tests"}));
}

#[test]
fn a_usable_token_makes_a_key_while_no_other_one_comes() {
    let (test_system, requests) = recording();
    let source = Source::living(12 * HOUR);
    let credentials = test_system.with(Credentials::from_source(source.clone()));
    header(&credentials);
    source.set(|_| Err(unavailable()));
    test_system.clock.advance(12 * HOUR - secs(1800));
    credentials.blocking().ephemeral_access_key(options()).unwrap();
    let duration = requests.lock().unwrap()[0].1["duration"].as_str().unwrap().to_owned();
    assert_eq!(duration, "1790s");
}

#[test]
fn a_new_token_makes_the_key_although_it_ends_before_the_key_should() {
    let (test_system, requests) = recording();
    let source = Source::living(12 * HOUR);
    let credentials = test_system.with(Credentials::from_source(source.clone()));
    header(&credentials);
    source.set(|count| Ok(Token::new(format!("t1.fake.{count}"))?.expiring_in(secs(3000))));
    test_system.clock.advance(12 * HOUR - secs(1800));
    credentials.blocking().ephemeral_access_key(options()).unwrap();
    let expected = json!({"sessionName": "tests", "duration": "2990s"});
    assert_eq!(*requests.lock().unwrap(), [("Bearer t1.fake.1".to_owned(), expected)]);
}

#[test]
fn a_token_of_unknown_life_makes_a_key_until_its_end() {
    let cloud = Emulator::start_in_thread().unwrap();
    for (left, requests) in [(2 * HOUR, 1), (secs(1800), 2)] {
        let before = cloud.counters().route(KEYS);
        let token = IamTokenAuth::new(cloud.iam_token_for(left).unwrap()).unwrap();
        let credentials = Credentials::from(token).with_system(at(&cloud));
        let key = credentials.blocking().ephemeral_access_key(options()).unwrap();
        let expected = left.min(HOUR).as_secs();
        assert!((expected - 60..=expected).contains(&life(&key)), "{key:?}");
        assert_eq!(cloud.counters().route(KEYS) - before, requests);
    }
}

#[test]
fn without_an_iam_token_nothing_is_requested() {
    let test_system = TestSystem::new();
    for credentials in [test_system.with(ApiKeyAuth::new(API_KEY).unwrap()), test_system.with(NoAuth::new())]
    {
        let error = credentials.blocking().ephemeral_access_key(options()).unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, credentials.method()));
        assert!(error.help().is_some());
    }
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn the_token_goes_to_iam_alone_and_a_refusal_does_not_show_it() {
    let list = r#"{"endpoints":[{"id":"iam","address":"iam.evil.example:443"}]}"#;
    let test_system = TestSystem::new().always(TestReply::status(200, list));
    let credentials = test_system.with(IamTokenAuth::new(IAM_TOKEN).unwrap());
    let error = credentials.blocking().ephemeral_access_key(options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    assert_eq!(test_system.http.requests(), ["GET https://api.cloud.yandex.net/endpoints"]);

    let body = format!(r#"{{"code":7,"message":"no key for {IAM_TOKEN}"}}"#);
    let test_system = TestSystem::new().at(Endpoints::new().iam("iam.corp.example"));
    let test_system = test_system.always(TestReply::status(403, body));
    let credentials = test_system.with(IamTokenAuth::new(IAM_TOKEN).unwrap());
    let error = credentials.blocking().ephemeral_access_key(options()).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::IamToken)));
    assert!(error.reason().contains("no key for") && !error.to_string().contains("FAKE"), "{error}");
}

#[test]
fn the_time_limit_covers_all_of_it() {
    let cloud = Emulator::start_in_thread().unwrap();
    let token = IamTokenAuth::new(cloud.iam_token().unwrap()).unwrap();
    cloud.faults().add(Fault::hang().on(Service::Iam));
    let credentials = Credentials::from(token).with_system(at(&cloud));
    let limited = options().timeout(Duration::from_millis(300));
    let error = credentials.blocking().ephemeral_access_key(limited).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
