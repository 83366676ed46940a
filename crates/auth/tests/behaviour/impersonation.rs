//! Impersonation: the request to IAM, the refresh of both tokens, and the errors of a refusal.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{API_KEY, IAM_TOKEN, METADATA_ANSWER, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::token_source::{Source, header, token};
use test_support::wait::{secs, until};
use yandex_cloud_auth::system::LibraryThread;
use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, Error, ErrorKind, HeaderOptions,
    IamTokenAuth, ImpersonationAuth, MetadataAuth, Method, NoAuth, OAuthTokenAuth, System,
};
use yandex_cloud_emulator::Emulator;

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

#[test]
fn iam_gets_the_token_of_the_underlying_credentials_and_discovery_gets_no_token() {
    let test_system = TestSystem::new().answering(|request, count| {
        match impersonation_in(request) {
            Some((bearer, account)) => {
                assert_eq!((&*bearer, &*account), ("t1.HUSH.given", ACCOUNT));
                assert!(request.headers()["authorization"].is_sensitive());
                assert_eq!(request.headers()["content-type"], "application/json");
            }
            None => assert!(!request.headers().contains_key("authorization")),
        }
        iam(request, count)
    });
    let credentials = test_system.with(by(given()));
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.HUSH.given")));
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE]);
    assert_eq!(credentials.method(), Some(Method::Impersonation));
    let shown = format!("{:?} {credentials:?} {:?}", test_system.log.lines(), by(given()));
    assert!(!shown.contains("HUSH"), "{shown}");
}

#[test]
fn any_credentials_with_an_iam_token_can_impersonate() {
    let test_system = TestSystem::new().set("YC_TOKEN", "t1.FAKE-env.x").answering(iam);
    for (credentials, bearer) in [
        (given().into(), "t1.HUSH.given"),
        (EnvIamTokenAuth::new().into(), "t1.FAKE-env.x"),
        (OAuthTokenAuth::new(OAUTH_TOKEN).unwrap().into(), IAM_TOKEN),
        (MetadataAuth::new().into(), crate::support::METADATA_TOKEN),
        (Credentials::automatic(), crate::support::METADATA_TOKEN),
        (Credentials::from_source(Source::new(|_| token(7))), "t1.fake.7"),
    ] {
        let credentials = test_system.with(by(credentials));
        assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, bearer)));
    }
}

#[test]
fn impersonation_can_be_nested() {
    let test_system = TestSystem::new().answering(iam);
    let first = ImpersonationAuth::new(OTHER, MetadataAuth::new());
    let credentials = test_system.with(ImpersonationAuth::new(ACCOUNT, first));
    let expected = of(ACCOUNT, &of(OTHER, crate::support::METADATA_TOKEN));
    assert_eq!(header(&credentials), format!("Bearer {expected}"));

    let report = credentials.report().unwrap();
    let place = format!("service account {ACCOUNT} via service account {OTHER} via metadata");
    assert_eq!(report.selected().unwrap().source, place);
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert_eq!(identity.subject_id.as_deref(), Some(ACCOUNT));
    let underlying = identity.via.unwrap();
    assert_eq!(underlying.subject_id.as_deref(), Some(OTHER));
    assert_eq!(underlying.via.unwrap().method, Method::Metadata);
}

#[test]
fn each_of_the_two_tokens_is_refreshed_when_it_is_due() {
    // The tokens of the underlying credentials live for 10 min; those of the service account end at 12:00.
    let source = Source::living(secs(600));
    let test_system = TestSystem::new().answering(iam);
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let credentials = test_system.with(by(underlying.clone()));
    let held = header(&credentials);
    assert_eq!((source.started(), held.as_str()), (1, &*format!("Bearer {}", of(ACCOUNT, "t1.fake.0"))));

    test_system.clock.advance(secs(3000));
    assert_eq!((header(&credentials), source.started()), (held.clone(), 1), "no token is refreshed");

    // After max_age, the token is refreshed in the background, with a valid token of the underlying credentials.
    test_system.clock.advance(secs(700));
    assert_eq!(header(&credentials), held);
    let renewed = format!("Bearer {}", of(ACCOUNT, "t1.fake.1"));
    until("the token is refreshed in the background", || header(&credentials) == renewed);
    assert_eq!(source.started(), 2);

    // A cached token of the underlying credentials is used, and shared with other users of these credentials.
    header(&underlying);
    let another = test_system.with(ImpersonationAuth::new(OTHER, underlying));
    assert_eq!(header(&another), format!("Bearer {}", of(OTHER, "t1.fake.1")));
    assert_eq!(source.started(), 2);
}

