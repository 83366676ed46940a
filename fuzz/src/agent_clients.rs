use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::form_urlencoded;
use yandex_cloud_auth_agent::fuzz_internals::{client_key, oauth_client, oauth_form};

/// The header `Authorization` of a client, a line break, and the form that the client sends. The second readings are
/// `base64`'s and `url`'s.
pub fn agent_clients(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let (authorization, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    form(body);
    let Ok(authorization) = HeaderValue::from_bytes(authorization) else { return };
    basic(&authorization);
}

fn form(body: &[u8]) {
    // `url` replaces what is no UTF-8.
    let pairs: Vec<_> = form_urlencoded::parse(body).into_owned().collect();
    let values = |name: &str| {
        // A parameter without a value counts as left out (RFC 6749, section 3.2).
        let of_name = pairs.iter().filter(|(field, value)| field == name && !value.is_empty());
        of_name.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let known = ["grant_type", "client_id", "client_secret"];
    match oauth_form(body) {
        Some(fields) => {
            for (name, field) in known.into_iter().zip(fields) {
                assert_eq!(field.into_iter().collect::<Vec<_>>(), values(name), "{name}");
            }
        }
        None => {
            let is_twice = known.into_iter().any(|name| values(name).len() > 1);
            let is_text = body.split(|byte| matches!(byte, b'&' | b'=')).all(|part| decoded(part).is_some());
            assert!(is_twice || !is_text, "a good form is refused: {pairs:?}");
        }
    }
}

fn basic(authorization: &HeaderValue) {
    let sent = authorization.to_str().ok().and_then(|value| value.split_once(' '));
    let decoded = sent.and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok());
    let pair = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
    let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
    let is = |scheme: &str| sent.is_some_and(|(found, _)| found.eq_ignore_ascii_case(scheme));

    match (oauth_client(authorization), pair) {
        (None, pair) => assert!(pair.is_none() || !is("basic"), "a good client is refused"),
        (Some(_), None) => panic!("what is no client is accepted"),
        (Some(readings), Some((id, secret))) => {
            assert!(is("basic"));
            assert_eq!(readings[0], (id.to_owned(), secret.to_owned()));
            let of_form = (decoded_text(id), decoded_text(secret));
            let of_form = of_form.0.zip(of_form.1);
            assert_eq!(readings.get(1).cloned(), of_form, "{id:?} {secret:?}");
            assert!(readings.len() <= 2);
        }
    }
    let expected = match sent {
        Some((_, token)) if is("bearer") || is("api-key") => Some(token.trim()),
        Some(_) if is("basic") => pair.map(|(_, password)| password),
        _ => None,
    };
    assert_eq!(client_key(authorization).as_deref(), expected);
}

/// A text of a form, decoded; `None` for what is no UTF-8.
fn decoded_text(text: &str) -> Option<String> {
    decoded(text.as_bytes())
}

fn decoded(text: &[u8]) -> Option<String> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        match (byte, digit(at + 1).zip(digit(at + 2))) {
            (b'%', Some((first, second))) => {
                bytes.push(u8::try_from(first * 16 + second).unwrap());
                at += 2;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).ok()
}
