//! The differences between a request and the recorded one, as text for the developer of a test.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use crate::interaction::Request;

/// Headers that change the meaning of a request.
const SIGNIFICANT_HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("x-data-logging-enabled"),
    HeaderName::from_static("x-folder-id"),
];

const MAX_DIFFERENCES: usize = 20;
/// The length at which a value is cut off, in characters.
const MAX_SHOWN: usize = 200;

/// The differences in the headers and the body. The caller has compared the method and the target.
pub(crate) fn differences(recorded: &Request, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let (recorded_type, sent_type) = (content_type(&recorded.headers), content_type(headers));
    if recorded_type.is_some() && recorded_type != sent_type {
        let (recorded, sent) = (shown(recorded_type.as_deref()), shown(sent_type.as_deref()));
        found.push(difference("header content-type", &recorded, &sent));
    }
    for name in SIGNIFICANT_HEADERS {
        if let Some(value) = recorded.headers.get(&name) {
            let sent = headers.get(&name);
            if sent != Some(value) {
                let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                let (value, sent) = (text(value), sent.map(text));
                found.push(difference(&format!("header {name}"), &value, &shown(sent.as_deref())));
            }
        }
    }
    match (recorded.json(), serde_json::from_slice::<Value>(body)) {
        (Some(recorded), Ok(sent)) => {
            compare_values(&mut String::from("body "), &recorded, &sent, &mut found);
        }
        _ if recorded.body == body => {}
        (recorded_json, _) => {
            let bytes = |bytes: &[u8]| format!("{:?}", shortened(&String::from_utf8_lossy(bytes)));
            let what = if recorded_json.is_some() { "body, which is not JSON" } else { "body" };
            found.push(difference(what, &bytes(&recorded.body), &bytes(body)));
        }
    }
    if found.len() > MAX_DIFFERENCES {
        let more = found.len() - MAX_DIFFERENCES;
        found.truncate(MAX_DIFFERENCES);
        found.push(format!("and {more} more"));
    }
    found
}

/// The media type without parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Compares two values. `path` is the name of the root, followed by the JSON pointer of the values.
fn compare_values(path: &mut String, recorded: &Value, sent: &Value, found: &mut Vec<String>) {
    match (recorded, sent) {
        (Value::Object(recorded), Value::Object(sent)) => {
            for (key, value) in recorded {
                with_key(path, key, |path| match sent.get(key) {
                    Some(sent) => compare_values(path, value, sent, found),
                    None => found.push(difference(path, &shortened(&value.to_string()), "nothing")),
                });
            }
            for (key, value) in sent.iter().filter(|(key, _)| !recorded.contains_key(*key)) {
                let value = shortened(&value.to_string());
                with_key(path, key, |path| found.push(difference(path, "nothing", &value)));
            }
        }
        (Value::Array(recorded), Value::Array(sent)) if recorded.len() == sent.len() => {
            for (index, (recorded, sent)) in recorded.iter().zip(sent).enumerate() {
                with_key(path, &index.to_string(), |path| compare_values(path, recorded, sent, found));
            }
        }
        _ if recorded == sent => {}
        _ => found.push(difference(path, &shortened(&recorded.to_string()), &shortened(&sent.to_string()))),
    }
}

/// Calls `act` with the key appended to the path as a JSON pointer token (RFC 6901).
fn with_key(path: &mut String, key: &str, act: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(&key.replace('~', "~0").replace('/', "~1"));
    act(path);
    path.truncate(length);
}

fn difference(path: &str, recorded: &str, sent: &str) -> String {
    format!("{path}: recorded {recorded}, sent {sent}")
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), shortened)
}

fn shortened(text: &str) -> String {
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
    fn names_the_json_pointer_of_each_difference() {
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
    fn compares_bytes_if_the_body_is_not_json() {
        assert!(differences(&request("plain"), &HeaderMap::new(), b"plain").is_empty());
        assert!(differences(&request(""), &HeaderMap::new(), b"").is_empty());
        for (recorded, sent) in [("plain", "other"), ("", "{}"), ("{}", ""), ("{}", "{")] {
            assert_eq!(differences(&request(recorded), &HeaderMap::new(), sent.as_bytes()).len(), 1);
        }
    }

    #[test]
    fn says_how_many_more_differences_there_are() {
        let recorded = r#"{"a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#;
        let sent = recorded.replace('1', "2");
        let found = differences(&request(recorded), &HeaderMap::new(), sent.as_bytes());
        assert_eq!((found.len(), found[20].as_str()), (21, "and 5 more"));
    }
}
