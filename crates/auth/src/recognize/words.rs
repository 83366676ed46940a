//! Texts that stand where a secret should stand and are none: placeholders, variables that nothing replaced, HTML, a
//! line of settings, a header, a path.

use super::kind::{Issued, Kind, marked};

/// The endings of file names that hold keys and tokens.
pub(super) const ENDINGS: [&str; 16] = [
    ".json", ".pem", ".key", ".txt", ".b64", ".base64", ".p8", ".der", ".crt", ".cer", ".p12", ".pfx",
    ".yaml", ".yml", ".env", ".jwt",
];

/// Words that programs print for a value that is missing or hidden.
const WORDS: [&str; 34] = [
    "null",
    "undefined",
    "none",
    "nil",
    "nan",
    "true",
    "false",
    "empty",
    "(null)",
    "(none)",
    "(nil)",
    "(unset)",
    "(not set)",
    "(sensitive value)",
    "(sensitive)",
    "(known after apply)",
    "sensitive",
    "redacted",
    "[redacted]",
    "masked",
    "[masked]",
    "[object object]",
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "fixme",
    "dummy",
    "my-token",
    "my_token",
    "placeholder",
    "todo",
];

/// A word for a missing value, a masked one (`t1.***`, `…`), or an instruction to the reader (`your-key`).
pub(super) fn placeholder(text: &str) -> Option<Kind> {
    let lower = text.to_ascii_lowercase();
    let is_word = WORDS.contains(&lower.as_str());
    let is_instruction =
        ["your-", "your_", "my-api-key", "my_api_key", "insert-", "insert_", "put-your", "put_your"]
            .iter()
            .any(|begin| lower.starts_with(begin))
            && lower.len() <= 40;
    let is_filler = text.len() >= 3
        && (text.bytes().all(|byte| matches!(byte, b'x' | b'X')) || text.bytes().all(|byte| byte == b'.'));
    let is_masked =
        text.lines().count() == 1 && ["***", "…", "•", "●"].iter().any(|mask| text.contains(mask));
    (is_word
        || is_instruction
        || is_filler
        || is_masked
        || is_in_angle_brackets(text)
        || is_marked_filler(&lower))
    .then_some(Kind::Placeholder)
}

/// A mark with a filler behind it, as examples have them: `AQVN...`, `AQVN_YOUR_API_KEY`, `t1.xxxxxxxx`, `y0_your-token`.
fn is_marked_filler(lower: &str) -> bool {
    let rest = ["aqvn", "t1.", "y0_"].iter().find_map(|mark| lower.strip_prefix(mark));
    rest.is_some_and(|rest| {
        let words = rest.trim_start_matches(['-', '_', '.']);
        let is_of = |filler: u8| rest.len() >= 3 && rest.bytes().all(|byte| byte == filler);
        is_of(b'x')
            || is_of(b'.')
            || (words.len() < rest.len() || rest.starts_with("your")) && words.starts_with("your")
    })
}

/// `<your-key>`: one pair of angle brackets around words, and not a tag of HTML.
fn is_in_angle_brackets(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|inner| {
        !inner.contains(['<', '>', '=', '\n', '!', '/'])
            && !["html", "head", "body", "title"].contains(&inner.to_ascii_lowercase().as_str())
    })
}

/// A page, or another text in tags.
pub(super) fn is_html(text: &str) -> bool {
    let begins = |mark: &str| text.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark));
    text.starts_with('<')
        || begins("http/1")
        || ["<html", "<!doctype", "<body", "</"].iter().any(|mark| {
            text.as_bytes().windows(mark.len()).any(|part| part.eq_ignore_ascii_case(mark.as_bytes()))
        })
}

/// `$X`, `${X}`, `$(command)`, `%X%`, `{{X}}`, `#{X}`, `@@X@@`, anywhere that no secret has such characters.
pub(super) fn is_unexpanded(text: &str) -> bool {
    let has_percent_name = text.split('%').skip(1).step_by(2).any(is_name) && text.matches('%').count() >= 2;
    text.starts_with('$')
        || ["${", "$(", "{{", "#{", "@@", "<%"].iter().any(|mark| text.contains(mark))
        || text.contains('$')
            && text.split('$').skip(1).any(|rest| is_name(rest.split(['/', '\\', ':']).next().unwrap_or("")))
        || has_percent_name
}

/// Whether shells allow a text as the name of a variable.
fn is_name(text: &str) -> bool {
    text.len() > 1
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// A line of an .env file or a script, or the text form of a response of yc.
pub(super) fn setting(text: &str) -> Option<Kind> {
    let first = text.lines().next().unwrap_or_default();
    for command in ["export ", "set ", "setx ", "declare ", "local ", "env "] {
        if first.get(..command.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(command)) {
            return Some(Kind::Setting);
        }
    }
    for line in text.lines() {
        let secret = match line.split_once(':').map(|(name, _)| name.trim()) {
            Some("iam_token" | "iamToken") => Issued::IamToken,
            Some("api_key" | "apiKey") => Issued::ApiKey,
            Some("access_key" | "accessKey") => Issued::StaticKey,
            _ => continue,
        };
        return Some(Kind::Response(secret));
    }
    text.lines().any(is_assignment).then_some(Kind::Setting)
}

/// `NAME=value` or `name: value`. A secret can have `=` inside, so the name is one that people give to variables, or the
/// value has the mark of a secret.
fn is_assignment(line: &str) -> bool {
    let Some((name, value)) = line.split_once(['=', ':']) else { return false };
    let (name, value) = (name.trim(), value.trim().trim_start_matches(['"', '\'']));
    if !name.split('-').all(is_name) || value.bytes().all(|byte| byte == b'=') {
        return false;
    }
    let is_variable = name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_known =
        ["token", "key", "secret", "api_key", "api-key", "apikey", "auth", "password", "access_token"]
            .contains(&name.to_ascii_lowercase().as_str());
    is_variable || is_known || marked(value).is_some()
}

/// `Bearer …`, `Api-Key …`, `OAuth …` or `Authorization: …`, in any case.
pub(super) fn is_header(text: &str) -> bool {
    let lower = text.get(..24).unwrap_or(text).to_ascii_lowercase();
    let ends =
        |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || "._~=-".contains(next));
    ["bearer", "api-key"].iter().any(|scheme| lower.strip_prefix(scheme).is_some_and(ends))
        || ["oauth ", "basic ", "authorization:", "authorization ", "authorization=", "x-yacloud-"]
            .iter()
            .any(|begin| lower.starts_with(begin))
}

/// A path, by its beginning, by its ending, or by the separators in it.
pub(super) fn is_path(text: &str) -> bool {
    if text.contains('\n') {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    let is_drive = matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    ["/", "~", "./", "../", ".\\", "..\\", "\\\\", "file:"].iter().any(|begin| lower.starts_with(begin))
        && !text.starts_with("~~")
        || is_drive
        || ENDINGS.iter().any(|ending| lower.ends_with(ending))
        || text.contains(['/', '\\']) && !text.contains(' ')
}