#[test]
fn an_expired_token_is_not_sent_when_the_refresh_fails() {
    let source = Source::living(secs(600));
    let test_system = TestSystem::new().answering(iam);
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    header(&credentials);
    // The server asks for a pause that is longer than the call has, so the call fails at once.
    source.set(|_| Err(test_support::token_source::unavailable().with_retry_after(secs(60))));
    test_system.clock.advance(secs(11 * 3600));
    assert!(header(&credentials).contains("t1.fake.0."), "the valid token is sent");
    until("the refresh in the background has failed", || credentials.counters().failures == 1);
    test_system.clock.advance(secs(3600));
    let error = failure(&credentials);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("the source is down"), "{error}");
    source.set(|count| Ok(token(count)?.expiring_in(secs(600))));
    test_system.clock.advance(secs(60));
    // The token in IAM's response ends at 12:00, which has passed.
    assert!(failure(&credentials).reason().contains("a lifetime of"), "IAM is called again after a failure");
}

#[test]
fn credentials_without_an_iam_token_are_an_error_at_once() {
    let test_system = TestSystem::new().set("YC_API_KEY", API_KEY).answering(iam);
    for (credentials, name) in [
        (Credentials::from(ApiKeyAuth::new(API_KEY).unwrap()), "api-key"),
        (ApiKeyAuth::from_env().into(), "api-key"),
        (NoAuth::new().into(), "none"),
        (Credentials::automatic(), "api-key"),
    ] {
        let error = failure(&test_system.with(by(credentials)));
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.reason().contains(name) && error.reason().contains("no IAM token"), "{error}");
        assert!(error.help().unwrap().contains("metadata"));
    }
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn an_invalid_service_account_id_is_an_error_that_does_not_show_the_value() {
    let test_system = TestSystem::new().answering(iam);
    for id in ["", "HUSH", "t1.HUSH.x", "AQVN-HUSH", "my robot HUSH", "aje/HUSH", &"h".repeat(51)] {
        let credentials = test_system.with(ImpersonationAuth::new(id, given()));
        let error = failure(&credentials);
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some("service account id")),
            "{id}"
        );
        assert!(error.help().is_some());
        let shown = format!("{:?} {:?}", ImpersonationAuth::new(id, given()), test_system.log.lines());
        assert!(!shown.contains("HUSH") && !shown.contains("hhhh"), "{shown}");
    }
    assert!(test_system.http.requests().is_empty());
}

/// An IAM that refuses these bearer tokens with the status 401.
fn unauthenticated(
    refused: &'static [&'static str],
) -> impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static {
    move |request, count| match impersonation_in(request) {
        Some((bearer, _)) if refused.contains(&&*bearer) => TestReply::status(
            401,
            format!(r#"{{"code":16,"message":"The token {bearer} is invalid","details":[]}}"#),
        ),
        _ => iam(request, count),
    }
}

#[test]
fn a_token_that_iam_refuses_is_replaced_once() {
    let source = Source::living(secs(3600));
    let test_system = TestSystem::new().answering(unauthenticated(&["t1.fake.0"]));
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let stale = underlying.blocking().get(HeaderOptions::new()).unwrap();
    let credentials = test_system.with(by(underlying.clone()));
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.fake.1")));
    assert_eq!(source.started(), 2);
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE, IMPERSONATE]);
    assert!(
        underlying.snapshot().unwrap().generation() > stale.generation(),
        "all users of the credentials drop the token"
    );
}

#[test]
fn a_second_refused_token_is_an_error() {
    let source = Source::living(secs(3600));
    let test_system = TestSystem::new().answering(unauthenticated(&["t1.fake.0", "t1.fake.1", "t1.fake.2"]));
    let error = failure(&test_system.with(by(Credentials::from_source(source.clone()))));
    assert_eq!((error.kind(), source.started()), (ErrorKind::Refused, 2));
    assert!(error.reason().contains("HTTP 401") && !error.reason().contains("fake"), "{error}");
    assert!(error.help().unwrap().contains("custom"), "{:?}", error.help());
    assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE, IMPERSONATE]);
}

