//! Workload identity: values that are refused before a request is sent.

use super::*;

#[test]
fn a_wrong_subject_token_is_refused_before_a_request() {
    for (value, words) in [
        ("HUSH", "not a JWT"),
        ("HUSH.HUSH", "not a JWT"),
        ("HUSH..HUSH", "not a JWT"),
        ("HUSH.HUSH.HUSH.HUSH.HUSH", "not a JWT"),
        ("HUSH.HU=SH.HUSH", "not a JWT"),
        ("HUSH.HU+SH.HUSH", "not a JWT"),
        ("{\"access_token\":\"HUSH\"}", "not a JWT"),
        ("HUSH.HUSH.HUSH HUSH", "space"),
        ("HUSH.HUSH\nHUSH.HUSH", "control character"),
        ("Bearer HUSH.HUSH.HUSH", "scheme"),
        ("HUSH.ЖЖ.HUSH", "outside ASCII"),
        ("t1.HUSH.HUSH", "IAM token"),
        ("y0_HUSH", "OAuth token"),
    ] {
        let test_system = test_system()
            .set("MY_TOKEN", value)
            .set("YC_OIDC_TOKEN", value)
            .set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
        test_system.files.write(FILE, value);
        let given = value.to_owned();
        for (credentials, place) in [
            (by(&test_system, SubjectToken::file(FILE)), FILE),
            (by(&test_system, SubjectToken::variable("MY_TOKEN")), "MY_TOKEN"),
            (test_system.with(WorkloadIdentityAuth::from_env()), "YC_OIDC_TOKEN"),
            (test_system.automatic(), "YC_OIDC_TOKEN"),
            (
                by(&test_system, SubjectToken::from_fn(move || std::future::ready(Ok(given.clone())))),
                "subject token of the program",
            ),
        ] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place)), "{value:?}");
            assert!(error.reason().contains(words), "{value:?}: {error}");
            assert!(error.help().is_some());
        }
        assert!(test_system.http.requests().is_empty(), "{value:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_the_reason() {
    let test_system = test_system();
    test_system.files.write("/big", vec![b'a'; 20 << 10]);
    test_system.files.write("/binary", vec![0xff, 0xfe]);
    test_system.files.write("/empty", "\n");
    for (path, words) in [
        ("/missing", "the file does not exist"),
        ("/big", "larger than 16 KiB"),
        ("/binary", "not text"),
        ("/empty", "empty"),
    ] {
        let error = failure(&by(&test_system, SubjectToken::file(path)));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(path)));
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
    }
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn a_wrong_service_account_id_is_refused_and_not_shown() {
    for id in ["", " ", "HUSH", "t1.HUSH", "AQVN-HUSH", "aje/HUSH", "aje&audience=HUSH", &"a".repeat(51)] {
        let test_system = test_system().set("YC_SERVICE_ACCOUNT_ID", id).set("YC_OIDC_TOKEN", SUBJECT);
        let error = failure(&test_system.with(WorkloadIdentityAuth::new(id, closure())));
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some("service account id")),
            "{id}"
        );
        assert!(error.help().unwrap().contains("service-account list"));
        for credentials in [test_system.with(WorkloadIdentityAuth::from_env()), test_system.automatic()] {
            let error = failure(&credentials);
            assert_eq!(
                (error.kind(), error.location()),
                (ErrorKind::Invalid, Some("YC_SERVICE_ACCOUNT_ID")),
                "{id}"
            );
        }
        assert!(test_system.http.requests().is_empty());
    }
}

#[test]
fn a_wrong_name_of_a_variable_is_not_shown() {
    let error = failure(&by(&test_system(), SubjectToken::variable("eyJHUSH.HUSH.HUSH")));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = failure(&by(&test_system(), SubjectToken::variable("NOT_THERE")));
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("NOT_THERE")));
}
