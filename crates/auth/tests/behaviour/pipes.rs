//! A secret through a pipe is read once: what selection reads is what is used afterwards.

use test_support::system::empty_system;
use test_support::token_source::{InStep, header};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles, TestHttp};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, HeaderOptions, OAuthTokenAuth, System, TokenFileAuth,
    WorkloadIdentityAuth,
};

use crate::support::{API_KEY, IAM_TOKEN, cloud, exchanged};

const PIPE: &str = "/dev/fd/63";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.FAKE";

struct Fixture {
    clock: TestClock,
    files: TestFiles,
    environment: TestEnvironment,
}

impl Fixture {
    fn new(variable: &str, content: &str) -> Self {
        let files = TestFiles::default();
        files.write_pipe(PIPE, content);
        let environment = TestEnvironment::new([(variable, PIPE), ("YC_SERVICE_ACCOUNT_ID", "ajeexample")]);
        Self { clock: TestClock::new(), files, environment }
    }

    fn system(&self) -> System {
        empty_system(&self.clock)
            .with_files(self.files.clone())
            .with_environment(self.environment.clone())
            .with_http(TestHttp::new(|request, count| match request.uri().path() {
                "/oauth/token" => yandex_cloud_auth::testing::TestReply::status(
                    200,
                    format!(r#"{{"access_token":"{IAM_TOKEN}","expires_in":3600}}"#),
                ),
                _ => cloud(exchanged())(request, count),
            }))
            .with_spawner(InStep)
    }

    fn automatic(&self) -> Credentials {
        Automatic::new().with_system(self.system()).build()
    }
}

/// Uses the credentials for a day.
fn used_for_a_day(fixture: &Fixture, credentials: &Credentials, expected: &str) {
    for _ in 0..24 {
        assert_eq!(header(credentials), expected);
        fixture.clock.advance(HOUR / 2);
    }
    assert_eq!(credentials.counters().failures, 0);
}

#[cfg(feature = "service-account-key")]
#[test]
fn a_key_is_used_for_every_exchange_and_for_the_identity() {
    let key = yandex_cloud_emulator::Emulator::start_in_thread().unwrap().service_account_key().unwrap();
    let fixture = Fixture::new("YC_SERVICE_ACCOUNT_KEY_FILE", &key);
    let given = yandex_cloud_auth::ServiceAccountKeyAuth::from_file(PIPE);
    let variable = yandex_cloud_auth::ServiceAccountKeyAuth::from_env();
    for credentials in [
        fixture.automatic(),
        Credentials::from(given).with_system(fixture.system()),
        Credentials::from(variable).with_system(fixture.system()),
    ] {
        fixture.files.write_pipe(PIPE, key.clone());
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert!(identity.subject_id.is_some() && identity.key_id.is_some(), "{identity:?}");
        fixture.clock.advance(HOUR);
        for _ in 0..3 {
            assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
            fixture.clock.advance(secs(60));
        }
        assert_eq!(credentials.counters().failures, 0);
    }
}

#[test]
fn a_token_an_api_key_and_an_oauth_token_are_used_to_their_end() {
    let fixture = Fixture::new("YC_IAM_TOKEN_FILE", IAM_TOKEN);
    let credentials = fixture.automatic();
    for _ in 0..22 {
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        fixture.clock.advance(HOUR / 2);
    }
    assert_eq!(credentials.counters().failures, 0);

    let fixture = Fixture::new("YC_API_KEY_FILE", API_KEY);
    used_for_a_day(&fixture, &fixture.automatic(), &format!("Api-Key {API_KEY}"));
    fixture.files.write_pipe(PIPE, API_KEY);
    let given = Credentials::from(ApiKeyAuth::from_file(PIPE)).with_system(fixture.system());
    used_for_a_day(&fixture, &given, &format!("Api-Key {API_KEY}"));
}

#[test]
fn an_oauth_token_and_a_subject_token_are_used_for_every_exchange() {
    for (variable, content) in [("YC_OAUTH_TOKEN_FILE", "y0_FAKE-oauth"), ("YC_OIDC_TOKEN_FILE", JWT)] {
        let fixture = Fixture::new(variable, content);
        let credentials = fixture.automatic();
        let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert!(credentials.invalidate(&first), "{variable}");
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "{variable}");
        assert_eq!((credentials.counters().failures, credentials.counters().fetches), (0, 2), "{variable}");
    }
}

#[test]
fn the_method_moves_to_another_system_with_the_content() {
    let bearer = format!("Bearer {IAM_TOKEN}");
    for (variable, content, method, expected) in [
        ("YC_IAM_TOKEN_FILE", IAM_TOKEN, Credentials::from(TokenFileAuth::from_env()), &*bearer),
        ("YC_API_KEY_FILE", API_KEY, ApiKeyAuth::from_env().into(), &*format!("Api-Key {API_KEY}")),
        ("YC_OAUTH_TOKEN_FILE", "y0_FAKE-oauth", OAuthTokenAuth::from_env().into(), &*bearer),
        ("YC_OIDC_TOKEN_FILE", JWT, WorkloadIdentityAuth::from_env().into(), &*bearer),
    ] {
        let fixture = Fixture::new(variable, content);
        let credentials = method.with_system(fixture.system());
        assert_eq!(header(&credentials), expected, "{variable}");
        let moved = credentials.with_system(fixture.system());
        let moved = moved.blocking().header().unwrap_or_else(|error| panic!("{variable}: {error}"));
        assert_eq!(moved.unwrap(), expected, "{variable}");
    }
}

#[test]
fn an_empty_pipe_is_read_again() {
    let fixture = Fixture::new("YC_IAM_TOKEN_FILE", "");
    let credentials = fixture.automatic();
    credentials.blocking().header().unwrap_err();
    fixture.files.write_pipe(PIPE, IAM_TOKEN);
    fixture.clock.advance(secs(120));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
}