#[test]
fn a_token_without_a_replacement_is_sent_once() {
    let test_system = TestSystem::new().set("YC_TOKEN", "t1.HUSH.env").answering(unauthenticated(&[
        "t1.HUSH.given",
        "t1.HUSH.env",
        "t1.HUSH.same",
    ]));
    let same = Source::new(|_| yandex_cloud_auth::Token::new("t1.HUSH.same"));
    for credentials in [given().into(), EnvIamTokenAuth::new().into(), Credentials::from_source(same)] {
        let before = test_system.http.requests().len();
        let error = failure(&test_system.with(by(credentials)));
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert_eq!(test_system.http.requests()[before..], [DISCOVERY, IMPERSONATE]);
    }
}

#[test]
fn the_help_of_a_refusal_names_what_is_missing() {
    for (status, kind, words) in [
        (403, ErrorKind::Refused, "iam.serviceAccounts.tokenCreator"),
        (404, ErrorKind::Refused, "and not a name"),
        (400, ErrorKind::Refused, "and not a name"),
        (429, ErrorKind::Unavailable, "rate-limiting"),
        (503, ErrorKind::Unavailable, "at the moment"),
        (302, ErrorKind::Refused, "does not come from"),
    ] {
        let test_system =
            TestSystem::new().answering(move |request, count| match impersonation_in(request) {
                Some((bearer, _)) => {
                    TestReply::status(status, format!(r#"{{"code":7,"message":"no {bearer}"}}"#))
                }
                None => iam(request, count),
            });
        let error = failure(&test_system.with(by(given())));
        assert_eq!((error.kind(), error.location()), (kind, IMPERSONATE.strip_prefix("POST ")), "{error}");
        assert!(error.help().unwrap().contains(words), "{status}: {:?}", error.help());
        assert_eq!(test_system.http.requests(), [DISCOVERY, IMPERSONATE], "the request is sent once");
    }
}

#[test]
fn an_error_of_the_underlying_credentials_keeps_its_details() {
    let test_system = TestSystem::new().answering(|request, _| match request.uri().host() {
        Some("169.254.169.254") => {
            TestReply::Response(503, vec![("retry-after", "40".to_owned())], b"busy".to_vec())
        }
        _ => panic!("no request goes to IAM"),
    });
    let error = failure(&test_system.with(by(MetadataAuth::new())));
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(secs(40))));
    assert!(error.reason().contains("metadata: http://169.254.169.254: HTTP 503"), "{error}");
    let cause = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!((cause.method(), error.help()), (Some(Method::Metadata), cause.help()));

    let nothing = failure(&TestSystem::new().with(by(Credentials::automatic())));
    assert_eq!(nothing.kind(), ErrorKind::NotConfigured);
    assert!(nothing.report().unwrap().to_string().contains("YC_API_KEY"));

    let revoked = IamTokenAuth::new("t1.HUSH\nx").unwrap_err();
    assert!(!revoked.to_string().contains("HUSH"));
}

