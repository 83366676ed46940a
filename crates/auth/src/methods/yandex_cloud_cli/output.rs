//! What yc prints: a token among notices, one value, or the reason of a failure.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::cloud::timestamp::from_rfc3339;
use crate::recognize::{self, Wiped};
use crate::secret::{Secret, redact};
use crate::system::CommandOutput;
use crate::token::{Life, Token};
use crate::{Error, ErrorKind};

/// The last line that is not empty.
pub(super) fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// The error of a yc that failed. The message is yc's standard error only: standard output is where tokens go.
pub(super) fn failure(output: &CommandOutput) -> Error {
    let message = message(output);
    let kind = if is_refusal(&message) { ErrorKind::Refused } else { ErrorKind::Unavailable };
    Error::new(kind, format!("{}: {message}", output.status()))
        .with_help("run `yc iam create-token` by hand; `yc init` logs in again")
}

fn message(output: &CommandOutput) -> String {
    let text = String::from_utf8_lossy(output.stderr());
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "no message".to_owned() } else { lines.join("; ") }
}

/// Whether yc failed because it does not know `--format` or its value, as old versions and other programs do not.
pub(super) fn knows_no_format(output: &CommandOutput) -> bool {
    let message = message(output).to_ascii_lowercase();
    let words = ["unknown", "not defined", "unrecognized", "unexpected", "invalid", "unsupported"];
    !output.is_success()
        && (message.contains("format") || message.contains("flag"))
        && words.iter().any(|word| message.contains(word))
        && !is_refusal(&message)
}

/// Whether a server refused, by the names of gRPC's status codes. "Permission denied" with a space is the operating
/// system's message about a file, so it does not count.
fn is_refusal(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let words = ["unauthenticated", "permissiondenied", "permission_denied"];
    let codes = ["code = invalidargument", "code = notfound", "code = failedprecondition"];
    words.iter().chain(&codes).any(|word| lower.contains(word))
}

/// The token in yc's output: `{"iam_token": "…", "expires_at": "RFC 3339"}`, or the last line that is a token, because
/// notices come before and after the token.
pub(super) fn find_token(output: &[u8]) -> Result<Token, String> {
    let Ok(text) = std::str::from_utf8(output) else { return Err("the output is not UTF-8".to_owned()) };
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("the output is empty".to_owned());
    }
    if let Some(token) = in_json(text) {
        return token;
    }
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let marked = lines()
        .rev()
        .find_map(|line| recognize::iam_token(line).ok().filter(|token| token.warning().is_none()));
    if let Some(token) = marked {
        return Ok(Token { secret: token.into_secret(), life: Life::Unknown });
    }
    let last = lines().next_back().unwrap_or_default();
    match recognize::iam_token(last) {
        Ok(token) => Ok(Token { secret: token.into_secret(), life: Life::Unknown }),
        Err(error) => {
            let reason = error.reason().replacen("the value", "the output", 1);
            Err(format!("the output has no token: {reason}: `{}`", shown(last)))
        }
    }
}

/// The token in the object of JSON in the output; `None` if the output has no such object.
fn in_json(text: &str) -> Option<Result<Token, String>> {
    let object = text.get(text.find('{')?..=text.rfind('}')?)?;
    let mut output = Wiped(serde_json::from_str(object).ok()?);
    let Value::Object(fields) = &mut output.0 else { return None };
    let Some(Value::String(token)) = fields.remove("iam_token") else {
        return Some(Err("the output is JSON without the text `iam_token`".to_owned()));
    };
    let token = Zeroizing::new(token);
    let read = |token: &str| -> Result<Token, String> {
        let secret: Secret = recognize::iam_token(token)
            .map_err(|error| format!("`iam_token`: {}", error.reason()))?
            .into_secret();
        let life = match fields.get("expires_at") {
            None | Some(Value::Null) => Life::Unknown,
            Some(Value::String(text)) => match from_rfc3339(text) {
                Some(at) => Life::Until { at, date: None },
                None => return Err("`expires_at` is not an RFC 3339 time".to_owned()),
            },
            Some(_) => return Err("`expires_at` is not a text".to_owned()),
        };
        Ok(Token { secret, life })
    };
    Some(read(&token))
}

/// A line, safe to show: a long word may be a token of unknown form.
fn shown(line: &str) -> String {
    const LONGEST: usize = 20;
    let words = line.split(' ').map(|word| if word.len() > LONGEST { "***" } else { word });
    redact(&words.collect::<Vec<_>>().join(" "), &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_token_is_found_among_notices() {
        let json = r#"{"iam_token":"t1.fake.token","expires_at":"2026-11-24T12:00:00.5Z"}"#;
        for (output, token) in [
            ("t1.fake.token\n", Ok("t1.fake.token")),
            ("notice\nt1.old.token\r\nt1.fake.token\r\n\nThere is a new yc version\n", Ok("t1.fake.token")),
            ("CggVAgAAA-fake-fake-fake-fake-fake\n", Ok("CggVAgAAA-fake-fake-fake-fake-fake")),
            (json, Ok("t1.fake.token")),
            (&format!("notice\n{json}\nThere is a new yc version\n"), Ok("t1.fake.token")),
            ("{\n  \"iam_token\": \"t1.fake.token\"\n}\n", Ok("t1.fake.token")),
            ("", Err("the output is empty")),
            ("\n \n", Err("the output is empty")),
            ("There is a new yc version", Err("the output has no token: ")),
            ("hello", Err("the output has no token: the output is not an IAM token")),
            ("fake-of-unknown-form-31-chars-x", Err("`***`")),
            ("y0_fake", Err("an OAuth token (`y0_…`), not an IAM token (`t1.…`): `y0_***`")),
            ("{}", Err("without the text `iam_token`")),
            (r#"{"iam_token":"y0_fake"}"#, Err("`iam_token`: the value is an OAuth token")),
            (r#"{"iam_token":"t1.fake","expires_at":"soon"}"#, Err("`expires_at`")),
            (r#"{"iam_token":"t1.fake","expires_at":5}"#, Err("`expires_at`")),
        ] {
            let found = find_token(output.as_bytes());
            match (found, token) {
                (Ok(found), Ok(token)) => assert_eq!(found.expose_secret(), token, "{output:?}"),
                (Err(found), Err(reason)) => assert!(found.contains(reason), "{output:?}: {found}"),
                (found, _) => panic!("{output:?}: {found:?}"),
            }
        }
        assert_eq!(find_token(b"t1.\xff").unwrap_err(), "the output is not UTF-8");
        assert!(matches!(find_token(json.as_bytes()).unwrap().life, Life::Until { .. }));
    }

    proptest! {
        #[test]
        fn no_output_panics(output: Vec<u8>, code in -1..300_i32, braces in "[{}\"a ]{0,20}") {
            let _ = find_token(&output);
            let _ = find_token(braces.as_bytes());
            let _ = last_line(&output);
            let output = CommandOutput::new(Some(code), output.clone(), output);
            let _ = (failure(&output).to_string(), knows_no_format(&output));
        }
    }
}
