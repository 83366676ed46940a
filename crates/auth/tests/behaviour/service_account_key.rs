//! Authorized keys: the signed JWT and its destination, texts that are not a key, and when a key file is read again.
#![cfg(feature = "service-account-key")]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crate::support::{IAM_TOKEN, TestSystem, cloud, exchanged};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use test_support::token_source::header;
use test_support::wait::{secs, until};
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::{TestEnvironment, TestReply};
use yandex_cloud_auth::{
    Credentials, Endpoints, Error, ErrorKind, HeaderOptions, Method, Outcome, ServiceAccountKeyAuth, System,
};
use yandex_cloud_emulator::{Emulator, Service};

const VARIABLE: &str = ServiceAccountKeyAuth::VARIABLE;
const PATH: &str = "/etc/robot/key.json";
const TOKENS: &str = "https://iam.api.cloud.yandex.net/iam/v1/tokens";

/// All tests share one emulator and its key.
static CLOUD: LazyLock<Emulator> = LazyLock::new(|| Emulator::start_in_thread().unwrap());
pub(crate) static KEY: LazyLock<String> = LazyLock::new(|| CLOUD.service_account_key().unwrap());

fn key() -> Value {
    serde_json::from_str(&KEY).unwrap()
}

/// The key with one field changed, or without it.
fn with(name: &str, value: Value) -> String {
    let mut key = key();
    match value {
        Value::Null => drop(key.as_object_mut().unwrap().remove(name)),
        value => key[name] = value,
    }
    key.to_string()
}

fn pem() -> String {
    key()["private_key"].as_str().unwrap().to_owned()
}

/// The header and the claims of a JWT, after a check of its signature with the key.
pub(crate) fn verified(jwt: &str) -> (Value, Value) {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let public = key()["public_key"].as_str().unwrap().replace("-----BEGIN PUBLIC KEY-----", "");
    let public: String = public.replace("-----END PUBLIC KEY-----", "").split_whitespace().collect();
    // ring needs the end of the SubjectPublicKeyInfo of an RSA key, after 24 bytes.
    let der = STANDARD.decode(public).unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &der[24..])
        .verify(signed.as_bytes(), &part(signature))
        .expect("the key made the signature");
    let json = |text: &str| serde_json::from_slice(&part(text)).unwrap();
    (json(head), json(body))
}

/// A system whose IAM records the JWTs that it receives.
fn recording(test_system: TestSystem) -> (TestSystem, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let jwts = Arc::clone(&seen);
    let test_system = test_system.answering(move |request, count| {
        if request.uri().path() == "/iam/v1/tokens" {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(body.as_object().unwrap().len(), 1);
            assert!(
                !request.headers().contains_key("authorization"),
                "no request has an authorization header"
            );
            jwts.lock().unwrap().push(body["jwt"].as_str().unwrap().to_owned());
        }
        cloud(exchanged())(request, count)
    });
    (test_system, seen)
}

#[test]
fn the_jwt_has_the_claims_that_iam_requires() {
    let (test_system, jwts) = recording(TestSystem::new());
    let credentials = test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap());
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(
        test_system.http.requests(),
        ["GET https://api.cloud.yandex.net/endpoints".to_owned(), format!("POST {TOKENS}")],
        "the first call makes one discovery and one exchange"
    );
    let jwts = jwts.lock().unwrap();
    let (head, body) = verified(&jwts[0]);
    assert_eq!(head, json!({ "typ": "JWT", "alg": "PS256", "kid": key()["id"] }));
    let now = test_system.clock.now().wall.as_secs();
    assert_eq!(
        body,
        json!({
            "iss": CLOUD.service_account_id(),
            "aud": TOKENS,
            "iat": now - 60,
            "exp": now + 600,
        })
    );
}

