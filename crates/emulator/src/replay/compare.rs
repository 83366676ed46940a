//! Tells how a request differs from the recorded one, for a person to read.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use super::Request;

/// Headers that change what a request means.
const THAT_MATTER: [HeaderName; 4] = [
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("x-data-logging-enabled"),
    HeaderName::from_static("x-folder-id"),
];

const MAX_DIFFERENCES: usize = 20;
const MAX_SHOWN: usize = 200;

/// The differences in headers and body; none is the aim. Method and target have been compared before.
pub(super) fn differences(recorded: &Request, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let kinds = (content_type(&recorded.headers), content_type(headers));
    if kinds.0.is_some() && kinds.0 != kinds.1 {
        found.push(differs("header content-type", &shown(kinds.0.as_deref()), &shown(kinds.1.as_deref())));
    }
    for name in THAT_MATTER {
        if let Some(value) = recorded.headers.get(&name) {
            let sent = headers.get(&name);
            if sent != Some(value) {
                let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let (value, sent) = (text(value), sent.map(text));
                found.push(differs(&format!("header {name}"), &value, &shown(sent.as_deref())));
            }
        }
    }
    match (recorded.json(), serde_json::from_slice::<Value>(body)) {
        (Some(recorded), Ok(sent)) => values(&mut String::from("body "), &recorded, &sent, &mut found),
        _ if recorded.body == body => {}
        (recorded_value, _) => {
            let bytes = |bytes: &[u8]| format!("{:?}", short(&String::from_utf8_lossy(bytes)));
            let what = if recorded_value.is_some() { "body, which is no JSON" } else { "body" };
            found.push(differs(what, &bytes(&recorded.body), &bytes(body)));
        }
    }
    if found.len() > MAX_DIFFERENCES {
        let more = found.len() - MAX_DIFFERENCES;
        found.truncate(MAX_DIFFERENCES);
        found.push(format!("and {more} more"));
    }
    found
}

/// Without parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Compares at a place, a JSON pointer after its name.
fn values(place: &mut String, recorded: &Value, sent: &Value, found: &mut Vec<String>) {
    match (recorded, sent) {
        (Value::Object(recorded), Value::Object(sent)) => {
            for (key, value) in recorded {
                at(place, key, |place| match sent.get(key) {
                    Some(sent) => values(place, value, sent, found),
                    None => found.push(differs(place, &short(&value.to_string()), "nothing")),
                });
            }
            for (key, value) in sent.iter().filter(|(key, _)| !recorded.contains_key(*key)) {
                at(place, key, |place| found.push(differs(place, "nothing", &short(&value.to_string()))));
            }
        }
        (Value::Array(recorded), Value::Array(sent)) if recorded.len() == sent.len() => {
            for (index, (recorded, sent)) in recorded.iter().zip(sent).enumerate() {
                at(place, &index.to_string(), |place| values(place, recorded, sent, found));
            }
        }
        _ if recorded == sent => {}
        _ => found.push(differs(place, &short(&recorded.to_string()), &short(&sent.to_string()))),
    }
}

fn at(place: &mut String, key: &str, act: impl FnOnce(&mut String)) {
    let length = place.len();
    place.push('/');
    place.push_str(&key.replace('~', "~0").replace('/', "~1"));
    act(place);
    place.truncate(length);
}

fn differs(place: &str, recorded: &str, sent: &str) -> String {
    format!("{place}: recorded {recorded}, sent {sent}")
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), short)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

    use super::*;

    fn request(body: &'static str) -> Request {
        Request {
            method: Method::POST,
            host: None,
            target: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn names_the_place_of_each_difference() {
        let recorded = request(r#"{"a":[{"b/c":1}],"gone":null,"same":{"x":[1,2]},"list":[1]}"#);
        let sent = r#"{"same":{"x":[1,2]},"a":[{"b/c":1.0}],"new":"x","list":[]}"#;
        assert_eq!(
            differences(&recorded, &HeaderMap::new(), sent.as_bytes()),
            [
                "body /a/0/b~1c: recorded 1, sent 1.0",
                "body /gone: recorded null, sent nothing",
                "body /list: recorded [1], sent []",
                "body /new: recorded nothing, sent \"x\"",
            ]
        );
    }

    #[test]
    fn compares_bytes_where_there_is_no_json() {
        assert!(differences(&request("plain"), &HeaderMap::new(), b"plain").is_empty());
        assert!(differences(&request(""), &HeaderMap::new(), b"").is_empty());
        for (recorded, sent) in [("plain", "other"), ("", "{}"), ("{}", ""), ("{}", "{")] {
            assert_eq!(differences(&request(recorded), &HeaderMap::new(), sent.as_bytes()).len(), 1);
        }
    }

    #[test]
    fn says_how_many_more_there_are() {
        let recorded = r#"{"a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#;
        let sent = recorded.replace('1', "2");
        let found = differences(&request(recorded), &HeaderMap::new(), sent.as_bytes());
        assert_eq!((found.len(), found[20].as_str()), (21, "and 5 more"));
    }
}
