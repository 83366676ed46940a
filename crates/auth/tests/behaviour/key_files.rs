//! Authorized keys that do not work: unreadable files, keys of another kind, and refusals of IAM.
#![cfg(feature = "service-account-key")]

use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use crate::support::{IAM_TOKEN, TestSystem, cloud, exchanged};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::Files;
use yandex_cloud_auth::testing::{TestFiles, TestReply};
use yandex_cloud_auth::{Credentials, Error, ErrorKind, HeaderOptions, Method, ServiceAccountKeyAuth};
use yandex_cloud_emulator::Emulator;

const PATH: &str = "/etc/robot/key.json";

/// All tests share one key.
static KEY: LazyLock<String> =
    LazyLock::new(|| Emulator::start_in_thread().unwrap().service_account_key().unwrap());

fn with(name: &str, value: impl Into<Value>) -> String {
    let mut key: Value = serde_json::from_str(&KEY).unwrap();
    key[name] = value.into();
    key.to_string()
}

fn field(name: &str) -> String {
    serde_json::from_str::<Value>(&KEY).unwrap()[name].as_str().unwrap().to_owned()
}

fn failure(credentials: &Credentials) -> Error {
    let error = test_support::token_source::first_failure(credentials);
    assert_eq!(error.method(), Some(Method::ServiceAccountKey), "{error}");
    assert!(error.help().is_some_and(|help| !help.is_empty()), "{error}");
    assert!(!holds_a_secret(&format!("{error} {error:?}")), "{error}");
    error
}

/// Whether the text contains a line of the private key, or a JWT.
fn holds_a_secret(text: &str) -> bool {
    let key = field("private_key");
    let mut lines = key.lines().filter(|line| line.len() > 20 && !line.contains(' '));
    lines.any(|line| text.contains(&line[..20])) || text.contains("eyJ0") || text.contains("eyJh")
}

/// Files whose every read fails with this error.
struct FailingFiles(io::ErrorKind);

impl Files for FailingFiles {
    fn read(&self, _path: &Path, _limit: usize) -> io::Result<Vec<u8>> {
        Err(self.0.into())
    }

    fn is_executable(&self, _path: &Path) -> bool {
        false
    }
}

#[test]
fn the_error_of_an_unreadable_file_names_the_file_and_the_reason() {
    for (fault, kind, words) in [
        (io::ErrorKind::NotFound, ErrorKind::Invalid, "the file does not exist"),
        (io::ErrorKind::NotADirectory, ErrorKind::Invalid, "the file does not exist"),
        (io::ErrorKind::IsADirectory, ErrorKind::Invalid, "the path is a directory"),
        (io::ErrorKind::PermissionDenied, ErrorKind::Invalid, "may not read the file"),
        (io::ErrorKind::FileTooLarge, ErrorKind::Invalid, "larger than 64 KiB"),
        (io::ErrorKind::StaleNetworkFileHandle, ErrorKind::Unavailable, "cannot be read"),
    ] {
        let test_system =
            TestSystem::new().set(ServiceAccountKeyAuth::VARIABLE, PATH).set("YC_TOKEN", IAM_TOKEN);
        let system = test_system.system().with_files(FailingFiles(fault));
        for credentials in [
            Credentials::from(ServiceAccountKeyAuth::from_file(PATH)).with_system(system.clone()),
            Credentials::from(ServiceAccountKeyAuth::from_env()).with_system(system.clone()),
            Credentials::automatic().with_system(system.clone()),
        ] {
            let error = failure(&credentials);
            assert_eq!((error.kind(), error.location()), (kind, Some(PATH)), "{error}");
            assert!(error.reason().contains(words), "{words}: {error}");
        }
        assert!(test_system.http.requests().is_empty(), "no request is sent, and no other slot is tried");
    }
}