#[test]
fn the_token_of_the_underlying_credentials_is_sent_only_to_iam() {
    // endpoint in code or in the environment, address from discovery -> host that gets the token
    for (endpoint, found, goes) in [
        ("api.cloud.yandex.net", "iam.api.cloud.yandex.net:443", Some("iam.api.cloud.yandex.net")),
        ("api.cloud.yandex.net", "iam.evil.example:443", None),
        ("api.cloud.yandex.net", "http://iam.api.cloud.yandex.net", None),
        ("http://api.corp.example", "iam.api.corp.example", None),
        ("http://127.0.0.1:9", "127.0.0.1:10", Some("127.0.0.1")),
    ] {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&seen);
        let test_system = TestSystem::new().answering(move |request, _| {
            let everything = format!("{:?} {}", request.headers(), String::from_utf8_lossy(request.body()));
            let bearer = request.headers().get("authorization").is_some();
            if bearer || everything.contains("HUSH") {
                record.lock().unwrap().push(request.uri().host().unwrap().to_owned());
            }
            match request.uri().path() {
                "/endpoints" => {
                    TestReply::status(200, format!(r#"{{"endpoints":[{{"id":"iam","address":"{found}"}}]}}"#))
                }
                _ => issued("t1.FAKE.x"),
            }
        });
        let by_variable = test_system.clone().set("YC_API_ENDPOINT", endpoint).with(by(given()));
        let in_code = test_system.at(Endpoints::new().api(endpoint)).with(by(given()));
        for credentials in [by_variable, in_code] {
            match goes {
                Some(host) => {
                    header(&credentials);
                    assert_eq!(seen.lock().unwrap().pop().as_deref(), Some(host));
                }
                None => assert_eq!(failure(&credentials).kind(), ErrorKind::Blocked, "{endpoint} {found}"),
            }
            assert!(seen.lock().unwrap().is_empty(), "{endpoint} {found}");
        }
    }
    let test_system = TestSystem::new().always(issued("t1.FAKE.x"));
    let at = |endpoints| test_system.clone().at(endpoints).with(by(given()));
    header(&at(Endpoints::new().iam("iam.corp.example")));
    let plain = Endpoints::new().iam("http://iam.corp.example");
    assert_eq!(failure(&at(plain.clone())).kind(), ErrorKind::Blocked);
    header(&at(plain.danger_allow_plaintext()));
    assert_eq!(test_system.http.requests().len(), 2);
}

#[test]
fn inner_credentials_inherit_the_system_unless_they_have_their_own() {
    let test_system =
        |name: &'static str| TestSystem::new().set("YC_TOKEN", &format!("t1.FAKE-{name}.x")).answering(iam);
    let (here, there, own) = (test_system("here"), test_system("there"), test_system("own"));
    let bearer = |name: &str| format!("Bearer {}", of(ACCOUNT, &format!("t1.FAKE-{name}.x")));

    let going = Credentials::from(by(EnvIamTokenAuth::new()));
    assert_eq!(header(&here.with(going.clone())), bearer("here"));
    assert_eq!(
        header(&here.with(going.clone()).with_system(there.system())),
        bearer("there"),
        "a later system replaces it"
    );
    let nested = ImpersonationAuth::new(OTHER, by(EnvIamTokenAuth::new()));
    let expected = format!("Bearer {}", of(OTHER, &of(ACCOUNT, "t1.FAKE-here.x")));
    assert_eq!(header(&here.with(nested)), expected);

    let staying = Credentials::from(by(own.with(EnvIamTokenAuth::new())));
    assert_eq!(header(&here.with(staying.clone())), bearer("own"));
    assert_eq!(header(&here.with(staying).with_system(there.system())), bearer("own"));
    let chosen =
        Automatic::new().with_system(own.set("YC_METADATA_ADDR", "").system()).without("metadata").unwrap();
    assert_eq!(header(&here.with(by(chosen.build()))), bearer("own"));

    for automatic in [
        Automatic::new().replace("api-key", by(EnvIamTokenAuth::new())).unwrap().with_system(here.system()),
        Automatic::new().with_system(here.system()).replace("api-key", by(EnvIamTokenAuth::new())).unwrap(),
    ] {
        let credentials = automatic.build();
        assert_eq!(header(&credentials), bearer("here"));
        let selected = credentials.report().unwrap().selected().unwrap().clone();
        assert_eq!((selected.method, &*selected.reason), (Method::Impersonation, "given"));
        assert_eq!(header(&credentials.with_system(there.system())), bearer("there"));
    }
}

#[test]
fn construction_and_with_system_do_no_work() {
    let test_system = TestSystem::new().answering(|_, _| panic!("no request is sent"));
    let source = Source::new(|_| panic!("nothing is fetched"));
    let credentials = test_system.with(ImpersonationAuth::new(OTHER, by(Credentials::from_source(source))));
    let _ = (credentials.method(), credentials.report(), credentials.snapshot(), format!("{credentials:?}"));
    assert_eq!(credentials.counters().fetches, 0);
}

#[test]
fn the_last_drop_ends_both_fetches() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(|_, _| panic!("no request goes to IAM"));
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    credentials.prewarm();
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    drop(credentials);
    until("the fetch is dropped", || source.ended() == 1);
}

#[test]
fn a_shared_fetch_continues_when_the_impersonation_is_dropped() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let underlying = Credentials::from_source(source.clone()).with_system(test_system.system());
    let credentials = test_system.with(by(underlying.clone()));
    credentials.prewarm();
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    drop(credentials);
    source.release();
    assert_eq!(header(&underlying), "Bearer t1.fake.0");
    assert_eq!(source.started(), 1);
}

