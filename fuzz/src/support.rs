//! A machine without anything, one call on it, and what has to hold for every call.

use std::time::Duration;

use http::HeaderValue;
use test_support::log::Log;
use test_support::system::empty_system;
use test_support::token_source::InStep;
use yandex_cloud_auth::testing::{TestClock, TestReply};
use yandex_cloud_auth::{Credentials, Error, HeaderOptions, System};

/// What stands for a secret in an input, and the secret that it becomes. The middle of a secret is in no message.
const STAND_INS: [(&str, &str); 5] = [
    ("@IAM@", "t1.FAKE-iam-canary0.FAKE-signature0"),
    ("@OAUTH@", OAUTH_TOKEN),
    // As a server may repeat it.
    ("@OAUTH-IN-URL@", "y0%5FFAKE-oauth-canary0%2dof-the-fuzzer"),
    ("@OAUTH-FOLDED@", "y0_FAKE-oauth-canary0\\n-of-the-fuzzer"),
    ("@PEM@", include_str!("../fake-key.pem")),
];

pub(crate) const OAUTH_TOKEN: &str = "y0_FAKE-oauth-canary0-of-the-fuzzer";

/// What must never be shown: a piece of each secret above.
const HIDDEN: [&str; 3] = ["FAKE-iam-canary0", "FAKE-oauth-canary0", "BKcwggSjAgEAAoIBAQ"];

/// The text with secrets in the place of their stand-ins. A secret does not begin inside a word: nobody could tell it there.
pub(crate) fn with_secrets(text: &str) -> String {
    // A secret that the fuzzer has changed is none.
    let mut text = HIDDEN.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "x"));
    for (stand_in, secret) in STAND_INS {
        let secret = secret.replace('\n', "\\n");
        while let Some(at) = text.find(stand_in) {
            let is_inside = text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
            let secret = if is_inside { format!(" {secret}") } else { secret.clone() };
            text.replace_range(at..at + stand_in.len(), &secret);
        }
    }
    text
}

/// As [`with_secrets`], for text that may not be UTF-8.
pub(crate) fn bytes_with_secrets(data: &[u8]) -> Vec<u8> {
    std::str::from_utf8(data).map_or_else(|_| data.to_vec(), |text| with_secrets(text).into_bytes())
}

/// A system without variables, files, programs and network, whose clock stands still.
pub(crate) fn system() -> System {
    empty_system(&TestClock::new()).with_spawner(InStep)
}

/// The result of one call, and what was logged.
pub(crate) struct Called {
    pub(crate) credentials: Credentials,
    pub(crate) header: Result<Option<HeaderValue>, Error>,
    pub(crate) log: String,
}

/// One call without a second attempt. The log and the error show no secret, and the header can be sent.
pub(crate) fn call(credentials: impl Into<Credentials>, system: System) -> Called {
    let credentials = credentials.into().with_system(system);
    let log = Log::of_target("yandex_cloud_auth");
    let once = HeaderOptions::new().deadline(Duration::from_millis(1));
    let header = log.of(|| credentials.blocking().header_with(once));
    let called = Called { credentials, header, log: log.lines().join("\n") };
    assert_hidden(&called.log);
    assert_hidden(&format!("{:?} {:?}", called.credentials, called.credentials.report()));
    match &called.header {
        Ok(Some(header)) => assert_sendable(header),
        Ok(None) => panic!("the method has a header"),
        Err(error) => assert_presentable(error),
    }
    called
}

impl Called {
    /// The token in the header, without its scheme.
    pub(crate) fn token(&self) -> Option<&str> {
        let header = self.header.as_ref().ok()?.as_ref()?;
        Some(header.to_str().unwrap().split_once(' ').unwrap().1)
    }
}

fn assert_sendable(header: &HeaderValue) {
    assert!(header.is_sensitive());
    let line = header.to_str().expect("visible ASCII");
    let (scheme, token) = line.split_once(' ').expect("a scheme and a token");
    assert!(matches!(scheme, "Bearer" | "Api-Key"), "{scheme}");
    assert!((1..=8192).contains(&token.len()), "a token of {} bytes", token.len());
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~=+/".contains(&byte);
    assert!(token.bytes().all(is_allowed), "{token:?}");
    assert!(!is_oauth(token), "an OAuth token became a header: {token:?}");
    assert!(!token.contains("BKcwggSjAgEAAoIBAQ"), "a private key became a header");
}

/// Whether a text begins as an OAuth token does.
pub(crate) fn is_oauth(text: &str) -> bool {
    matches!(text.as_bytes(), [b'y', b'0'..=b'3', b'_', next, ..] if next.is_ascii_alphanumeric())
}

/// The error is one short line without a secret.
pub(crate) fn assert_presentable(error: &Error) {
    let line = error.to_string();
    assert!(line.len() <= 8 << 10, "an error of {} bytes", line.len());
    assert!(!line.chars().any(char::is_control), "{line:?}");
    assert_hidden(&format!("{line} {error:?} {:?} {:?}", error.help(), error.report()));
    if let Some(wait) = error.retry_after() {
        assert!(wait <= Duration::from_secs(366 * 24 * 3600), "{wait:?}");
    }
}

pub(crate) fn assert_hidden(text: &str) {
    for secret in HIDDEN {
        assert!(!text.contains(secret), "a secret is shown: {text}");
    }
}

/// Words of an input that look random, as secrets do: no message of the library has such a word.
pub(crate) fn assert_none_of(input: &str, shown: &str) {
    let words = input.split(|at: char| !(at.is_ascii_alphanumeric() || matches!(at, '_' | '-')));
    for word in words.filter(|word| word.len() >= 12) {
        let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
        let is_random = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        assert!(!is_random || !shown.contains(word), "a part of the value is shown: {shown}");
    }
}

/// A response: `STATUS`, lines `name: value`, an empty line and the body; or the body of a response with status 200.
pub(crate) fn reply(data: &[u8]) -> TestReply {
    let data = bytes_with_secrets(data);
    parse_reply(&data).unwrap_or_else(|| TestReply::status(200, data))
}

fn parse_reply(data: &[u8]) -> Option<TestReply> {
    const NAMES: [&str; 4] = ["date", "location", "retry-after", "x-request-id"];
    let end = data.windows(2).position(|two| two == b"\n\n")?;
    let mut lines = std::str::from_utf8(&data[..end]).ok()?.lines();
    let status = lines.next()?.parse().ok().filter(|status| (100..1000).contains(status))?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        let name = NAMES.into_iter().find(|known| *known == name)?;
        headers.push((name, value.to_owned()));
    }
    Some(TestReply::Response(status, headers, data[end + 2..].to_vec()))
}

/// The body of a response with status 200.
pub(crate) fn body(reply: &TestReply) -> Option<&[u8]> {
    match reply {
        TestReply::Response(200, _, body) => Some(body),
        _ => None,
    }
}