#[test]
fn the_audience_is_the_url_of_iam_or_the_option_and_the_life_of_a_jwt_is_limited() {
    let builder = || ServiceAccountKeyAuth::builder(&*KEY).unwrap();
    for (builder, iam, audience) in [
        (builder(), "iam.api.yandexcloud.kz", "https://iam.api.yandexcloud.kz/iam/v1/tokens"),
        (builder(), "http://127.0.0.1:1", "http://127.0.0.1:1/iam/v1/tokens"),
        (
            builder().audience("https://elsewhere.example"),
            "iam.api.cloud.yandex.net",
            "https://elsewhere.example",
        ),
    ] {
        let (test_system, jwts) = recording(TestSystem::new().at(Endpoints::new().iam(iam)));
        header(&test_system.with(builder.build()));
        assert_eq!(verified(&jwts.lock().unwrap()[0]).1["aud"], audience);
    }
    for (life, seconds) in [(secs(60), 120), (Duration::MAX / 4, 3600)] {
        let (test_system, jwts) = recording(TestSystem::new());
        header(&test_system.with(builder().jwt_life(life).build()));
        let body = verified(&jwts.lock().unwrap()[0]).1;
        assert_eq!(body["exp"].as_u64().unwrap() - body["iat"].as_u64().unwrap(), seconds);
    }
}

#[test]
fn a_key_is_read_in_every_form_that_yandex_cloud_writes() {
    let original = key();
    let camel = json!({
        "id": original["id"],
        "serviceAccountId": original["service_account_id"],
        "keyAlgorithm": "RSA_2048",
        "privateKey": original["private_key"],
    });
    let rest = json!({
        "key": { "id": original["id"], "serviceAccountId": original["service_account_id"], "keyAlgorithm": "RSA_2048" },
        "privateKey": original["private_key"],
    });
    let bare_pem = pem().split_once("-----BEGIN").map(|(_, rest)| format!("-----BEGIN{rest}")).unwrap();
    assert!(pem().starts_with("PLEASE DO NOT REMOVE THIS LINE!"), "as Yandex Cloud writes it");
    for text in [
        KEY.clone(),
        format!("\n {} \n", *KEY),
        camel.to_string(),
        rest.to_string(),
        with("private_key", bare_pem.clone().into()),
        with("private_key", bare_pem.trim_end().into()),
        with("private_key", pem().replace('\n', "\r\n").into()),
        with("private_key", pem().replace('\n', "\\n").into()),
        with("public_key", Value::Null),
        with("key_algorithm", Value::Null),
    ] {
        let (test_system, jwts) = recording(TestSystem::new());
        header(&test_system.with(ServiceAccountKeyAuth::new(&text).unwrap()));
        verified(&jwts.lock().unwrap()[0]);
    }
    let bare = Credentials::from_string(&*KEY).unwrap();
    assert_eq!(bare.method(), Some(Method::ServiceAccountKey));
}

#[test]
fn each_text_that_is_not_a_key_has_its_own_error_that_does_not_show_the_text() {
    let body = pem();
    let cut = &body[..body.len() - 200];
    let relabelled = |label: &str| body.replace("PRIVATE KEY", label);
    let ec = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFAKEFAKEFAKEFAKE\nFAKEFAKEFAKEFAKEFAKEFAKEFAKhRANCAARFAKE\n-----END PRIVATE KEY-----\n";
    for (text, words) in [
        (String::new(), "the key is empty"),
        (" \n".to_owned(), "the key is empty"),
        (body.clone(), "a bare PEM"),
        ("AQVN-FAKE-api-key".to_owned(), "an API key (`AQVN…`), not a service account key"),
        ("{FAKE".to_owned(), "not JSON (line 1"),
        ("[]".to_owned(), "not an object"),
        (KEY[..KEY.len() / 2].to_owned(), "the JSON is incomplete"),
        ("{}".to_owned(), "has no `id`"),
        (with("id", Value::Null), "has no `id`"),
        (with("id", "".into()), "has no `id`"),
        (with("id", 5.into()), "`id` is not a text"),
        (with("id", "a b".into()), "`id` is not an id"),
        (with("service_account_id", Value::Null), "has no `service_account_id`"),
        (with("private_key", Value::Null), "has no `private_key`"),
        (with("private_key", "".into()), "has no `private_key`"),
        (with("private_key", "hush-hush-hush".into()), "not a PEM"),
        (with("private_key", cut.into()), "incomplete"),
        (with("private_key", body.replace("MII", "!!!").into()), "not base64"),
        (with("private_key", body.replacen('M', "A", 3).into()), "damaged"),
        (with("private_key", relabelled("RSA PRIVATE KEY").into()), "PKCS#1"),
        (with("private_key", relabelled("ENCRYPTED PRIVATE KEY").into()), "encrypted"),
        (with("private_key", relabelled("EC PRIVATE KEY").into()), "not an RSA key"),
        (with("private_key", relabelled("OPENSSH PRIVATE KEY").into()), "an SSH key"),
        (with("private_key", key()["public_key"].clone()), "a public key, not a private key"),
        (with("private_key", ec.into()), "damaged"),
        (with("key_algorithm", "ECDSA".into()), "not RSA"),
        (
            with("service_account_id", Value::Null).replacen('{', r#"{"user_account_id":"aje","#, 1),
            "a user account",
        ),
    ] {
        let error = ServiceAccountKeyAuth::new(&text).unwrap_err();
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Invalid, Some(Method::ServiceAccountKey)),
            "{error}"
        );
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(error.help().is_some());
        hides(&error);
        // The same text in a file.
        let test_system = TestSystem::new();
        test_system.files.write(PATH, text);
        let error = test_system.with(ServiceAccountKeyAuth::from_file(PATH)).blocking().header().unwrap_err();
        assert!(error.to_string().contains(words) && error.location() == Some(PATH), "{words}: {error}");
        hides(&error);
    }
}

