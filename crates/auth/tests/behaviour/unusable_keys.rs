//! Keys and paths that look valid but are not, and the one warning about a key file that every user can read.
#![cfg(feature = "service-account-key")]

use std::sync::LazyLock;

use crate::support::{TestSystem, cloud, exchanged};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::token_source::header;
use yandex_cloud_auth::system::SystemFiles;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Error, ErrorKind, HeaderOptions, Method, ServiceAccountKeyAuth};
use yandex_cloud_emulator::Emulator;

const VARIABLE: &str = ServiceAccountKeyAuth::VARIABLE;
const PATH: &str = "/etc/robot/key.json";

/// The private key of a service account, in PEM.
static GOOD: LazyLock<String> = LazyLock::new(|| {
    let file = Emulator::start_in_thread().unwrap().service_account_key().unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    file["private_key"].as_str().unwrap().to_owned()
});

fn file(private_key: &str) -> String {
    json!({ "id": "ajefake0key", "service_account_id": "ajefake0robot", "private_key": private_key })
        .to_string()
}

/// The error for this private key.
#[track_caller]
fn failure(private_key: &str) -> Error {
    let test_system = TestSystem::new().answering(cloud(exchanged()));
    let outcome = ServiceAccountKeyAuth::new(file(private_key))
        .and_then(|method| test_system.with(method).blocking().header().map(|_| ()));
    let error = outcome.unwrap_err();
    assert_eq!(error.method(), Some(Method::ServiceAccountKey), "{error}");
    assert!(error.help().is_some(), "{error}");
    let shown = format!("{error} {error:?}");
    for line in private_key.lines().filter(|line| !line.contains('-') && line.len() > 8) {
        assert!(!shown.contains(&line[..8]), "{shown}");
    }
    error
}

#[test]
fn a_public_key_in_either_form_is_an_error_with_the_reason() {
    for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
        let error = failure(&GOOD.replace("PRIVATE KEY", label));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.reason().contains("public key"), "{label}: {error}");
    }
}

#[test]
fn the_help_for_a_wrong_address_of_iam_does_not_mention_the_key() {
    for status in [404, 405] {
        let test_system = TestSystem::new().answering(cloud(TestReply::status(status, "nothing here")));
        let credentials = test_system.with(ServiceAccountKeyAuth::new(file(&GOOD)).unwrap());
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        let help = error.help().unwrap();
        assert!(help.contains("YC_API_ENDPOINT") && !help.contains("yc iam key"), "{help}");
    }
}

/// The valid key with one changed byte in `dP`. Parsing the key does not find this error; signing does.
fn with_wrong_exponent() -> String {
    let (_, body) = GOOD.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
    let (body, _) = body.split_once("-----END").unwrap();
    let body: String = body.split_whitespace().collect();
    let mut der = STANDARD.decode(body).unwrap();
    // PrivateKeyInfo { version, algorithm, OCTET STRING { RSAPrivateKey { version, n, e, d, p, q, dP, … } } }
    let length = |der: &[u8], at: usize| match der[at + 1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            let value = der[at + 2..at + 2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + bytes, value)
        }
    };
    let into = |der: &[u8], at: usize| at + length(der, at).0;
    let over = |der: &[u8], at: usize| at + length(der, at).0 + length(der, at).1;
    let octets = over(&der, over(&der, into(&der, 0)));
    let mut at = into(&der, into(&der, octets));
    for _ in 0..6 {
        at = over(&der, at);
    }
    let last = over(&der, at) - 1;
    der[last] ^= 0x10;
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

#[test]
fn a_key_whose_numbers_do_not_match_is_damaged_and_not_tried_again() {
    let error = failure(&with_wrong_exponent());
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.reason().contains("damaged"), "{error}");
}

#[test]
fn the_error_of_an_unusable_file_has_the_path() {
    let test_system = TestSystem::new();
    test_system.files.write("/etc/robot/latin1.json", b"{\"id\":\"\xe9\"}".to_vec());
    test_system.files.write("/etc/robot/large.json", vec![b' '; (64 << 10) + 1]);
    for (path, words) in [
        ("/etc/robot/none.json", "the file does not exist"),
        ("./none.json", "the file does not exist"),
        ("none.json", "the file does not exist"),
        ("keys/none.json", "the file does not exist"),
        ("/etc/robot/latin1.json", "not UTF-8"),
        ("/etc/robot/large.json", "larger than 64 KiB"),
    ] {
        let given = test_system.with(ServiceAccountKeyAuth::from_file(path));
        let selected = test_system.clone().set(VARIABLE, path);
        for error in [
            given.blocking().header().unwrap_err(),
            selected.with(ServiceAccountKeyAuth::from_env()).blocking().header().unwrap_err(),
            selected.automatic().blocking().header().unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(path)), "{error}");
            assert!(error.reason().contains(words), "{words}: {error}");
        }
    }
    let folder = std::env::temp_dir();
    let real = test_system.system().with_files(SystemFiles);
    let credentials = test_system.with(ServiceAccountKeyAuth::from_file(&folder)).with_system(real);
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.reason().contains("the path is a directory") || cfg!(windows), "{error}");
}

#[test]
fn a_secret_in_place_of_the_path_is_not_shown() {
    for value in [
        "AQVN-HUSH-key",
        "y0_HUSH",
        "t1.HUSH.HUSH",
        "HUSH-of-no-shape-and-24-characters-long",
        "eyJHUSH.HUSH.HUSH",
    ] {
        let test_system = TestSystem::new().set(VARIABLE, value);
        let error = test_system.automatic().blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let shown = format!("{error} {error:?} {} {:?}", error.report().unwrap(), test_system.log.lines());
        assert!(!shown.contains("HUSH"), "{shown}");
    }
}

#[test]
fn a_key_file_that_every_user_can_read_is_logged_once_with_the_path() {
    let test_system = TestSystem::new().answering(|request, count| {
        let body = format!(r#"{{"iamToken":"t1.FAKE-{count}.x","expiresAt":"2026-11-24T12:00:00Z"}}"#);
        cloud(TestReply::status(200, body))(request, count)
    });
    test_system.files.write(PATH, file(&GOOD));
    test_system.files.set_mode(PATH, 0o644);
    let selected = test_system.clone().set(VARIABLE, PATH);
    for (test_system, credentials) in [
        (&test_system, test_system.with(ServiceAccountKeyAuth::from_file(PATH))),
        (&selected, selected.automatic()),
    ] {
        let before = test_system.log.warnings().len();
        for round in 1..4 {
            let token = credentials.blocking().get(HeaderOptions::new()).unwrap();
            credentials.blocking().identity(HeaderOptions::new()).unwrap();
            test_system.files.write(PATH, format!("{}{}", " ".repeat(round), file(&GOOD)));
            assert!(credentials.invalidate(&token));
        }
        let warnings = &test_system.log.warnings()[before..];
        assert!(
            warnings.len() == 1 && warnings[0].contains("mode 0644") && warnings[0].contains(PATH),
            "{warnings:?}"
        );
    }
    test_system.files.set_mode(PATH, 0o640);
    let before = test_system.log.warnings().len();
    header(&test_system.with(ServiceAccountKeyAuth::from_file(PATH)));
    assert_eq!(test_system.log.warnings().len(), before, "{:?}", test_system.log.warnings());
}