#[test]
fn a_file_of_another_encoding_or_size_is_an_error_with_the_reason() {
    let utf16: Vec<u8> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&b"\xff\xfe"[..], &utf16].concat();
    let padded = format!("{}{}", *KEY, " ".repeat(64 << 10));
    for (content, words) in [(marked, "UTF-8"), (padded.clone().into_bytes(), "larger than 64 KiB")] {
        let test_system = TestSystem::new();
        test_system.files.write(PATH, content);
        let error = failure(&test_system.with(ServiceAccountKeyAuth::from_file(PATH)));
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(PATH)));
        assert!(error.reason().contains(words), "{error}");
    }
    let error = ServiceAccountKeyAuth::new(padded).unwrap_err();
    assert!(error.reason().contains("larger than 64 KiB"), "{error}");

    let test_system = TestSystem::new().answering(cloud(exchanged()));
    test_system.files.write(PATH, format!("\u{feff}{}", *KEY));
    header(&test_system.with(ServiceAccountKeyAuth::from_file(PATH)));
}

/// One value of DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &*length, &*content].concat()
}

/// The PKCS#8 form of an RSA key whose modulus has this many bytes. The numbers are not a valid key: the length is checked
/// first.
fn rsa_of(bytes: usize) -> String {
    let modulus = der(2, &[&[0, 0xc1], &vec![0x55; bytes - 2], &[1]]);
    let (zero, number) = (der(2, &[&[0]]), der(2, &[&[1, 0, 1]]));
    let key = der(0x30, &[&zero, &modulus, &number, &number, &number, &number, &number, &number, &number]);
    let algorithm = der(0x30, &[&der(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"]), &[5, 0]]);
    let pkcs8 = der(0x30, &[&zero, &algorithm, &der(4, &[&key])]);
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8))
}

#[test]
fn a_key_of_another_algorithm_or_length_is_an_error_with_the_reason() {
    let made = |algorithm| rcgen::KeyPair::generate_for(algorithm).unwrap().serialize_pem();
    let encrypted = field("private_key").replace("BEGIN PRIVATE KEY", "BEGIN RSA PRIVATE KEY").replacen(
        "KEY-----\n",
        "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,FAKE\n\n",
        1,
    );
    for (pem, words) in [
        (made(&rcgen::PKCS_ECDSA_P256_SHA256), "not an RSA key"),
        (made(&rcgen::PKCS_ED25519), "not an RSA key"),
        (rsa_of(128), "shorter than 2048 bits"),
        (rsa_of(255), "shorter than 2048 bits"),
        (encrypted, "encrypted with a password"),
    ] {
        let error = ServiceAccountKeyAuth::new(with("private_key", pem)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.reason().contains(words), "{words}: {error}");
        assert!(error.help().unwrap().contains("yc iam key create"), "{error:?}");
    }
}

#[test]
fn a_pem_on_one_line_is_read() {
    for line_end in [" ", "", "\\r\\n", "\\n\n"] {
        let pem = field("private_key").replace('\n', line_end);
        let test_system = TestSystem::new().answering(cloud(exchanged()));
        header(&test_system.with(ServiceAccountKeyAuth::new(with("private_key", pem)).unwrap()));
    }
}

#[test]
fn the_help_of_a_refusal_lists_the_likely_cause_first_and_then_the_others() {
    for (message, first) in [
        ("JWT is expired", "the clock of this machine"),
        ("'iat' is in the future", "the clock of this machine"),
        ("invalid signature", "`id` and `private_key`"),
        ("The required field 'kid' is missing from the JWT header", "`id` and `private_key`"),
        ("public key not found", "the key aje"),
        ("", "the key aje"),
    ] {
        let body = json!({ "code": 16, "message": message }).to_string();
        let test_system = TestSystem::new().answering(cloud(TestReply::status(401, body)));
        let error = failure(&test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap()));
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.reason().contains(message), "{error}");
        let help = error.help().unwrap();
        assert!(help.starts_with(&format!("check these causes in this order: {first}")), "{message}: {help}");
        for part in [
            &*field("id"),
            &format!("yc iam key list --service-account-id {}", field("service_account_id")),
            "yc iam key create",
            "it shows 2026-11-24T00:00:00Z",
        ] {
            assert!(help.contains(part), "{part}: {help}");
        }
    }
}

#[test]
fn the_help_for_an_outage_of_iam_does_not_mention_the_key() {
    let test_system = TestSystem::new().answering(cloud(TestReply::status(503, "")));
    let error = failure(&test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap()));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.help().unwrap().contains("yc iam key"), "{error:?}");
}