#[track_caller]
fn hides(error: &Error) {
    let shown = format!("{error} {error:?} {:?}", error.help());
    let inside = pem();
    let line = inside.lines().nth(4).unwrap();
    assert!(!shown.contains(&line[..12]) && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_file_is_read_for_each_exchange_and_an_invalid_file_does_not_replace_a_valid_token() {
    let (test_system, jwts) = recording(TestSystem::new());
    test_system.files.write(PATH, KEY.as_str());
    let credentials = test_system.with(ServiceAccountKeyAuth::from_file(PATH));
    let first = credentials.blocking().get(HeaderOptions::new()).unwrap();

    test_system.files.write(PATH, with("id", "ajefake0another0key0".into()));
    assert!(credentials.invalidate(&first));
    header(&credentials);
    let kid = |at: usize| verified(&jwts.lock().unwrap()[at]).0["kid"].clone();
    assert_eq!((kid(0), kid(1)), (key()["id"].clone(), json!("ajefake0another0key0")));

    test_system.files.write(PATH, &KEY[..100]);
    test_system.clock.advance(secs(4000));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "the current token is valid for hours");
    // The refresh in the background must end first: a later call would share its error.
    until("the refresh with the cut file has failed", || credentials.counters().failures == 1);
    test_system.files.remove(PATH);
    test_system.clock.advance(secs(13 * 3600));
    let error = credentials.blocking().header().unwrap_err();
    assert!(
        error.to_string().contains(PATH) && error.reason().contains("the file does not exist"),
        "{error}"
    );
}

#[test]
fn only_the_variable_selects_the_slot_and_a_missing_file_is_broken() {
    let slot = |test_system: &TestSystem| {
        let credentials = test_system.automatic();
        let outcome = credentials.blocking().select();
        let report = match &outcome {
            Ok(report) => report.clone(),
            Err(error) => error.report().unwrap().clone(),
        };
        report.attempts().iter().find(|attempt| attempt.method == Method::ServiceAccountKey).unwrap().clone()
    };
    let unset = slot(&TestSystem::new());
    assert_eq!(
        (unset.outcome, unset.source.as_str(), unset.reason.as_str()),
        (Outcome::Absent, VARIABLE, "not set")
    );

    let named = TestSystem::new().set(VARIABLE, PATH).set("YC_TOKEN", IAM_TOKEN);
    let missing = slot(&named);
    assert_eq!((missing.outcome, missing.reason.as_str()), (Outcome::Broken, "the file does not exist"));
    named.files.write(PATH, KEY.as_str());
    let found = slot(&named);
    assert_eq!(found.outcome, Outcome::Selected);
    assert_eq!(found.reason, format!("set, for {}", CLOUD.service_account_id()));
    named.files.set_mode(PATH, 0o644);
    assert!(slot(&named).reason.contains("every user of this machine can read the file (mode 0644)"));

    let held = slot(&TestSystem::new().set(VARIABLE, &KEY));
    assert_eq!((held.outcome, held.reason), (Outcome::Selected, found.reason));
    let torn = slot(&TestSystem::new().set(VARIABLE, "{\"id\":"));
    assert_eq!(torn.outcome, Outcome::Broken);
    let token = slot(&TestSystem::new().set(VARIABLE, "y0_FAKE-oauth-token"));
    assert_eq!(token.outcome, Outcome::Broken, "{token:?}");
    let order = TestSystem::new().set(VARIABLE, &KEY).set("YC_IAM_TOKEN_FILE", "/nowhere");
    assert_eq!(slot(&order).outcome, Outcome::Selected, "the slot is tried before the broken slot after it");
}

#[test]
fn the_report_warns_of_a_key_file_that_every_user_can_read_for_a_given_path_too() {
    let test_system = TestSystem::new();
    test_system.files.write(PATH, KEY.as_str());
    test_system.files.set_mode(PATH, 0o604);
    let credentials = test_system.with(ServiceAccountKeyAuth::from_file(PATH));
    let report = credentials.blocking().select().unwrap();
    assert!(report.selected().unwrap().reason.contains("mode 0604"), "{report}");
    // `chmod` does not work on such a mount.
    test_system.files.set_read_only(PATH);
    let read_only = test_system.with(ServiceAccountKeyAuth::from_file(PATH));
    let report = read_only.blocking().select().unwrap();
    let reason = &report.selected().unwrap().reason;
    assert!(reason.contains("mode 0604") && reason.contains("defaultMode: 0400"), "{report}");
    assert!(!reason.contains("chmod"), "{report}");
    test_system.files.set_mode(PATH, 0o640);
    let quiet = test_system.with(ServiceAccountKeyAuth::from_file(PATH));
    assert_eq!(quiet.blocking().select().unwrap().selected().unwrap().reason, "given");
}

#[test]
fn the_jwt_is_sent_only_to_a_host_that_may_get_a_secret() {
    let list = r#"{"endpoints":[{"id":"iam","address":"iam.evil.example:443"}]}"#;
    let test_system = TestSystem::new().always(TestReply::status(200, list));
    let error = test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap()).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Blocked, "{error}");
    let plain = test_system.clone().at(Endpoints::new().api("http://api.corp.example"));
    let plain = plain.with(ServiceAccountKeyAuth::new(&*KEY).unwrap());
    assert_eq!(plain.blocking().header().unwrap_err().kind(), ErrorKind::Blocked);
    assert!(test_system.http.requests().iter().all(|request| request.starts_with("GET ")));
}

