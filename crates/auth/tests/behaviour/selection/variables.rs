//! The value of a variable: empty, trimmed, or unusable. An unusable value ends the selection.

use std::ffi::OsString;

use super::{SOURCES, test_system_with};
use crate::support::{API_KEY, IAM_TOKEN, METADATA_URL, OAUTH_TOKEN, TestSystem, logged_in};
use test_support::token_source::header;
use yandex_cloud_auth::{Automatic, ErrorKind, Method, Outcome};

#[test]
fn an_empty_variable_counts_as_unset() {
    let test_system = TestSystem::new();
    for name in [
        "YC_API_KEY",
        "YC_IAM_TOKEN",
        "YC_OAUTH_TOKEN",
        "YC_SERVICE_ACCOUNT_KEY_FILE",
        "YC_OIDC_TOKEN_FILE",
        "YC_OIDC_TOKEN",
        "YC_SERVICE_ACCOUNT_ID",
        "YC_OAUTH_ENDPOINT",
        "YC_IAM_TOKEN_FILE",
        "YC_METADATA_ADDR",
        "YC_TOKEN",
        "YC_PROFILE",
        "YC_API_ENDPOINT",
    ] {
        test_system.environment.set(name, "");
    }
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")]);
}

#[test]
fn a_variable_with_nothing_but_white_space_is_broken() {
    for blank in [" ", "\n", " \t\r\n"] {
        for name in [
            "YC_AUTH_METHOD",
            "YC_API_KEY",
            "YC_API_KEY_FILE",
            "YC_IAM_TOKEN",
            "YC_OAUTH_TOKEN",
            "YC_OAUTH_TOKEN_FILE",
            "YC_SERVICE_ACCOUNT_KEY_FILE",
            "YC_OIDC_TOKEN_FILE",
            "YC_OIDC_TOKEN",
            "YC_IAM_TOKEN_FILE",
            "YC_METADATA_ADDR",
            "YC_TOKEN",
        ] {
            // YC_TOKEN is the last of them: nothing before it has a value.
            let test_system = TestSystem::new().set(name, blank);
            let error = test_support::token_source::first_failure(&test_system.automatic());
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(name)), "{error}");
            assert_eq!(error.reason(), "the value is only white space", "{name}");
            assert_eq!(error.help(), Some(format!("give {name} a value, or unset it").as_str()));
        }
    }
}

#[test]
fn the_value_of_a_variable_is_trimmed() {
    let test_system = TestSystem::new().set("YC_API_KEY", " AQVN-FAKE-api-key\r\n");
    assert_eq!(header(&test_system.automatic()), "Api-Key AQVN-FAKE-api-key");
}

#[test]
fn the_wrong_kind_of_secret_ends_the_selection_and_names_the_right_variable() {
    for (variable, value, right) in [
        ("YC_API_KEY", IAM_TOKEN, "YC_IAM_TOKEN"),
        ("YC_API_KEY", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
        ("YC_IAM_TOKEN", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
        ("YC_OAUTH_TOKEN", IAM_TOKEN, "YC_IAM_TOKEN"),
        ("YC_TOKEN", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
    ] {
        let test_system = TestSystem::new().with_yc(logged_in).set(variable, value);
        let error = test_system.automatic().blocking().header().unwrap_err();
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some(variable)),
            "{variable} {value}"
        );
        assert!(error.help().unwrap().contains(right), "{variable} {value}: {:?}", error.help());
        assert!(test_system.processes.commands().is_empty(), "the next source would be a different identity");
        let report = error.report().unwrap();
        let broken = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
        assert_eq!(broken.source, variable);
    }
}

#[test]
fn a_value_that_cannot_be_sent_ends_the_selection() {
    for variable in ["YC_API_KEY", "YC_IAM_TOKEN", "YC_OAUTH_TOKEN", "YC_TOKEN"] {
        for value in ["FAKE\nFAKE", "FAKE\0FAKE", "ФАЛЬШИВЫЙ", "FAKE FAKE", "Bearer FAKE", "api-key FAKE"]
        {
            let test_system = TestSystem::new().with_yc(logged_in).set(variable, value);
            let error = test_system.automatic().blocking().header().unwrap_err();
            assert_eq!(
                (error.kind(), error.location()),
                (ErrorKind::Invalid, Some(variable)),
                "{variable} {value:?}"
            );
            assert!(error.help().is_some());
            let shown = format!("{error} {error:?} {}", error.report().unwrap());
            assert!(!shown.contains("FAKE") && !shown.contains("ФАЛЬШ"), "{shown}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_ends_the_selection() {
    use std::os::unix::ffi::OsStringExt;
    for variable in [
        "YC_API_KEY",
        "YC_IAM_TOKEN",
        "YC_OAUTH_TOKEN",
        "YC_SERVICE_ACCOUNT_KEY_FILE",
        "YC_OIDC_TOKEN_FILE",
        "YC_OIDC_TOKEN",
        "YC_SERVICE_ACCOUNT_ID",
        "YC_IAM_TOKEN_FILE",
        "YC_METADATA_ADDR",
        "YC_TOKEN",
    ] {
        let test_system = TestSystem::new();
        test_system.environment.set(variable, OsString::from_vec(b"FAKE-\xff".to_vec()));
        let error = test_system.automatic().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)));
        assert!(!error.to_string().contains("FAKE"), "{error}");
    }
}

#[test]
fn a_variable_whose_file_is_missing_ends_the_selection() {
    for (variable, method) in
        [("YC_SERVICE_ACCOUNT_KEY_FILE", Method::ServiceAccountKey), ("YC_IAM_TOKEN_FILE", Method::TokenFile)]
    {
        let test_system = test_system_with(&SOURCES[3..]).set(variable, "/run/FAKE.json");
        for automatic in [Automatic::new(), Automatic::new().lenient()] {
            let error = automatic.with_system(test_system.system()).build().blocking().header().unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("/run/FAKE.json")));
            assert_eq!(error.method(), Some(method));
            assert!(error.reason().contains("the file does not exist"), "{error}");
            let broken = error.report().unwrap().attempts().iter().find(|attempt| attempt.method == method);
            let broken = broken.unwrap();
            assert_eq!((broken.outcome, &*broken.source), (Outcome::Broken, variable));
        }
        assert!(test_system.http.requests().is_empty(), "no later source is used");

        let test_system = test_system.set("YC_API_KEY", API_KEY);
        assert_eq!(header(&test_system.automatic()), format!("Api-Key {API_KEY}"), "YC_API_KEY comes first");
    }
}

#[test]
fn the_slot_of_a_broken_variable_shows_this_variable() {
    for (variables, broken) in [
        (&[("YC_OAUTH_TOKEN", OAUTH_TOKEN), ("YC_API_ENDPOINT", "a b")][..], "YC_API_ENDPOINT"),
        (&[("YC_OIDC_TOKEN", "eyJhbGciOiJSUzI1NiJ9.e30.FAKE")], "YC_SERVICE_ACCOUNT_ID"),
        (&[("YC_METADATA_ADDR", "https://metadata.corp.example")], "YC_METADATA_ADDR"),
    ] {
        let test_system =
            variables.iter().fold(TestSystem::new(), |system, (name, value)| system.set(name, value));
        let error = test_system.automatic().blocking().header().unwrap_err();
        let report = error.report().unwrap();
        let attempt = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
        assert_eq!(attempt.source, broken, "{report}");
    }
}
