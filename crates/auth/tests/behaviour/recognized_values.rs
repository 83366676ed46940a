//! What a value is: each way in takes its own kind, takes off quotes, and names what stands there instead. Nothing else
//! is ever sent.

use crate::support::{IAM_TOKEN, TestSystem, YC_TOKEN, cloud, exchanged};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Credentials, Error, ErrorKind, IamTokenAuth, MetadataAuth, Method, OAuthTokenAuth, Token,
    TokenFileAuth, YandexCloudCliAuth,
};

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.FAKE";
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n";
const KEY_JSON: &str = r#"{"id":"ajeFAKE","service_account_id":"ajeFAKE","private_key":"-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n"}"#;

/// The credentials that automatic selection makes with one variable.
fn with_variable(variable: &str, value: &str) -> TestSystem {
    TestSystem::new().set(variable, value).answering(cloud(exchanged()))
}

fn refused(variable: &str, value: &str) -> Error {
    let test_system = with_variable(variable, value);
    let error = test_system.automatic().blocking().header().expect_err(value);
    assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)), "{value}: {error}");
    assert!(error.help().is_some(), "{value}");
    let sent = test_system.http.requests();
    assert!(sent.iter().all(|request| !request.contains("/iam/v1/tokens")), "{value} was exchanged");
    let shown = format!("{error} {error:?} {}", error.report().unwrap());
    assert!(!shown.contains("FAKE") && !shown.contains("fakefake"), "{shown}");
    error
}

