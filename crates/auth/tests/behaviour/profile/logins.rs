//! The login of a profile: an OAuth token, an IAM token, the metadata service, a key.

use super::{FILE, failure, home, test_system};
use crate::support::{IAM_TOKEN, METADATA_TOKEN, METADATA_URL, OAUTH_TOKEN, cloud, exchanged};
use test_support::token_source::header;
use yandex_cloud_auth::system::HttpFault;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Credentials, ErrorKind, HeaderOptions, Method, ProfileAuth, System};
use yandex_cloud_emulator::Emulator;

#[test]
fn an_oauth_token_is_exchanged() {
    let test_system = test_system().answering(|request, count| {
        if request.uri().path() == "/iam/v1/tokens" {
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body, serde_json::json!({ "yandexPassportOauthToken": OAUTH_TOKEN }));
        }
        cloud(exchanged())(request, count)
    });
    let credentials = test_system.with(ProfileAuth::new());
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(
        test_system.http.requests(),
        ["GET https://api.cloud.yandex.net/endpoints", "POST https://iam.api.cloud.yandex.net/iam/v1/tokens"]
    );
    assert!(test_system.processes.commands().is_empty(), "without yc");
    let snapshot = credentials.snapshot().unwrap();
    assert_eq!(snapshot.method(), Method::Profile);
    assert!(snapshot.expires_at().is_some());
    assert_eq!(credentials.report().unwrap().selected().unwrap().source, FILE);
}

#[test]
fn an_iam_token_in_the_place_of_the_oauth_token_is_sent_unchanged() {
    let test_system = test_system();
    let credentials = test_system.with(ProfileAuth::named("pasted"));
    assert_eq!(header(&credentials), "Bearer t1.FAKE-pasted.x");
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn a_profile_that_names_the_machine_or_has_no_login_uses_the_metadata_service() {
    for name in ["vm", "bare", "empty"] {
        let test_system = test_system();
        let credentials = test_system.with(ProfileAuth::named(name));
        assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"), "{name}");
        assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")], "{name}");
    }
    // Outside the cloud, the help says why a profile without a login uses the metadata service.
    let test_system = test_system().always(TestReply::Fail(HttpFault::ConnectTimeout));
    let error = failure(&test_system, ProfileAuth::named("empty"));
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Profile)));
    assert!(error.help().unwrap().contains("`empty` has no login"), "{error:?}");
    assert!(!failure(&test_system, ProfileAuth::named("vm")).help().unwrap().contains("no login"));
}

#[test]
fn a_login_that_only_yc_supports_is_an_error_that_names_the_method_of_yc() {
    let test_system = home(
        "profiles:\n  a: {federation-id: x}\n  b: {username: x, folder-id: y}\n  c: {token: y0_FAKE, federation-id: x}\n  \
         d: {token: y0_FAKE, impersonate-service-account-id: x}\n",
    );
    for (name, key) in [
        ("a", "`federation-id`"),
        ("b", "`username`"),
        ("c", "`federation-id`"),
        ("d", "`impersonate-service-account-id`"),
    ] {
        let error = failure(&test_system, ProfileAuth::named(name));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)), "{error}");
        assert!(error.reason().contains(key), "{error}");
        assert!(error.help().unwrap().contains("yandex-cloud-cli"), "{error:?}");
    }
    assert!(test_system.http.requests().is_empty(), "no request is sent");
}

#[test]
fn a_profile_with_an_oauth_token_works_against_the_emulator() {
    let emulator = Emulator::start_in_thread().unwrap();
    let test_system = home(&format!(
        "current: a\nprofiles:\n  a:\n    token: {}\n    endpoint: {}\n",
        emulator.oauth_token(),
        emulator.api_url()
    ));
    let system = System::real()
        .with_environment(test_system.environment.clone())
        .with_files(test_system.files.clone());
    let credentials = Credentials::from(ProfileAuth::new()).with_system(system);
    let snapshot = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert!(snapshot.expose_secret().unwrap().starts_with("t1."));
}

/// A profile with a key, as yc writes it from the key's file.
fn with_key(emulator: &Emulator, json: &str) -> String {
    let key: serde_json::Value = serde_json::from_str(json).unwrap();
    let mut lines = String::new();
    for (name, value) in key.as_object().unwrap() {
        let text = value.as_str().unwrap();
        match text.contains('\n') {
            true => {
                lines.push_str(&format!("      {name}: |\n"));
                text.lines().for_each(|line| lines.push_str(&format!("        {line}\n")));
            }
            false => lines.push_str(&format!("      {name}: \"{text}\"\n")),
        }
    }
    let endpoint = emulator.api_url();
    format!("current: sa\nprofiles:\n  sa:\n    endpoint: {endpoint}\n    service-account-key:\n{lines}")
}

#[test]
fn the_service_account_key_in_a_profile_is_exchanged_and_can_be_replaced() {
    let emulator = Emulator::start_in_thread().unwrap();
    let test_system = home(&with_key(&emulator, &emulator.service_account_key().unwrap()));
    let system = System::real()
        .with_environment(test_system.environment.clone())
        .with_files(test_system.files.clone());
    let credentials = Credentials::from(ProfileAuth::new()).with_system(system);
    let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert!(first.expose_secret().unwrap().starts_with("t1."));
    assert!(first.expires_at().is_some());
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert_eq!(identity.subject_id.as_deref(), Some(emulator.service_account_id()));

    // The profile gets another key, and the first key is deleted.
    test_system.files.write(FILE, with_key(&emulator, &emulator.create_service_account_key().unwrap()));
    assert!(emulator.delete_service_account_key(&identity.key_id.unwrap()));
    assert!(credentials.invalidate(&first));
    let second = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert_ne!(second.expose_secret(), first.expose_secret());
}

#[test]
fn an_invalid_key_is_an_error_that_does_not_show_the_key() {
    for private_key in ["FAKE", "-----BEGIN PRIVATE KEY-----\\nFAKE\\n-----END PRIVATE KEY-----"] {
        let key = format!(
            "{{id: ajefake0key, service_account_id: ajefake0account, private_key: \"{private_key}\"}}"
        );
        let test_system = home(&format!("current: a\nprofiles: {{a: {{service-account-key: {key}}}}}"));
        let error = failure(&test_system, ProfileAuth::new());
        assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::Profile)), "{error}");
        assert_eq!(error.location(), Some(FILE));
        assert!(error.help().is_some());
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        assert!(test_system.http.requests().is_empty());
    }
}

#[test]
fn the_identity_has_what_the_profile_gives() {
    let test_system = test_system();
    for (name, folder, remark) in [
        ("default", Some("b1gfake0folder"), "the owner of an OAuth token cannot be determined"),
        ("pasted", Some("b1gfake0other"), "the owner of an IAM token cannot be determined"),
        ("vm", None, "the service account of the machine"),
    ] {
        let credentials = test_system.with(ProfileAuth::named(name));
        let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
        assert_eq!((identity.method, identity.folder_id.as_deref()), (Method::Profile, folder));
        assert!(identity.remarks[0].contains(name), "{identity:?}");
        assert!(identity.remarks[1].contains(remark), "{identity:?}");
    }
}

#[test]
fn a_refusal_has_the_help_of_an_oauth_token() {
    let test_system =
        test_system().answering(cloud(TestReply::status(401, r#"{"message":"OAuth token is invalid"}"#)));
    let error = failure(&test_system, ProfileAuth::new());
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::Profile)));
    assert!(error.help().unwrap().contains("2026-06-01"));
}
