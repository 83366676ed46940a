//! What yc prints: a token among notices, one value, or the reason of a failure.

use crate::secret::{Secret, Shape};
use crate::system::CommandOutput;
use crate::{Error, ErrorKind};

/// The last line that is not empty.
pub(super) fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// The error of a yc that failed. The message is yc's standard error only: standard output is where tokens go.
pub(super) fn failure(output: &CommandOutput) -> Error {
    let text = String::from_utf8_lossy(output.stderr());
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let message = if lines.is_empty() { "no message".to_owned() } else { lines.join("; ") };
    let kind = if is_refusal(&message) { ErrorKind::Refused } else { ErrorKind::Unavailable };
    Error::new(kind, format!("{}: {message}", output.status()))
        .with_help("run `yc iam create-token` by hand; `yc init` logs in again")
}

/// Whether a server refused, by the names of gRPC's status codes. "Permission denied" with a space is the operating
/// system's message about a file, so it does not count.
fn is_refusal(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let words = ["unauthenticated", "permissiondenied", "permission_denied"];
    let codes = ["code = invalidargument", "code = notfound", "code = failedprecondition"];
    words.iter().chain(&codes).any(|word| lower.contains(word))
}

/// The token in yc's output: the last line with the shape of a token, because notices come before and after the token;
/// otherwise the last line that is not empty.
pub(super) fn find_token(output: &[u8]) -> Result<Secret, &'static str> {
    let Ok(text) = std::str::from_utf8(output) else { return Err("the output is not UTF-8") };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_token = |line: &&str| Shape::of(line) == Shape::IamToken && Secret::parse(line).is_ok();
    let line = lines.clone().rfind(is_token).or_else(|| lines.next_back()).ok_or("the output is empty")?;
    match Shape::of(line) {
        Shape::OAuthToken => Err("the output is an OAuth token, not an IAM token"),
        _ => Secret::parse(line).map_err(|_| "the output has no token"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_token_is_found_among_notices() {
        for (output, token) in [
            ("t1.fake.token\n", Ok("t1.fake.token")),
            ("notice\nt1.old.token\r\nt1.fake.token\r\n\nThere is a new yc version\n", Ok("t1.fake.token")),
            ("CggVAgAAA-fake\n", Ok("CggVAgAAA-fake")),
            ("", Err("the output is empty")),
            ("\n \n", Err("the output is empty")),
            ("There is a new yc version", Err("the output has no token")),
            ("y0_fake", Err("the output is an OAuth token, not an IAM token")),
        ] {
            assert_eq!(
                find_token(output.as_bytes()).as_ref().map(Secret::expose),
                token.as_ref().copied(),
                "{output:?}"
            );
        }
        assert_eq!(find_token(b"t1.\xff").unwrap_err(), "the output is not UTF-8");
    }

    proptest! {
        #[test]
        fn no_output_panics(output: Vec<u8>, code in -1..300_i32) {
            let _ = find_token(&output);
            let _ = last_line(&output);
            let _ = failure(&CommandOutput::new(Some(code), output.clone(), output)).to_string();
        }
    }
}
