//! API keys and OAuth tokens in files, as Docker and systemd give secrets: `YC_API_KEY_FILE`, `YC_OAUTH_TOKEN_FILE`.

use std::sync::{Arc, Mutex};

use test_support::system::empty_system;
use test_support::token_source::{InStep, header};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles, TestHttp};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Error, ErrorKind, HeaderOptions, Method, OAuthTokenAuth, Outcome,
    RevokeOptions, Scheme, System,
};

use crate::support::{IAM_TOKEN, TestSystem, cloud, exchanged};

const FILE: &str = "/run/secrets/cloud";
const FIRST: &str = "AQVN-FAKE-first-key";
const SECOND: &str = "AQVN-FAKE-second-key";

/// A system whose variable names the file.
struct Fixture {
    clock: TestClock,
    files: TestFiles,
    environment: TestEnvironment,
    http: TestHttp,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    fn new(variable: &str, content: &str) -> Self {
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let (seen, services) = (Arc::clone(&bodies), cloud(exchanged()));
        let http = TestHttp::new(move |request, count| {
            seen.lock().unwrap().push(String::from_utf8_lossy(request.body()).into_owned());
            services(request, count)
        });
        let environment = TestEnvironment::new([(variable, FILE)]);
        Self { clock: TestClock::new(), files: TestFiles::new([(FILE, content)]), environment, http, bodies }
    }

    fn system(&self) -> System {
        empty_system(&self.clock)
            .with_files(self.files.clone())
            .with_environment(self.environment.clone())
            .with_http(self.http.clone())
            .with_spawner(InStep)
    }

    fn with(&self, credentials: impl Into<Credentials>) -> Credentials {
        credentials.into().with_system(self.system())
    }

    fn automatic(&self) -> Credentials {
        Automatic::new().with_system(self.system()).build()
    }

    fn each_key(&self) -> [Credentials; 3] {
        [self.with(ApiKeyAuth::from_file(FILE)), self.with(ApiKeyAuth::from_env()), self.automatic()]
    }

    fn each_oauth(&self) -> [Credentials; 3] {
        [self.with(OAuthTokenAuth::from_file(FILE)), self.with(OAuthTokenAuth::from_env()), self.automatic()]
    }
}

#[test]
fn the_key_in_the_file_is_sent_as_an_api_key_without_an_end() {
    let fixture = Fixture::new("YC_API_KEY_FILE", &format!("\u{feff} {FIRST}\r\n"));
    for credentials in fixture.each_key() {
        assert_eq!(header(&credentials), format!("Api-Key {FIRST}"));
        let snapshot = credentials.snapshot().unwrap();
        assert_eq!((snapshot.method(), snapshot.scheme()), (Method::ApiKey, Some(Scheme::ApiKey)));
        assert_eq!(snapshot.expires_at(), None);
        // A day later the file is gone: a key has no end.
        fixture.files.remove(FILE);
        for _ in 0..24 {
            fixture.clock.advance(HOUR);
            assert_eq!(header(&credentials), format!("Api-Key {FIRST}"));
        }
        fixture.files.write(FILE, FIRST);
    }
}

#[test]
fn a_changed_key_is_a_new_header_within_the_interval() {
    let fixture = Fixture::new("YC_API_KEY_FILE", FIRST);
    for credentials in fixture.each_key() {
        fixture.files.write(FILE, FIRST);
        header(&credentials);
        fixture.files.write(FILE, SECOND);
        fixture.clock.advance(secs(29));
        assert_eq!(header(&credentials), format!("Api-Key {FIRST}"), "the file is not read yet");
        fixture.clock.advance(secs(1));
        assert_eq!(header(&credentials), format!("Api-Key {FIRST}"), "the file is read beside this call");
        assert_eq!(header(&credentials), format!("Api-Key {SECOND}"));
        assert_eq!(credentials.snapshot().unwrap().generation(), 2);
    }
}

#[test]
fn a_refused_key_is_read_again_at_once() {
    let fixture = Fixture::new("YC_API_KEY_FILE", FIRST);
    let credentials = fixture.automatic();
    let refused = credentials.blocking().get(HeaderOptions::new()).unwrap();
    fixture.files.write(FILE, SECOND);
    assert!(credentials.invalidate(&refused));
    assert_eq!(header(&credentials), format!("Api-Key {SECOND}"));
}

#[test]
fn what_is_no_key_never_replaces_a_key() {
    let fixture = Fixture::new("YC_API_KEY_FILE", FIRST);
    let credentials = fixture.automatic();
    header(&credentials);
    for content in ["", "null", "y0_FAKE-oauth", IAM_TOKEN, "a b", "{\"key\":1}", "<html>"] {
        fixture.files.write(FILE, content);
        for _ in 0..4 {
            fixture.clock.advance(secs(60));
            assert_eq!(header(&credentials), format!("Api-Key {FIRST}"), "{content}");
        }
    }
    // A shorter key may be a part of one: the next look decides.
    fixture.files.write(FILE, "AQVN-FAKE-part");
    fixture.clock.advance(secs(60));
    header(&credentials);
    assert_eq!(header(&credentials), format!("Api-Key {FIRST}"));
    fixture.clock.advance(secs(60));
    header(&credentials);
    assert_eq!(header(&credentials), "Api-Key AQVN-FAKE-part");
}