#[test]
fn a_variable_with_another_kind_names_the_kind_and_where_it_belongs() {
    let encoded = STANDARD.encode(KEY_JSON);
    // variable, value, words of the reason, words of the help
    for (variable, value, reason, help) in [
        ("YC_API_KEY", "\"y0_fakefake\"", "an OAuth token (`y0_…`) in quotes", "YC_OAUTH_TOKEN"),
        ("YC_API_KEY", "y0_fakefake", "an OAuth token", "YC_OAUTH_TOKEN"),
        ("YC_API_KEY", "t1.FAKE.FAKE", "an IAM token", "YC_IAM_TOKEN"),
        ("YC_API_KEY", &*encoded, "a service account key in base64", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("YC_API_KEY", KEY_JSON, "a service account key", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("YC_API_KEY", "$YC_API_KEY", "not replaced by its value", "quotes"),
        ("YC_API_KEY", "${YC_API_KEY}", "not replaced by its value", "quotes"),
        ("YC_API_KEY", "<your-key>", "a placeholder", "itself"),
        ("YC_API_KEY", "key.json", "the path of a file", "the content"),
        ("YC_API_KEY", "YCAJEFAKEFAKEFAKEFAKEFAKE", "a static access key", "yc iam api-key create"),
        ("YC_API_KEY", "ajefakefakefakefakef", "an id of 20 characters", "shown once"),
        ("YC_API_KEY", JWT, "a JWT", "workload-identity"),
        ("YC_API_KEY", PEM, "a key or a certificate (PEM)", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("YC_IAM_TOKEN", "\"y0_fakefake\"", "an OAuth token (`y0_…`) in quotes", "YC_OAUTH_TOKEN"),
        ("YC_IAM_TOKEN", "AQVN-FAKE", "an API key", "YC_API_KEY"),
        ("YC_IAM_TOKEN", "null", "a placeholder", "itself"),
        ("YC_IAM_TOKEN", r#"{"iamToken":"t1.FAKE.FAKE"}"#, "a response with an IAM token", "the token only"),
        ("YC_IAM_TOKEN", &*encoded, "a service account key in base64", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("YC_IAM_TOKEN", "hello", "not an IAM token", "as it was issued"),
        ("YC_TOKEN", "y0_fakefake", "an OAuth token", "YC_OAUTH_TOKEN"),
        ("YC_TOKEN", "AQVN-FAKE", "an API key", "YC_API_KEY"),
        ("YC_TOKEN", "<html>FAKE</html>", "HTML", "proxy"),
        ("YC_OAUTH_TOKEN", "t1.FAKE.FAKE", "an IAM token", "YC_IAM_TOKEN"),
        ("YC_OAUTH_TOKEN", "AQVN-FAKE", "an API key", "YC_API_KEY"),
        ("YC_OAUTH_TOKEN", "FAKE", "not an OAuth token", "as it was issued"),
        ("YC_OAUTH_TOKEN", "export YC_OAUTH_TOKEN=y0_FAKE", "a line of settings", "the value only"),
    ] {
        let error = refused(variable, value);
        assert!(error.reason().contains(reason), "{variable}={value}: {error}");
        assert!(error.help().unwrap().contains(help), "{variable}={value}: {:?}", error.help());
    }
}

#[test]
fn quotes_and_a_byte_order_mark_around_a_value_do_not_count() {
    for around in ["\"?\"", "'?'", "“?”", "\u{feff}?", "'\"?\"'", " ` ?` \n"] {
        let value = |text: &str| around.replace('?', text);
        for (variable, text, sent) in [
            ("YC_API_KEY", "AQVN-FAKE", "Api-Key AQVN-FAKE".to_owned()),
            ("YC_API_KEY", "fakefake", "Api-Key fakefake".to_owned()),
            ("YC_IAM_TOKEN", "t1.FAKE.FAKE", "Bearer t1.FAKE.FAKE".to_owned()),
            ("YC_TOKEN", "t1.FAKE.FAKE", "Bearer t1.FAKE.FAKE".to_owned()),
            ("YC_OAUTH_TOKEN", "y0_fakefake", format!("Bearer {IAM_TOKEN}")),
        ] {
            let test_system = with_variable(variable, &value(text));
            assert_eq!(header(&test_system.automatic()), sent, "{variable}={}", value(text));
        }
        let credentials = Credentials::from_string(value("t1.FAKE.FAKE")).unwrap();
        assert_eq!(credentials.method(), Some(Method::IamToken), "{around}");
    }
}

#[test]
fn a_string_that_is_a_path_asks_for_the_at_sign() {
    for path in ["key.json", "yc.pem", "yc.key", "/run/secrets/key", "~/key", "C:\\keys\\yc"] {
        let error = Credentials::from_string(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.help().unwrap().contains("did you mean `@…`"), "{path}: {error}");
    }
}

#[test]
fn a_value_in_code_is_of_its_kind_too() {
    let message = |made: Result<(), Error>| made.unwrap_err().reason().to_owned();
    assert!(message(ApiKeyAuth::new("y0_fakefake").map(drop)).contains("an OAuth token"));
    assert!(message(ApiKeyAuth::new("t1.FAKE").map(drop)).contains("an IAM token"));
    assert!(message(ApiKeyAuth::new(STANDARD.encode(PEM)).map(drop)).contains("(PEM) in base64"));
    assert!(message(IamTokenAuth::new("AQVN-FAKE").map(drop)).contains("an API key"));
    assert!(message(IamTokenAuth::new("FAKE").map(drop)).contains("not an IAM token"));
    assert!(message(OAuthTokenAuth::new("AQVN-FAKE").map(drop)).contains("an API key"));
    for value in ["y0_fakefake", PEM, KEY_JSON, "<html>", "hello", JWT, "null", ""] {
        let error = Token::new(value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{value}");
        assert!(error.help().unwrap().contains("must return the bare token"), "{value}");
    }
}

#[test]
fn no_source_brings_another_secret_into_a_header() {
    let odd = ["y0_fakefake", &STANDARD.encode(KEY_JSON), "<html>no</html>", "AQVN-FAKE", "null", JWT];
    for value in odd {
        let answer = serde_json::json!({"access_token": value, "expires_in": 3600}).to_string();
        let metadata = TestSystem::new().always(TestReply::status(200, answer));
        let answer = serde_json::json!({"iamToken": value, "expiresAt": "2026-11-24T12:00:00Z"}).to_string();
        let iam = TestSystem::new().answering(cloud(TestReply::status(200, answer)));
        let printed = value.to_owned();
        let yc = TestSystem::new().with_yc(move |_| TestRun::prints(printed.clone()));
        let given = value.to_owned();
        for credentials in [
            metadata.with(MetadataAuth::new()),
            iam.with(OAuthTokenAuth::new("y0_fakefake").unwrap()),
            yc.with(YandexCloudCliAuth::new()),
            metadata.with(Credentials::from_fn(move || std::future::ready(Token::new(&given)))),
        ] {
            let error = test_support::token_source::first_failure(&credentials);
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("fakefake") && !shown.contains("FAKE"), "{value}: {shown}");
        }
    }
}

#[test]
fn the_report_and_the_log_warn_about_an_iam_token_without_its_mark() {
    let unmarked = "CggVAgAAA-FAKE-older-shape-FAKE-FAKE";
    for variable in ["YC_IAM_TOKEN", "YC_TOKEN"] {
        let test_system = with_variable(variable, unmarked);
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), format!("Bearer {unmarked}"));
        let report = credentials.report().unwrap();
        let reason = &report.selected().unwrap().reason;
        assert!(reason.starts_with("set; the value does not begin as an IAM token does"), "{reason}");
    }
    let test_system = TestSystem::new();
    test_system.files.write("/run/token", unmarked);
    let test_system = test_system.set("YC_IAM_TOKEN_FILE", "/run/token");
    let report = test_system.automatic().blocking().select().unwrap();
    let reason = &report.selected().unwrap().reason;
    assert!(reason.contains("holds a token; the value does not begin as"), "{reason}");
    let lines = test_system.log.lines();
    assert!(lines.iter().any(|line| line.contains("does not begin as an IAM token does")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("FAKE")), "{lines:?}");
    assert_eq!(
        with_variable("YC_TOKEN", IAM_TOKEN)
            .automatic()
            .blocking()
            .select()
            .unwrap()
            .selected()
            .unwrap()
            .reason,
        "set"
    );
}

#[test]
fn a_token_file_in_which_no_token_stands_never_displaces_a_good_one() {
    let whole = format!("t1.FAKE-old.{}", "s".repeat(86));
    for old in [&*whole, "t1.FAKE-short.x"] {
        for other in
            ["null\n", "hello", "<html>", "y0_fakefake", "AQVN-FAKE", "ajefakefakefakefakef", KEY_JSON]
        {
            let test_system = TestSystem::new();
            test_system.files.write("/run/token", old);
            let credentials = test_system.with(TokenFileAuth::new("/run/token"));
            assert_eq!(header(&credentials), format!("Bearer {old}"));
            test_system.files.write("/run/token", other);
            for _ in 0..20 {
                test_system.clock.advance(secs(60));
                assert_eq!(header(&credentials), format!("Bearer {old}"), "{other}");
            }
        }
    }
}

#[test]
fn the_expiry_in_the_json_of_yc_is_kept_and_an_old_yc_is_asked_in_text() {
    let json = format!("{{\"iam_token\": \"{YC_TOKEN}\", \"expires_at\": \"2026-11-24T06:00:00Z\"}}\n");
    let test_system = TestSystem::new().with_yc(move |_| TestRun::prints(json.clone()));
    let credentials = test_system.with(YandexCloudCliAuth::new());
    assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
    let expires_at = credentials.snapshot().unwrap().expires_at().expect("an expiry");
    assert_eq!(expires_at.duration_since(std::time::UNIX_EPOCH).unwrap(), secs(1_795_500_000));

    for said in ["ERROR: unknown flag: --format", "flag provided but not defined: -format"] {
        let test_system = TestSystem::new().with_yc(move |command| {
            let knows = !crate::support::words(command).contains(&"--format");
            if knows { TestRun::prints(YC_TOKEN) } else { TestRun::Exit(1, String::new(), said.to_owned()) }
        });
        let credentials = test_system.with(YandexCloudCliAuth::new());
        assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
        credentials.invalidate(&credentials.snapshot().unwrap());
        header(&credentials);
        let asked: Vec<_> = test_system.processes.commands();
        let with_flag = asked.iter().filter(|command| crate::support::words(command).contains(&"--format"));
        assert_eq!((with_flag.count(), asked.len()), (1, 3), "the answer is remembered");
    }
    // A refusal is no unknown flag: yc is not asked twice.
    let test_system = TestSystem::new().with_yc(|_| {
        TestRun::Exit(1, String::new(), "ERROR: code = Unauthenticated: invalid format".to_owned())
    });
    let error = test_system.with(YandexCloudCliAuth::new()).blocking().header().unwrap_err();
    assert_eq!((error.kind(), test_system.processes.commands().len()), (ErrorKind::Refused, 1));
}

#[test]
fn an_unchanged_variable_is_not_recognized_again() {
    let test_system = TestSystem::new().set("YC_TOKEN", "'CggVAgAAA-FAKE-older-shape-FAKE-FAKE'");
    let credentials = test_system.automatic();
    let before = header(&credentials);
    let warnings = test_system.log.warnings().len();
    for _ in 0..100 {
        assert_eq!(header(&credentials), before);
    }
    assert_eq!(test_system.log.warnings().len(), warnings, "each recognition would warn");
}

#[cfg(feature = "service-account-key")]
mod keys {
    use std::sync::LazyLock;

    use super::*;
    use yandex_cloud_auth::ServiceAccountKeyAuth;
    use yandex_cloud_emulator::Emulator;

    static KEY: LazyLock<String> =
        LazyLock::new(|| Emulator::start_in_thread().unwrap().service_account_key().unwrap());

    /// The key in each wrapping.
    fn wrapped() -> Vec<String> {
        let string = serde_json::to_string(&*KEY).unwrap();
        let encoded = STANDARD.encode(&*KEY);
        let lines: Vec<_> =
            encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        vec![
            KEY.clone(),
            encoded.clone(),
            encoded.trim_end_matches('=').replace('+', "-").replace('/', "_"),
            lines.join("\n"),
            format!("\"{encoded}\""),
            format!("'{}'", *KEY),
            string,
            format!("[{}]", *KEY),
            format!("{{\"key\":{}}}", *KEY),
            format!("\u{feff}{}", *KEY),
            KEY.replace("\\n", "\n"),
            KEY.replace("\\n", "\\\\n"),
        ]
    }

    #[test]
    fn a_key_is_used_from_the_variable_a_file_and_a_string_in_each_wrapping() {
        for text in wrapped() {
            let test_system = with_variable("YC_SERVICE_ACCOUNT_KEY_FILE", &text);
            test_system.files.write("/run/key", text.clone());
            for credentials in [
                test_system.automatic(),
                test_system.with(ServiceAccountKeyAuth::from_file("/run/key")),
                test_system.with(ServiceAccountKeyAuth::from_path_or_json(&text).unwrap()),
                test_system.with(ServiceAccountKeyAuth::from_path_or_json("/run/key").unwrap()),
                test_system.with(ServiceAccountKeyAuth::new(&text).unwrap()),
                test_system.with(Credentials::from_string(&text).unwrap()),
            ] {
                assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "{text}");
                assert_eq!(credentials.method(), Some(Method::ServiceAccountKey));
            }
            for error in [
                ApiKeyAuth::new(&text).map(drop).unwrap_err(),
                IamTokenAuth::new(&text).map(drop).unwrap_err(),
                OAuthTokenAuth::new(&text).map(drop).unwrap_err(),
                Token::new(&text).map(drop).unwrap_err(),
            ] {
                assert!(error.reason().contains("the JSON of a service account key"), "{text}: {error}");
            }
        }
    }

    #[test]
    fn what_is_no_key_in_the_variable_is_named() {
        for (value, words) in [
            ("~/key.json", "`~`, which only a shell replaces"),
            ("$HOME/key.json", "a variable that was not replaced"),
            ("AQVN-FAKE", "an API key"),
            ("t1.FAKE.FAKE", "an IAM token"),
            ("y0_fakefake", "an OAuth token"),
            (&*format!("[{0},{0}]", *KEY), "more than one key"),
            (PEM, "a bare PEM"),
            (&*STANDARD.encode(PEM), "a key or a certificate (PEM) in base64"),
        ] {
            let error = refused("YC_SERVICE_ACCOUNT_KEY_FILE", value);
            assert!(error.reason().contains(words), "{value}: {error}");
        }
    }
}
