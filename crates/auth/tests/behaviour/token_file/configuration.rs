//! The variable, the path and the content: what is missing or wrong, and its error.

use super::{FILE, FIRST, SECOND, TestSystem};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{Automatic, ErrorKind, Method, Outcome, TokenFileAuth};

#[test]
fn a_configured_file_that_is_missing_ends_the_selection() {
    let test_system = TestSystem::holding(FIRST);
    test_system.environment.set("YC_TOKEN", "t1.FAKE-another-identity.x");
    test_system.files.remove(FILE);
    for automatic in [Automatic::new(), Automatic::new().lenient()] {
        let credentials = automatic.with_system(test_system.system()).build();
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)));
        let report = error.report().unwrap();
        let slot = report.attempts().iter().find(|slot| slot.method == Method::TokenFile).unwrap();
        assert_eq!((slot.outcome, &*slot.source), (Outcome::Broken, "YC_IAM_TOKEN_FILE"));

        // The sidecar starts later.
        test_system.files.write(FILE, FIRST);
        test_system.clock.advance(secs(5));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
        test_system.files.remove(FILE);
    }
}

#[test]
fn without_the_variable_the_slot_is_absent_and_the_explicit_method_is_not_configured() {
    let test_system = TestSystem::holding(FIRST);
    test_system.environment.set("YC_IAM_TOKEN_FILE", "");
    test_system.environment.set("YC_TOKEN", SECOND);
    let error = test_system.failure();
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("YC_IAM_TOKEN_FILE")));
    let automatic = Automatic::new().with_system(test_system.system()).build();
    assert_eq!(header(&automatic), format!("Bearer {SECOND}"));
}

#[test]
fn the_path_is_read_once() {
    let test_system = TestSystem::holding(FIRST);
    let credentials = test_system.credentials();
    header(&credentials);
    test_system.files.write("/run/other", SECOND);
    test_system.environment.set("YC_IAM_TOKEN_FILE", "/run/other");
    for _ in 0..3 {
        test_system.clock.advance(secs(30));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
    }
}

#[test]
fn the_error_for_other_content_names_its_kind_and_does_not_show_it() {
    let key =
        "PLEASE DO NOT REMOVE THIS LINE\n-----BEGIN PRIVATE KEY-----\nFAKE\n-----END PRIVATE KEY-----\n";
    // content -> words of the reason, words of the help
    for (content, reason, help) in [
        ("y0_FAKE-oauth", "an OAuth token", "YC_OAUTH_TOKEN"),
        ("AQVNFAKE-key", "an API key", "YC_API_KEY"),
        ("{\"id\":\"FAKE\"}", "JSON", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("{\"iamToken\":\"t1.FAKE.x\"}", "a response with an IAM token", "the token only"),
        (key, "PEM", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("eyJFAKE.eyJFAKE.FAKE", "a JWT", "workload-identity"),
        ("t1.FAKE.x\nt1.FAKE.y", "a line break", "on one line"),
        ("Bearer t1.FAKE.x", "a scheme", "without the scheme"),
        ("t1.FAKE x", "a space", "as it was issued"),
        ("t1.FAKE-ключ", "outside ASCII", "as it was issued"),
        ("t1.FAKE\0.x", "a control character", "as it was issued"),
        ("", "empty", "rename"),
        (&"t1.FAKE".repeat(2000), "longer than 8192", "as it was issued"),
        (&"t1.FAKE".repeat(3000), "larger than 16 KiB", "check the path"),
    ] {
        let error = TestSystem::holding(content).failure();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::TokenFile)), "{error}");
        assert_eq!(error.location(), Some(FILE));
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.help().unwrap().contains(help), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
    }
    let test_system = TestSystem::holding("");
    test_system.files.write(FILE, b"t1.FAKE\xff".to_vec());
    assert!(test_system.failure().reason().contains("not UTF-8"));
}

#[test]
fn a_secret_in_place_of_the_path_is_an_error_that_does_not_show_it() {
    for value in [FIRST, "y0_FAKE", "{\"id\":\"FAKE\"}", "-----BEGIN FAKE-----", "FAKE/of=no+shape"] {
        let test_system = TestSystem::holding("");
        test_system.environment.set("YC_IAM_TOKEN_FILE", value);
        let error = test_system.failure();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("YC_IAM_TOKEN_FILE")));
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
    }
    let shown = format!("{:?}", TokenFileAuth::new("FAKE/of=no+shape"));
    assert!(!shown.contains("FAKE"), "{shown}");
}