#[test]
fn the_oauth_token_in_the_file_is_read_for_each_exchange() {
    let fixture = Fixture::new("YC_OAUTH_TOKEN_FILE", "y0_FAKE-first\n");
    for credentials in fixture.each_oauth() {
        fixture.files.write(FILE, "y0_FAKE-first\n");
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(credentials.method(), Some(Method::OAuthToken));
        fixture.files.write(FILE, "y0_FAKE-second\n");
        fixture.clock.advance(HOUR);
        header(&credentials);
        header(&credentials);
    }
    let bodies = fixture.bodies.lock().unwrap().clone();
    let sent: Vec<_> = bodies.iter().filter(|body| body.contains("FAKE")).collect();
    assert_eq!(sent.len(), 6, "{sent:?}");
    for (at, body) in sent.iter().enumerate() {
        assert!(body.contains(if at % 2 == 0 { "y0_FAKE-first\"" } else { "y0_FAKE-second\"" }), "{body}");
    }
}

#[track_caller]
fn broken(test_system: &TestSystem, location: &str, reason: &str) -> Error {
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(location)), "{error}");
    assert!(error.reason().contains(reason), "{error}");
    assert!(!format!("{error:?}").contains("FAKE"), "{error:?}");
    error
}

#[test]
fn a_file_that_every_user_can_read_is_told() {
    for (variable, value) in [
        ("YC_API_KEY_FILE", FIRST),
        ("YC_OAUTH_TOKEN_FILE", "y0_FAKE"),
        ("YC_IAM_TOKEN_FILE", "t1.FAKE.FAKE"),
    ] {
        let reason = |mode: u32, is_read_only: bool| {
            let test_system = TestSystem::new().set(variable, FILE);
            test_system.files.write(FILE, value);
            test_system.files.set_mode(FILE, mode);
            if is_read_only {
                test_system.files.set_read_only(FILE);
            }
            let report = test_system.automatic().blocking().select().unwrap();
            report.selected().unwrap().reason.clone()
        };
        let open = reason(0o644, false);
        assert!(
            open.contains("every user of this machine can read the file (mode 0644); `chmod 600` it"),
            "{open}"
        );
        let mounted = reason(0o444, true);
        assert!(mounted.contains("mode 0444") && mounted.contains("defaultMode: 0400"), "{mounted}");
        assert!(!mounted.contains("chmod"), "{mounted}");
        assert!(!reason(0o640, false).contains("every user"));
    }
}

#[test]
fn a_variable_and_its_file_together_are_broken() {
    for (variable, file, value) in
        [("YC_API_KEY", "YC_API_KEY_FILE", FIRST), ("YC_OAUTH_TOKEN", "YC_OAUTH_TOKEN_FILE", "y0_FAKE")]
    {
        let test_system = TestSystem::new().set(variable, value).set(file, FILE);
        test_system.files.write(FILE, value);
        let error = broken(&test_system, variable, &format!("{file} is set too"));
        assert!(error.help().unwrap().contains(&format!("unset {variable} or {file}")));
        // An empty variable is an unset one.
        let empty = TestSystem::new().set(variable, "").set(file, FILE);
        empty.files.write(FILE, value);
        assert!(!empty.automatic().blocking().select().unwrap().attempts().is_empty());
    }
}

#[test]
fn a_file_without_such_a_value_is_broken_and_its_slot_shows_the_variable() {
    for (variable, contents) in [
        ("YC_API_KEY_FILE", ["", "y0_FAKE-oauth", "t1.FAKE.FAKE", "{\"private_key\":\"FAKE\"}"]),
        ("YC_OAUTH_TOKEN_FILE", ["", "AQVN-FAKE", "t1.FAKE.FAKE", "FAKE"]),
    ] {
        for content in contents {
            let test_system = TestSystem::new().set(variable, FILE).set("YC_TOKEN", IAM_TOKEN);
            test_system.files.write(FILE, content);
            let error = broken(&test_system, FILE, "");
            let report = error.report().unwrap();
            let attempt =
                report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
            assert_eq!(attempt.source, variable, "{report}");
        }
        let missing = TestSystem::new().set(variable, "/nowhere/key").set("YC_TOKEN", IAM_TOKEN);
        broken(&missing, "/nowhere/key", "the file does not exist");
        // The secret itself in the variable of the file.
        broken(&TestSystem::new().set(variable, "AQVN-FAKE-FAKE-FAKE-FAKE"), variable, "");
        broken(&TestSystem::new().set(variable, "y0_FAKE-FAKE"), variable, "");
    }
}

#[test]
fn neither_the_key_nor_its_file_can_be_revoked() {
    let fixture = Fixture::new("YC_API_KEY_FILE", FIRST);
    let error = fixture.automatic().blocking().revoke(RevokeOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.reason().contains("an API key cannot be revoked"), "{error}");
}

#[test]
fn an_error_shows_the_path_that_was_given_unless_it_may_be_a_secret() {
    for (path, is_shown) in [
        ("/etc/no/key", true),
        ("./key", true),
        ("key", true),
        ("secrets/my key", true),
        ("a-long-name-of-a-key-of-the-service-account.b64", true),
        ("t1.FAKE.FAKE", false),
        ("FAKEfakeFAKEfakeFAKEfakeFAKEfakeFAKEfake", false),
        ("FAKE~of+no=shape", false),
    ] {
        let error = TestSystem::new().with(ApiKeyAuth::from_file(path)).blocking().header().unwrap_err();
        let expected = if is_shown { path } else { "API key file" };
        assert_eq!(error.location(), Some(expected), "{error}");
    }
}
