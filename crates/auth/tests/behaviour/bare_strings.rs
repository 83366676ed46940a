//! What a bare string is: the rule of the SDK's `auth` parameter.

use crate::support::{IAM_TOKEN, OAUTH_TOKEN, TestSystem, cloud, exchanged};
use test_support::log::Log;
use test_support::token_source::header;
use yandex_cloud_auth::{Credentials, ErrorKind, Method};
use yandex_cloud_emulator::Emulator;

#[test]
fn the_first_characters_decide_what_a_string_is() {
    for (text, method) in [
        ("t1.FAKE.FAKE", Method::IamToken),
        (" t1.FAKE.FAKE\n", Method::IamToken),
        ("\u{a0}t1.FAKE.FAKE\u{2003}", Method::IamToken),
        ("t9.FAKE", Method::IamToken),
        ("y0_FAKE", Method::OAuthToken),
        ("y1_-FAKE", Method::OAuthToken),
        ("y2__FAKE", Method::OAuthToken),
        ("\ty3_FAKE\r\n", Method::OAuthToken),
        ("AQVN-FAKE", Method::ApiKey),
        ("FAKE", Method::ApiKey),
        // Almost a token, and old shapes that the Python SDK takes for keys too.
        ("t1", Method::ApiKey),
        ("t12.FAKE", Method::ApiKey),
        ("T1.FAKE", Method::ApiKey),
        ("xt1.FAKE", Method::ApiKey),
        ("y4_FAKE", Method::ApiKey),
        ("y0_", Method::ApiKey),
        ("y0_.FAKE", Method::ApiKey),
        ("y0-FAKE", Method::ApiKey),
        ("AQAAAA-FAKE", Method::OAuthToken),
        ("\u{feff}AQVN-FAKE", Method::ApiKey),
        ("\"t1.FAKE.FAKE\"", Method::IamToken),
        ("'y0_FAKE'", Method::OAuthToken),
        ("“AQVN-FAKE”", Method::ApiKey),
        ("bearer-FAKE", Method::ApiKey),
        ("api-keyFAKE", Method::ApiKey),
    ] {
        let credentials = Credentials::from_string(text).unwrap();
        assert_eq!(credentials.method(), Some(method), "{text:?}");
        assert_eq!(text.parse::<Credentials>().unwrap().method(), Some(method), "{text:?}");
    }
}

#[test]
fn a_string_is_trimmed_and_sent() {
    let test_system = TestSystem::new().answering(cloud(exchanged()));
    for (text, expected) in [
        (" t1.FAKE.FAKE\n", "Bearer t1.FAKE.FAKE".to_owned()),
        ("\tAQVN-FAKE \r\n", "Api-Key AQVN-FAKE".to_owned()),
        (OAUTH_TOKEN, format!("Bearer {IAM_TOKEN}")),
    ] {
        let credentials = Credentials::from_string(text).unwrap().with_system(test_system.system());
        assert_eq!(header(&credentials), expected, "{text:?}");
    }
}

#[test]
fn a_string_that_cannot_be_sent_is_an_error_with_its_own_reason_and_not_printed() {
    for (text, reason) in [
        ("", "empty"),
        (" \t\r\n", "empty"),
        ("Bearer t1.FAKE", "scheme"),
        ("bearer t1.FAKE", "scheme"),
        ("BEARER  t1.FAKE", "scheme"),
        (" Api-Key AQVN-FAKE", "scheme"),
        ("api-key AQVN-FAKE", "scheme"),
        ("Bearer", "scheme"),
        ("Bearer\n", "scheme"),
        ("AQVN-FAKE\nFAKE", "control character"),
        ("AQVN-FAKE\r\nX-Header: FAKE", "control character"),
        ("AQVN-FAKE\0", "control character"),
        ("AQVN-FAKE\tFAKE", "control character"),
        ("AQVN-FAKE\u{7f}", "control character"),
        ("t1.FAKE\nFAKE", "control character"),
        ("y0_FAKE\u{1b}[0m", "control character"),
        ("AQVN-FAKЕ", "ASCII"),
        ("t1.FAKE\u{200b}", "an invisible character inside (U+200B)"),
        ("AQVN FAKE", "space"),
        ("Basic FAKE", "scheme"),
        (r#"{"id":"FAKE","service_account_id":"FAKE","private_key":"FAKE"}"#, "not a PEM"),
        (r#"{"id":"FAKE"}"#, "no `service_account_id`"),
        (" \n{ }", "no `id`"),
    ] {
        let error = Credentials::from_string(text).unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("auth")), "{text:?}: {error}");
        assert!(error.reason().contains(reason), "{text:?}: {error}");
        assert!(error.help().is_some(), "{text:?}");
        assert!(error.method().is_some(), "{text:?}");
        assert!(!error.is_transient());
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("FAKE") && !shown.contains("FAKЕ"), "{shown}");
    }
}

#[test]
fn a_service_account_key_is_not_taken_for_an_api_key() {
    let key = Emulator::start_in_thread().unwrap().service_account_key().unwrap();
    for text in [key.clone(), format!(" \n{key}\n"), key.replace('\n', "")] {
        let credentials = Credentials::from_string(text).unwrap();
        assert_eq!(credentials.method(), Some(Method::ServiceAccountKey));
    }
    let error = Credentials::from_string(&key[..key.len() / 2]).unwrap_err();
    assert_eq!(error.method(), Some(Method::ServiceAccountKey), "a cut key is not an API key either");
    assert!(error.reason().contains("incomplete"), "{error}");
}

#[test]
fn a_string_longer_than_any_credential_is_an_error() {
    assert!(Credentials::from_string("a".repeat(512)).is_ok());
    for (long, most) in [(513, "512 characters"), (10 << 20, "64 KiB")] {
        let error = Credentials::from_string("a".repeat(long)).unwrap_err();
        assert!(error.reason().contains(most), "{error}");
    }
}

#[test]
fn an_iam_token_of_undocumented_shape_is_used_with_a_warning() {
    let whole = format!("t1.FAKE-body_0==.{}", "F".repeat(86));
    for (text, warns) in [
        (whole.clone(), false),
        (format!("{whole}=="), false),
        (format!(" {whole}\n"), false),
        (whole[..whole.len() - 1].to_owned(), true),
        (format!("{whole}F"), true),
        ("t1.FAKE".to_owned(), true),
        ("t2.FAKE.FAKE".to_owned(), true),
    ] {
        let log = Log::of_target("yandex_cloud_auth");
        let credentials = log.of(|| Credentials::from_string(&text).unwrap());
        assert_eq!(credentials.method(), Some(Method::IamToken));
        assert_eq!(log.warnings().len(), usize::from(warns), "{text}: {:?}", log.lines());
        assert!(log.lines().iter().all(|line| !line.contains("FAKE")), "{:?}", log.lines());
    }
}