#[test]
fn the_fetches_continue_after_the_deadline_of_a_caller() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let credentials = test_system.with(by(Credentials::from_source(source.clone())));
    let caller = credentials.clone();
    let call = std::thread::spawn(move || {
        caller.blocking().header_with(HeaderOptions::new().deadline(secs(1))).unwrap_err()
    });
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    // The limits of both fetches, and the deadline of the caller.
    test_system.clock.wait_for_sleepers(3);
    test_system.clock.advance(secs(1));
    assert_eq!(call.join().unwrap().kind(), ErrorKind::Unavailable);
    source.release();
    assert_eq!(header(&credentials), format!("Bearer {}", of(ACCOUNT, "t1.fake.0")));
    assert_eq!(source.started(), 1);
}

#[test]
fn both_fetches_together_have_one_time_limit() {
    let source = Source::living(secs(3600));
    source.hold();
    let test_system = TestSystem::new().answering(iam);
    let auth = ImpersonationAuth::builder(ACCOUNT, Credentials::from_source(source.clone())).timeout(secs(7));
    let credentials = test_system.with(auth.build());
    let caller = credentials.clone();
    let call = std::thread::spawn(move || caller.blocking().header().unwrap_err());
    until("the fetch of the underlying credentials runs", || source.started() == 1);
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(7));
    assert!(call.join().unwrap().reason().contains("no token within 7 s"));
}

/// Both fetches run on the one thread of the library, for every kind of caller.
#[test]
fn one_thread_runs_both_fetches_for_many_callers() {
    let impersonations = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&impersonations);
    let http = TestHttp::new(move |request, nth| {
        count.fetch_add(usize::from(impersonation_in(request).is_some()), Ordering::SeqCst);
        iam(request, nth)
    });
    let system = System::real()
        .with_environment(TestEnvironment::empty())
        .with_clock(yandex_cloud_auth::testing::TestClock::new())
        .with_http(http)
        .with_spawner(LibraryThread);
    let nested = ImpersonationAuth::new(OTHER, by(MetadataAuth::new()));
    let credentials = Credentials::from(nested).with_system(system);
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let clone = credentials.clone();
            std::thread::spawn(move || header(&clone))
        })
        .collect();
    let expected = format!("Bearer {}", of(OTHER, &of(ACCOUNT, crate::support::METADATA_TOKEN)));
    for thread in threads {
        assert_eq!(thread.join().unwrap(), expected);
    }
    assert_eq!(impersonations.load(Ordering::SeqCst), 2, "IAM gets one request for each of the two accounts");
    assert_eq!(
        test_support::wait::on_runtime(async { credentials.header().await }).unwrap().unwrap(),
        expected
    );
}

/// A system in the emulator's cloud.
fn inside(cloud: &Emulator) -> System {
    let environment = TestEnvironment::new([
        ("YC_METADATA_ADDR", cloud.metadata_addr().to_string()),
        ("YC_API_ENDPOINT", cloud.api_url()),
    ]);
    System::real().with_environment(environment)
}

#[test]
fn the_emulator_allows_impersonation_only_with_the_role() {
    let cloud = Emulator::start_in_thread().unwrap();
    let first = ImpersonationAuth::new(cloud.impersonated_account_id(), MetadataAuth::new());
    let nested = ImpersonationAuth::new(cloud.nested_account_id(), first.clone());
    for auth in [first, nested] {
        assert!(header(&Credentials::from(auth).with_system(inside(&cloud))).starts_with("Bearer t1."));
    }
    let without = ImpersonationAuth::new(cloud.nested_account_id(), MetadataAuth::new());
    let error = Credentials::from(without).with_system(inside(&cloud)).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("iam.serviceAccounts.tokenCreator"), "{:?}", error.help());
}

#[test]
fn a_token_that_another_program_revoked_is_replaced() {
    let cloud = Emulator::start_in_thread().unwrap();
    let underlying = Credentials::from(MetadataAuth::new()).with_system(inside(&cloud));
    let held = underlying.blocking().get(HeaderOptions::new()).unwrap();
    cloud.revoke_iam_token(held.expose_secret().unwrap()).unwrap();
    let auth = ImpersonationAuth::new(cloud.impersonated_account_id(), underlying.clone());
    assert!(header(&Credentials::from(auth).with_system(inside(&cloud))).starts_with("Bearer t1."));
    assert!(underlying.snapshot().unwrap().generation() > held.generation());
}
