//! What is wrapped around a value: quotes, a byte order mark, base64, another document.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::super::*;
use super::{JWT, KEY_JSON, PEM, place, shown};

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
