//! `env-iam-token`: a variable that another program keeps fresh, read for every request.

use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::{Automatic, Credentials, EnvIamTokenAuth, ErrorKind, HeaderOptions, Method};

fn test_system() -> TestSystem {
    TestSystem::new().set("YC_TOKEN", IAM_TOKEN)
}

fn each(test_system: &TestSystem) -> [Credentials; 2] {
    [test_system.with(EnvIamTokenAuth::new()), test_system.automatic()]
}

#[test]
fn each_request_has_the_current_value() {
    let test_system = test_system();
    for credentials in each(&test_system) {
        for value in ["t1.FAKE-a.x", "t1.FAKE-b.x", "t1.FAKE-a.x", "CggVAgAAA-FAKE-older-shape-FAKE-FAKE"] {
            test_system.environment.set("YC_TOKEN", value);
            assert_eq!(header(&credentials), format!("Bearer {value}"));
            assert_eq!(credentials.try_header().unwrap().unwrap().unwrap(), format!("Bearer {value}"));
        }
        test_system.environment.set("YC_TOKEN", IAM_TOKEN);
    }
}

#[test]
fn a_header_is_made_only_when_the_value_has_changed() {
    let test_system = test_system();
    for credentials in each(&test_system) {
        let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
        for same in [IAM_TOKEN, " t1.FAKE-body.FAKE-signature\n"] {
            test_system.environment.set("YC_TOKEN", same);
            let again = credentials.blocking().get(HeaderOptions::new()).unwrap();
            assert_eq!(again.generation(), first.generation());
            let (one, two) = (first.header().unwrap(), again.header().unwrap());
            assert_eq!(one.as_bytes().as_ptr(), two.as_bytes().as_ptr(), "the same memory");
        }
        test_system.environment.set("YC_TOKEN", "t1.FAKE-new.x");
        let changed = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert_eq!(changed.generation(), first.generation() + 1);
        test_system.environment.set("YC_TOKEN", IAM_TOKEN);
    }
}

#[test]
fn a_missing_or_invalid_value_is_an_error_at_once_and_the_last_value_is_not_sent() {
    let test_system = test_system();
    for credentials in each(&test_system) {
        header(&credentials);
        for (value, kind) in [
            (None, ErrorKind::NotConfigured),
            (Some(""), ErrorKind::NotConfigured),
            (Some(" \n"), ErrorKind::Invalid),
            (Some(OAUTH_TOKEN), ErrorKind::Invalid),
            (Some("FAKE\nFAKE"), ErrorKind::Invalid),
            (Some("Bearer FAKE"), ErrorKind::Invalid),
            (Some("ФАЛЬШИВЫЙ"), ErrorKind::Invalid),
        ] {
            match value {
                Some(value) => test_system.environment.set("YC_TOKEN", value),
                None => test_system.environment.remove("YC_TOKEN"),
            }
            for error in
                [credentials.blocking().header().unwrap_err(), credentials.try_header().unwrap().unwrap_err()]
            {
                assert_eq!((error.kind(), error.location()), (kind, Some("YC_TOKEN")), "{value:?}");
                assert_eq!(error.method(), Some(Method::EnvIamToken));
                assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
            }
            // The error is not remembered: the next value counts at once.
            test_system.environment.set("YC_TOKEN", IAM_TOKEN);
            assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "after {value:?}");
        }
    }
}

#[test]
fn a_value_is_sent_for_as_long_as_the_variable_has_it() {
    let test_system = test_system();
    for credentials in each(&test_system) {
        header(&credentials);
        test_system.clock.advance(secs(48 * 3600));
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    }
}

#[test]
fn the_variable_can_have_another_name() {
    let test_system = test_system().set("MY_TOKEN", "t1.FAKE-mine.x");
    let credentials = test_system.with(EnvIamTokenAuth::variable("MY_TOKEN"));
    assert_eq!(header(&credentials), "Bearer t1.FAKE-mine.x");
    assert_eq!(credentials.report().unwrap().selected().unwrap().source, "MY_TOKEN");
    test_system.environment.remove("MY_TOKEN");
    assert_eq!(credentials.blocking().header().unwrap_err().location(), Some("MY_TOKEN"));
}

#[test]
fn a_refused_value_is_replaced_only_by_a_new_value() {
    let test_system = test_system();
    for credentials in each(&test_system) {
        let refused = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert!(!credentials.invalidate(&refused), "the variable still has the same value");
        test_system.environment.set("YC_TOKEN", "t1.FAKE-new.x");
        assert!(credentials.invalidate(&refused), "a retry sends another value");
        assert_eq!(header(&credentials), "Bearer t1.FAKE-new.x");
        test_system.environment.set("YC_TOKEN", IAM_TOKEN);
    }
}

#[test]
fn no_request_and_no_program_is_started() {
    let test_system = test_system();
    let credentials = test_system.with(EnvIamTokenAuth::new());
    header(&credentials);
    credentials.prewarm();
    assert!(test_system.http.requests().is_empty() && test_system.processes.commands().is_empty());
    assert_eq!(credentials.counters().fetches, 0);
}

#[test]
fn text_that_is_not_a_name_is_an_error_and_not_printed() {
    for (name, shown) in [
        ("t1.FAKE-body.FAKE-signature", "t1.***"),
        ("FAKE-key", "***"),
        ("y0_FAKE-oauth", "y0_***"),
        ("1FAKE", "***"),
        ("FAKE NAME", "***"),
        ("FAKE=1", "***"),
        ("FAKE\0", "***"),
        ("FAKEЁ", "***"),
        ("", "***"),
    ] {
        let test_system = test_system();
        for auth in [EnvIamTokenAuth::variable(name), EnvIamTokenAuth::variable(name).clone()] {
            assert!(!format!("{auth:?} {auth:#?}").contains("FAKE"), "{auth:?}");
            let credentials = test_system.with(auth);
            for error in
                [credentials.blocking().header().unwrap_err(), credentials.try_header().unwrap().unwrap_err()]
            {
                assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(shown)), "{name:?}");
                assert_eq!(error.method(), Some(Method::EnvIamToken));
                assert!(error.help().unwrap().contains("the name of a variable"), "{:?}", error.help());
                assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
            }
            let report = credentials.report().unwrap();
            assert!(!format!("{report} {report:?}").contains("FAKE"), "{report}");
        }
        let slot = Automatic::new().replace("api-key", EnvIamTokenAuth::variable(name)).unwrap();
        let error = slot.with_system(test_system.system()).build().blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name:?}");
        let report = error.report().unwrap();
        assert!(!format!("{error} {report}").contains("FAKE"), "{report}");
        assert!(
            test_system.log.lines().iter().all(|line| !line.contains("FAKE")),
            "{:?}",
            test_system.log.lines()
        );
    }
}

#[test]
fn a_token_in_place_of_a_name_is_printed_masked() {
    let test_system = test_system();
    for (name, shown) in [("y0_FAKE_oauth", "y0_***"), ("AQVNFAKE", "AQVN***"), ("eyJFAKE", "eyJ***")] {
        let auth = EnvIamTokenAuth::variable(name);
        assert!(!format!("{auth:?}").contains("FAKE"), "{auth:?}");
        let credentials = test_system.with(auth);
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some(shown)));
        let shown =
            format!("{error} {error:?} {} {:?}", credentials.report().unwrap(), test_system.log.lines());
        assert!(!shown.contains("FAKE"), "{shown}");
    }
    assert!(format!("{:?}", EnvIamTokenAuth::variable("MY_TOKEN_2")).contains("MY_TOKEN_2"));
}
