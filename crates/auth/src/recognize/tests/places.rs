//! What each place takes, and the name of what it refuses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::*;
use super::{JWT, KEY_JSON, PEM, place};
use crate::ErrorKind;

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
