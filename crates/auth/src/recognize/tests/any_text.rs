//! What holds for any text in any place.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::super::*;
use super::{KEY_JSON, PEM, place};

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