#[test]
fn the_life_of_a_jwt_is_limited_to_the_range_that_iam_accepts() {
    for (life, seconds) in [(secs(0), 61), (std::time::Duration::MAX, 3600)] {
        let claims = Arc::new(Mutex::new(Value::Null));
        let seen = Arc::clone(&claims);
        let test_system = TestSystem::new().answering(move |request, count| {
            if request.uri().path() == "/iam/v1/tokens" {
                let body: Value = serde_json::from_slice(request.body()).unwrap();
                let part = body["jwt"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
                *seen.lock().unwrap() =
                    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
            }
            cloud(exchanged())(request, count)
        });
        header(&test_system.with(ServiceAccountKeyAuth::builder(&*KEY).unwrap().jwt_life(life).build()));
        let claims = claims.lock().unwrap();
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), seconds);
    }
}

#[test]
fn a_key_file_of_another_account_is_used_with_one_warning() {
    let test_system = TestSystem::new().answering(|request, count| {
        let token = format!(r#"{{"iamToken":"t1.FAKE-{count}.x","expiresAt":"2026-11-24T12:00:00Z"}}"#);
        cloud(TestReply::status(200, token))(request, count)
    });
    test_system.files.write(PATH, KEY.as_str());
    let credentials = test_system.with(ServiceAccountKeyAuth::from_file(PATH));
    for (content, warnings) in [
        (with("id", "ajefake0second0key00"), 0),
        (with("service_account_id", "ajefake0other0sa0000"), 1),
        (with("service_account_id", "ajefake0other0sa0000"), 1),
    ] {
        let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
        test_system.files.write(PATH, content);
        test_system.clock.advance(secs(120));
        assert!(credentials.invalidate(&sent));
        header(&credentials);
        let logged = test_system.log.warnings();
        assert_eq!(logged.len(), warnings, "{logged:?}");
        assert!(
            logged.iter().all(|line| line.contains("ajefake0other0sa0000") && line.contains(PATH)),
            "{logged:?}"
        );
    }
}

#[test]
fn neither_log_nor_report_nor_debug_shows_a_part_of_the_key_or_a_jwt() {
    for reply in [exchanged(), TestReply::status(401, json!({ "message": *KEY }).to_string())] {
        let test_system = TestSystem::new().answering(cloud(reply));
        test_system.files.write(PATH, KEY.as_str());
        test_system.files.set_mode(PATH, 0o644);
        let given = ServiceAccountKeyAuth::new(&*KEY).unwrap();
        let mut shown = format!("{given:?} {:?}", ServiceAccountKeyAuth::builder(&*KEY).unwrap());
        for credentials in [
            test_system.with(given),
            test_system.with(ServiceAccountKeyAuth::from_file(PATH)),
            test_system.clone().set(ServiceAccountKeyAuth::VARIABLE, &KEY).automatic(),
        ] {
            match credentials.blocking().header() {
                Ok(header) => shown.push_str(&format!("{header:?}")),
                Err(error) => shown.push_str(&format!("{error} {error:?}")),
            }
            if let Some(report) = credentials.report() {
                shown.push_str(&format!("{report} {report:?}"));
            }
            let identity = credentials.blocking().identity(HeaderOptions::new());
            shown.push_str(&format!("{identity:?} {credentials:?}"));
        }
        shown.push_str(&test_system.log.lines().join("\n"));
        assert!(!holds_a_secret(&shown), "{shown}");
        assert!(
            shown.contains(&field("service_account_id")),
            "the output has the account, so the check is not empty"
        );
    }
}

#[test]
fn a_file_system_without_modes_gives_no_warning() {
    struct Modeless(TestFiles);
    impl Files for Modeless {
        fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
            self.0.read(path, limit)
        }

        fn is_executable(&self, _path: &Path) -> bool {
            false
        }
    }
    let test_system = TestSystem::new().answering(cloud(exchanged()));
    let system = test_system.system().with_files(Modeless(TestFiles::new([(PATH, KEY.as_str())])));
    let credentials = Credentials::from(ServiceAccountKeyAuth::from_file(PATH)).with_system(system);
    header(&credentials);
    assert_eq!(credentials.report().unwrap().selected().unwrap().reason, "given");
    assert!(test_system.log.warnings().is_empty(), "{:?}", test_system.log.lines());
}
