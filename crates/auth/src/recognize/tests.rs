//! The table of kinds, places and layers.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::ErrorKind;
use crate::secret::Secret;

const KEY_JSON: &str = r#"{"id":"ajefakefakefakefakef","service_account_id":"ajefakefakefakefakee","private_key":"PLEASE DO NOT REMOVE\n-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n"}"#;
const PEM: &str = "-----BEGIN PRIVATE KEY-----\nRkFLRQ==\n-----END PRIVATE KEY-----\n";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.e30.FAKE";
const UNMARKED: &str = "CggVAgAAABoBMxKABFakeFakeFake-_=.";

/// A text, and the words with which each place refuses it.
const REFUSED: &[(&str, &str)] = &[
    ("", "is empty"),
    (" \r\n\u{feff}", "is empty"),
    ("''", "is empty"),
    ("Bearer t1.fake.fake", "scheme"),
    ("bEaReR\tt1.fake", "scheme"),
    ("bearer", "scheme"),
    ("API-KEY AQVNfake", "scheme"),
    ("Bearer: t1.fake", "scheme"),
    ("Bearer%20t1.fake", "scheme"),
    ("OAuth y0_fake", "scheme"),
    ("Authorization: Bearer t1.fake", "scheme"),
    ("authorization: api-key fake", "scheme"),
    ("$YC_API_KEY", "not replaced"),
    ("${YC_API_KEY}", "not replaced"),
    ("${YC_API_KEY:-}", "not replaced"),
    ("$(cat key.json)", "not replaced"),
    ("$env:YC_API_KEY", "not replaced"),
    ("${{ secrets.YC_API_KEY }}", "not replaced"),
    ("{{ .Values.key }}", "not replaced"),
    ("{{YC_API_KEY}}", "not replaced"),
    ("%YC_API_KEY%", "not replaced"),
    ("'$YC_API_KEY'", "not replaced"),
    ("#{YC_API_KEY}#", "not replaced"),
    ("$HOME/key.json", "not replaced"),
    ("%USERPROFILE%\\key.json", "not replaced"),
    ("<your-key>", "placeholder"),
    ("<API_KEY>", "placeholder"),
    ("null", "placeholder"),
    ("NULL", "placeholder"),
    ("None", "placeholder"),
    ("nil", "placeholder"),
    ("<nil>", "placeholder"),
    ("<no value>", "placeholder"),
    ("undefined", "placeholder"),
    ("\"null\"", "placeholder"),
    ("***", "placeholder"),
    ("t1.***", "placeholder"),
    ("AQVN****abcd (01234567)", "placeholder"),
    ("t1.…", "placeholder"),
    ("(sensitive value)", "placeholder"),
    ("[object Object]", "placeholder"),
    ("your-api-key", "placeholder"),
    ("AQVN...", "placeholder"),
    ("AQVN_YOUR_API_KEY", "placeholder"),
    ("AQVNxxxxxxxx", "placeholder"),
    ("t1.xxxxxxxxxxxx", "placeholder"),
    ("y0_your-token", "placeholder"),
    ("YOUR_API_KEY", "placeholder"),
    ("xxxxxxxx", "placeholder"),
    ("<!DOCTYPE html><html><body>403 CSRF token missing</body></html>", "HTML"),
    ("<html>", "HTML"),
    ("\n<HTML lang=ru><title>y0_fake</title>", "HTML"),
    ("<?xml version=\"1.0\"?><Error/>", "HTML"),
    ("YC_API_KEY=AQVNfake", "line of settings"),
    ("export YC_IAM_TOKEN=t1.fake.fake", "line of settings"),
    ("export YC_IAM_TOKEN=\"t1.fake.fake\"", "line of settings"),
    ("YC_OAUTH_TOKEN=y0_fakefake", "line of settings"),
    ("token=y0_fakefake", "line of settings"),
    ("token: y0_fakefake", "line of settings"),
    ("# settings\nYC_TOKEN=t1.fake.fake\nYC_FOLDER_ID=b1gfake\n", "line of settings"),
    ("iam_token: t1.fake.fake\nexpires_at: \"2026-11-24T12:00:00Z\"\n", "response with an IAM token"),
    ("api_key:\n  id: ajefake\nsecret: AQVNfake\n", "response with an API key"),
    (r#"{"iamToken":"t1.fake.fake"}"#, "response with an IAM token"),
    (r#"{"iam_token":"t1.fake.fake","expires_at":"2026-11-24T12:00:00Z"}"#, "response with an IAM token"),
    (r#"{"access_token":"t1.fake.fake","expires_in":5}"#, "response with an IAM token"),
    (r#"{"api_key":{"id":"ajefake"},"secret":"AQVNfake"}"#, "response with an API key"),
    (r#"{"access_key":{"key_id":"YCAJEfake"},"secret":"YCfake"}"#, "static access key"),
    ("'{\"iamToken\":\"t1.fake.fake\"}'", "response with an IAM token"),
    ("YCAJEfakefakefakefakefake", "static access key"),
    ("YCMfakefakefakefakefakefakefakefakefake_", "static access key"),
    ("s1.fakefakefake", "static access key"),
    ("ajefakefakefakefakef", "id of 20 characters"),
    ("b1gfake0fake0fake0fa", "id of 20 characters"),
    ("ya29.fake", "another cloud"),
    ("t\u{0}1\u{0}.\u{0}f\u{0}", "UTF-16"),
    ("y0_fake\u{200b}fake", "invisible character"),
    ("\u{200b}fakefake", "invisible character"),
    ("fake fake", "space"),
    ("t1.fake.fake # mine", "space"),
    ("AQVNfake\nAQVNfake", "control character"),
    ("ключключ", "outside ASCII"),
    ("\"t1.fake.fake", "quote"),
    ("AQVNfake'", "quote"),
    ("t1.fake%3D%3D.fake", "percent"),
    ("AQVNfake;", "`;`"),
];

fn place(text: &str) -> [Result<Secret, Error>; 4] {
    [api_key(text), iam_token(text).map(|token| token.secret), oauth_token(text), jwt(text)]
}

fn shown(secret: Result<Secret, Error>) -> Result<String, String> {
    secret.map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn what_is_no_secret_is_refused_by_name_in_every_place() {
    for (text, words) in REFUSED {
        let mut errors: Vec<_> = place(text).into_iter().map(Result::err).collect();
        errors.push(credential(text).err());
        errors.push(login(text).err());
        for error in errors {
            let error = error.unwrap_or_else(|| panic!("{text:?} was taken"));
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.help().is_some(), "{text:?}");
        }
        let error = [api_key(text), iam_token(text).map(|token| token.secret), oauth_token(text)]
            .into_iter()
            .filter_map(Result::err)
            .find(|error| error.reason().contains(words));
        assert!(error.is_some(), "{text:?}: {:?}", place(text).map(Result::err));
    }
}

#[test]
fn each_place_takes_its_own_kind_and_names_the_others() {
    // value, what the places for an API key, an IAM token, an OAuth token and a JWT say: empty where they take it
    for (value, says) in [
        ("AQVN-fake", ["", "an API key", "an API key", "an API key"]),
        ("fake", ["", "not an IAM token", "not an OAuth token", "not a JWT"]),
        ("fa.ke~fa=ke-_", ["", "not an IAM token", "not an OAuth token", "not a JWT"]),
        ("ajeFakeFakeFakeFakeFakeFakeFakeFakeFake", ["", "", "not an OAuth token", "not a JWT"]),
        (UNMARKED, ["", "", "not an OAuth token", "not a JWT"]),
        ("t1.fake.fake", ["an IAM token", "", "an IAM token", "an IAM token"]),
        ("t9.f", ["an IAM token", "", "an IAM token", "an IAM token"]),
        ("t1.", ["an IAM token", "not an IAM token", "an IAM token", "an IAM token"]),
        ("y0_fakefake", ["an OAuth token", "an OAuth token", "", "an OAuth token"]),
        ("y3_-", ["an OAuth token", "an OAuth token", "", "an OAuth token"]),
        ("AQAAAAfake", ["an OAuth token", "an OAuth token", "", "an OAuth token"]),
        ("hello", ["", "not an IAM token", "not an OAuth token", "not a JWT"]),
        (JWT, ["a JWT", "a JWT", "a JWT", ""]),
        ("eyJhbGciOiJSUzI1NiJ9.e30", ["a JWT", "a JWT", "a JWT", "not a whole JWT"]),
        (KEY_JSON, ["service account key"; 4]),
        (PEM, ["(PEM)"; 4]),
        ("key.json", ["path"; 4]),
        ("/run/secrets/key", ["path"; 4]),
        ("~/key", ["path"; 4]),
        ("C:\\keys\\yc", ["path"; 4]),
        ("t1.json", ["path"; 4]),
        ("t1.y0_fakefake", ["an OAuth token", "an OAuth token", "OAuth token", "an OAuth token"]),
        ("AQVN.y0_fakefake", ["an OAuth token", "an OAuth token", "OAuth token", "an OAuth token"]),
    ] {
        for (at, (taken, says)) in place(value).into_iter().zip(says).enumerate() {
            match taken {
                Ok(secret) => assert!(says.is_empty() && secret.expose() == value, "{at} took {value}"),
                Err(error) => {
                    let reason = error.reason();
                    assert!(!says.is_empty() && reason.contains(says), "{at} {value}: {reason}");
                }
            }
        }
    }
    assert!(iam_token("t1.fake.fake").unwrap().warning().is_none());
    assert!(iam_token(UNMARKED).unwrap().warning().is_some());
    assert!(api_key(&"a1".repeat(256)).is_ok() && api_key(&"a1".repeat(257)).is_err());
    assert!(iam_token(&format!("t1.{}", "a".repeat(MAX_VALUE))).is_err());
    assert!(iam_token(&"/".repeat(MAX_TEXT + 1)).unwrap_err().reason().contains("64 KiB"));
}

#[test]
fn quotes_and_a_byte_order_mark_are_taken_off() {
    for (begin, end) in [
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("«", "»"),
        ("‘", "’"),
        ("„", "“"),
        ("\\\"", "\\\""),
        ("\u{feff}", ""),
        ("\u{feff}\"", "\"\n"),
        ("'\"", "\"'"),
        ("\"'", "'\""),
        (" ' ", " ' "),
        ("\"\u{feff}", "\""),
    ] {
        let around = |value: &str| [begin, value, end].concat();
        assert_eq!(shown(api_key(&around("AQVN-fake"))).as_deref(), Ok("AQVN-fake"), "{begin}");
        assert_eq!(shown(oauth_token(&around("y0_fake"))).as_deref(), Ok("y0_fake"), "{begin}");
        assert_eq!(shown(jwt(&around(JWT))).as_deref(), Ok(JWT), "{begin}");
        assert!(iam_token(&around("t1.fake.fake")).is_ok() && api_key(&around("t1.fake.fake")).is_err());
        assert!(matches!(login(&around("y0_fake")), Ok(Login::OAuthToken(_))));
        assert!(matches!(credential(&around("t1.fake.fake")), Ok(Credential::IamToken(_))));
        assert!(matches!(credential(&around("y0_fake")), Ok(Credential::OAuthToken(_))));
        assert!(matches!(credential(&around(KEY_JSON)), Ok(Credential::Key(_))), "{begin}");
    }
    assert!(api_key("'\"'AQVN-fake'\"'").unwrap_err().reason().contains("more than two layers"));
    assert!(api_key("\"AQVN-fake\" \"AQVN-fake\"").is_err());
}

fn base64s(text: &str) -> Vec<String> {
    let wrapped = |line_break: &str| {
        let line = STANDARD.encode(text);
        let lines: Vec<_> =
            line.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.join(line_break)
    };
    vec![
        STANDARD.encode(text),
        STANDARD_NO_PAD.encode(text),
        URL_SAFE.encode(text),
        URL_SAFE_NO_PAD.encode(text),
        wrapped("\n"),
        wrapped("\r\n"),
        wrapped(" "),
        format!("'{}'", STANDARD.encode(text)),
    ]
}

#[test]
fn an_encoded_value_is_taken_in_no_place_but_that_of_a_key() {
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for value in ["t1.fake.fakefake", "y0_fakefakefake", "AQVN-fake-fake", JWT, "/run/secrets/key.json"] {
        for text in base64s(value).into_iter().chain([hex(value)]) {
            let others = [credential(&text).err(), login(&text).err()];
            let paths = [path_only(&text).err(), key_or_path(&text).err()];
            for error in place(&text).into_iter().map(Result::err).chain(others).chain(paths) {
                assert!(error.is_some(), "{text} was taken, which is {value}");
            }
        }
    }
}

#[test]
fn a_key_is_found_in_its_wrapping_and_in_no_other_place() {
    let quoted = serde_json::to_string(KEY_JSON).unwrap();
    // Base64url of this text has both of the characters that base64 does not have.
    let asking = KEY_JSON.replacen('{', r#"{"description":"???>>>","#, 1);
    for text in base64s(&asking) {
        assert_eq!(key(&text).map(|key| key.to_string()).ok().as_ref(), Some(&asking), "{text}");
    }
    let mut wrapped = base64s(KEY_JSON);
    wrapped.extend(base64s(&format!("[{KEY_JSON}]")).into_iter().filter(|text| !text.starts_with('\'')));
    wrapped.extend([
        KEY_JSON.to_owned(),
        format!("\u{feff}{KEY_JSON}\r\n"),
        quoted.clone(),
        quoted.trim_matches('"').to_owned(),
        format!("[{KEY_JSON}]"),
        format!("[{quoted}]"),
        format!(r#"{{"key":{KEY_JSON}}}"#),
        format!(r#"{{"key":{quoted},"note":"mine"}}"#),
        format!(r#"{{"key":"{}"}}"#, STANDARD.encode(KEY_JSON)),
        format!(r#"{{"key":[{KEY_JSON}]}}"#),
        KEY_JSON.replace("\\n", "\n"),
        KEY_JSON.replace("\\n", "\r\n"),
        KEY_JSON.replace(",\"", ",\\n  \""),
        STANDARD.encode(KEY_JSON.replace("\\n", "\n")),
        STANDARD.encode(STANDARD.encode(KEY_JSON)),
        STANDARD.encode(KEY_JSON.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        format!("data:application/json;base64,{}", STANDARD.encode(KEY_JSON)),
    ]);
    for text in wrapped {
        let found = key(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let fields = parse_json(&found).expect("JSON");
        assert_eq!(fields["id"], "ajefakefakefakefakef", "{text}");
        assert!(fields["private_key"].as_str().unwrap().contains("-----BEGIN"), "{text}");
        assert!(matches!(credential(&text), Ok(Credential::Key(_))), "{text}");
        assert!(matches!(key_or_path(&text), Ok(KeyOrPath::Key(_))), "{text}");
        for place in place(&text) {
            let error = place.unwrap_err();
            assert!(error.reason().contains("service account key"), "{text}: {error}");
        }
    }
}

/// A copy can miss its first characters, or have others before them. The rest decodes to no text, and is still the key.
#[test]
fn a_shifted_copy_of_a_private_key_is_never_sent() {
    let mut der =
        b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00".to_vec();
    der.extend([0xa5; 400]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut sent = Vec::new();
    for bytes in [KEY_JSON.as_bytes(), PEM.as_bytes(), &der] {
        for copy in [URL_SAFE_NO_PAD.encode(bytes), hex(bytes)] {
            let mut shifted: Vec<String> = (1..8).map(|cut| copy[cut..].to_owned()).collect();
            shifted.extend(["x", "v1_", "key-", "base64_", "AQVN"].map(|before| format!("{before}{copy}")));
            // The length limit of an API key is not what refuses a copy.
            shifted.extend(shifted.clone().into_iter().map(|text| text.chars().take(300).collect()));
            sent.extend(shifted.into_iter().filter(|text| {
                place(text)[..2].iter().any(Result::is_ok)
                    || matches!(credential(text), Ok(Credential::ApiKey(_) | Credential::IamToken(_)))
            }));
        }
    }
    assert!(sent.is_empty(), "{sent:#?}");
    for before in ["token-", "x", "-", "OAuth-", "AQVN-"] {
        let text = format!("{before}AQAAAA{}", "f".repeat(33));
        assert!(place(&text)[..2].iter().all(Result::is_err), "{text}");
    }
}

#[test]
fn two_keys_or_three_layers_are_refused() {
    for (text, words) in [
        (format!("[{KEY_JSON},{KEY_JSON}]"), "more than one key"),
        (format!(r#"{{"a":{KEY_JSON},"b":{KEY_JSON}}}"#), "more than one key"),
        (format!("[[[{KEY_JSON}]]]"), "more than two layers"),
        (STANDARD.encode(STANDARD.encode(STANDARD.encode(KEY_JSON))), "more than two layers"),
        (format!("'{}'", STANDARD.encode(STANDARD.encode(KEY_JSON))), "more than two layers"),
    ] {
        assert!(key(&text).unwrap_err().reason().contains(words), "{text}");
        assert!(credential(&text).is_err_and(|error| error.reason().contains(words)), "{text}");
        assert!(place(&text).into_iter().all(|place| place.is_err()), "{text}");
    }
}

#[test]
fn a_place_for_a_path_refuses_secrets_and_names_what_only_a_shell_replaces() {
    for path in [
        "key.json",
        "./key",
        "/run/secrets/yc",
        "keys/yc",
        "mykey",
        "C:\\yc\\key.json",
        "my key.json",
        "'key.json'",
    ] {
        assert!(matches!(key_or_path(path), Ok(KeyOrPath::Path(_))), "{path}");
        assert!(path_only(path).is_ok(), "{path}");
    }
    for (text, words) in [
        ("~/key.json", "`~`"),
        ("$HOME/key.json", "not replaced"),
        ("y0_fakefake", "an OAuth token"),
        ("t1.fake.fake", "an IAM token"),
        ("AQVNfake", "an API key"),
        (JWT, "a JWT"),
        ("null", "placeholder"),
        ("YC_X=/run/key", "line of settings"),
    ] {
        assert!(key_or_path(text).err().unwrap().reason().contains(words), "{text}");
        assert!(path_only(text).unwrap_err().reason().contains(words), "{text}");
    }
    assert!(key_or_path(PEM).err().unwrap().reason().contains("bare PEM"));
    let encoded = key_or_path(&STANDARD.encode(PEM)).err().unwrap();
    assert!(!encoded.reason().contains("ids") && encoded.reason().contains("(PEM) in base64"), "{encoded}");
}

#[test]
fn a_path_in_the_place_of_a_value_is_named() {
    for path in
        ["key.json", "key.pem", "yc.key", "/run/key", "~/key", "./key", "..\\key", "C:\\key", "keys/yc"]
    {
        let error = credential(path).err().unwrap_or_else(|| panic!("{path} was taken"));
        assert!(error.help().unwrap().contains("did you mean `@…`"), "{path}: {error}");
    }
}

#[test]
fn the_documented_shape_of_an_iam_token_is_recognized() {
    let whole = |signature: usize, tail: &str| format!("t1.9euelZq_-x==.{}{tail}", "Z".repeat(signature));
    assert!(is_whole_iam_token(&whole(86, "")) && is_whole_iam_token(&whole(86, "==")));
    for wrong in [whole(85, ""), whole(87, ""), whole(86, "==="), "t1..x".into(), "t1.abc".into(), "x".into()]
    {
        assert!(!is_whole_iam_token(&wrong), "{wrong}");
    }
    // A real token can have the first characters of an OAuth token in its random part.
    let signature = format!("y0_{}", "Z".repeat(83));
    assert!(iam_token(&format!("t1.9euelZq_-x.{signature}")).is_ok());
}

/// Something that must never be in a header.
fn forbidden() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(PEM.to_owned()),
        Just(KEY_JSON.to_owned()),
        "y[0-3]_[A-Za-z0-9_-]{8,60}",
        "AQAAAA[A-Za-z0-9_-]{8,40}",
        // A key of an elliptic curve in DER, which is short.
        proptest::collection::vec(any::<u8>(), 40..120).prop_map(|body| {
            let mut key = vec![0x30, 0x81, u8::try_from(body.len() + 3).unwrap_or(0), 2, 1, 0];
            key.extend(body);
            STANDARD.encode(key)
        }),
    ]
}

fn around() -> impl Strategy<Value = fn(String) -> String> {
    let identity: fn(String) -> String = |text| text;
    prop_oneof![
        Just(identity),
        Just((|text| format!("\"{text}\"")) as fn(String) -> String),
        Just((|text| format!("'{text}'")) as fn(String) -> String),
        Just((|text| format!("\u{feff}{text}\r\n")) as fn(String) -> String),
        Just((|text| STANDARD.encode(text)) as fn(String) -> String),
        Just((|text| URL_SAFE_NO_PAD.encode(text)) as fn(String) -> String),
        Just((|text| serde_json::to_string(&text).unwrap_or_default()) as fn(String) -> String),
        Just((|text| format!("[{text}]")) as fn(String) -> String),
        Just((|text| format!("{{\"key\":\"{text}\"}}")) as fn(String) -> String),
        Just((|text| format!("TOKEN={text}")) as fn(String) -> String),
        Just((|text| format!("t1.{text}")) as fn(String) -> String),
        Just((|text| format!("fake.{text}")) as fn(String) -> String),
        Just(
            (|text: String| text.bytes().map(|byte| format!("{byte:02x}")).collect()) as fn(String) -> String
        ),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", bytes: Vec<u8>, json in "[\\[\\]{}\"'\\\\:,a-z0-9$]{0,40}") {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned(), STANDARD.encode(&bytes), json] {
            let _ = place(&text);
            let _ = (credential(&text), login(&text), key(&text), key_or_path(&text), path_only(&text));
        }
    }

    #[test]
    fn a_private_key_or_an_oauth_token_is_never_sent(
        secret in forbidden(),
        layers in proptest::collection::vec(around(), 0..4),
    ) {
        let text = layers.iter().fold(secret, |text, around| around(text));
        let sent = [api_key(&text).ok(), iam_token(&text).ok().map(|token| token.secret)];
        prop_assert!(sent.iter().all(Option::is_none), "{}", text);
        let is_sent = matches!(credential(&text), Ok(Credential::ApiKey(_) | Credential::IamToken(_)));
        prop_assert!(!is_sent, "{}", text);
    }

    #[test]
    fn an_error_shows_nothing_of_the_value(text in "[A-Za-z0-9_~.%;/ -]{0,20}HUSHHUSH[A-Za-z0-9_~.%;/ -]{0,20}", layers in proptest::collection::vec(around(), 0..3)) {
        let text = layers.iter().fold(text, |text, around| around(text));
        let mut errors: Vec<_> = place(&text).into_iter().filter_map(Result::err).collect();
        errors.extend(credential(&text).err());
        errors.extend(key_or_path(&text).err());
        for error in errors {
            let shown = format!("{error} {error:?} {}", error.help().unwrap_or_default());
            prop_assert!(!shown.contains("HUSH") && !shown.contains(&STANDARD.encode("HUSHHUSH")[..8]), "{}", shown);
        }
    }

    #[test]
    fn a_value_of_wrong_characters_is_never_sent(text in "[ -~\u{80}-\u{2fff}]{1,60}") {
        for sent in [api_key(&text).ok(), iam_token(&text).ok().map(|token| token.secret)].into_iter().flatten() {
            prop_assert!(sent.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~=-".contains(&byte)));
        }
    }

    #[test]
    fn a_key_of_random_characters_is_taken(text in "[A-Za-z0-9_-]{24,60}") {
        prop_assume!(!text.starts_with("YC") && !text.starts_with("eyJ") && !text.starts_with("AQAAAA"));
        prop_assume!(!has_mark(&text));
        prop_assert!(api_key(&text).is_ok(), "{}", text);
    }
}

fn has_mark(text: &str) -> bool {
    text.starts_with(['y', 'Y', 'x', 'X', 'i', 'I']) || kind::has_oauth_token(text)
}
