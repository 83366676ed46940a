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
        let machine = machine()
            .set("MY_TOKEN", value)
            .set("YC_OIDC_TOKEN", value)
            .set("YC_SERVICE_ACCOUNT_ID", ACCOUNT);
        machine.files.write(FILE, value);
        let given = value.to_owned();
        for (credentials, place) in [
            (by(&machine, SubjectToken::file(FILE)), FILE),
            (by(&machine, SubjectToken::variable("MY_TOKEN")), "MY_TOKEN"),
            (machine.with(WorkloadIdentityAuth::from_env()), "YC_OIDC_TOKEN"),
            (machine.automatic(), "YC_OIDC_TOKEN"),
            (
                by(&machine, SubjectToken::from_fn(move || std::future::ready(Ok(given.clone())))),
                "subject token of the program",
            ),
        ] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(place)), "{value:?}");
            assert!(error.reason().contains(words), "{value:?}: {error}");
            assert!(error.help().is_some());
        }
        assert!(machine.http.requests().is_empty(), "{value:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_the_reason() {
    let machine = machine();
    machine.files.write("/big", vec![b'a'; 20 << 10]);
    machine.files.write("/binary", vec![0xff, 0xfe]);
    machine.files.write("/empty", "\n");
    for (path, words) in [
        ("/missing", "the file does not exist"),
        ("/big", "larger than 16 KiB"),
        ("/binary", "not text"),
        ("/empty", "empty"),
    ] {
        let error = failure(&by(&machine, SubjectToken::file(path)));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(path)));
        assert!(error.reason().contains(words), "{error}");
        assert!(error.help().is_some());
    }
    assert!(machine.http.requests().is_empty());
}

#[test]
fn a_wrong_service_account_id_is_refused_and_not_shown() {
    for id in ["", " ", "HUSH", "t1.HUSH", "AQVN-HUSH", "aje/HUSH", "aje&audience=HUSH", &"a".repeat(51)] {
        let machine = machine().set("YC_SERVICE_ACCOUNT_ID", id).set("YC_OIDC_TOKEN", SUBJECT);
        let error = failure(&machine.with(WorkloadIdentityAuth::new(id, closure())));
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some("service account id")),
            "{id}"
        );
        assert!(error.help().unwrap().contains("service-account list"));
        for credentials in [machine.with(WorkloadIdentityAuth::from_env()), machine.automatic()] {
            let error = failure(&credentials);
            assert_eq!(
                (error.kind(), error.location()),
                (ErrorKind::Invalid, Some("YC_SERVICE_ACCOUNT_ID")),
                "{id}"
            );
        }
        assert!(machine.http.requests().is_empty());
    }
}

#[test]
fn a_wrong_name_of_a_variable_is_not_shown() {
    let error = failure(&by(&machine(), SubjectToken::variable("eyJHUSH.HUSH.HUSH")));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = failure(&by(&machine(), SubjectToken::variable("NOT_THERE")));
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("NOT_THERE")));
}