#[test]
fn the_identity_comes_from_the_key() {
    let (test_system, _) = recording(TestSystem::new());
    let credentials = test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap());
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert_eq!(identity.subject_id.as_deref(), Some(CLOUD.service_account_id()));
    assert_eq!(identity.key_id.as_deref(), key()["id"].as_str());
}

#[test]
fn the_emulator_verifies_the_signature_and_refuses_a_deleted_key() {
    let cloud = Emulator::start_in_thread().unwrap();
    let file = cloud.create_service_account_key().unwrap();
    let id = serde_json::from_str::<Value>(&file).unwrap()["id"].as_str().unwrap().to_owned();
    let environment = TestEnvironment::new([("YC_API_ENDPOINT", cloud.api_url()), (VARIABLE, file)]);
    let credentials = Credentials::automatic().with_system(System::real().with_environment(environment));
    assert!(header(&credentials).starts_with("Bearer t1."));
    assert_eq!(credentials.method(), Some(Method::ServiceAccountKey));
    assert_eq!(cloud.counters().requests(Service::Iam), 1);
    assert_eq!(cloud.counters().requests(Service::Endpoints), 1);

    assert!(cloud.delete_service_account_key(&id));
    let sent = credentials.snapshot().unwrap();
    assert!(credentials.invalidate(&sent));
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.help().unwrap().contains("yc iam key create"));
    assert!(!format!("{error:?}").contains("eyJ"), "{error:?}");
}
