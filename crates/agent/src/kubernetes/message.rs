//! What the log may show of a message of the API server: the server, or a webhook, can repeat the Secret that it was sent.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use yandex_cloud_auth::redact;
use zeroize::Zeroizing;

/// Fewer characters of a secret in a row can stay: a server may have cut what it repeats.
const PART: usize = 12;

/// A part of a secret, as [`letters`] reads it.
type Part = [u8; PART];

/// The message without `account`, the token of the service account, and without `token`: plain, in base64 as in a Secret, in
/// base64 of the whole object, or as the numbers that Go prints for bytes. Long parts of them are taken out, too.
pub(super) fn shown(message: &str, account: &str, token: &str) -> String {
    let encoded = Zeroizing::new(STANDARD.encode(token));
    let text = redact(message, &[account, token, &encoded]);
    let parts = parts(account, token, &encoded);
    let letters: Vec<_> = letters(&text).collect();
    let mut shown = String::with_capacity(text.len());
    // Where the last secret ends.
    let mut end = 0;
    for window in letters.windows(PART) {
        let part: Part = std::array::from_fn(|index| window[index].1);
        if parts.binary_search(&part).is_err() {
            continue;
        }
        let start = window[0].0;
        if start >= end {
            shown.push_str(&text[end..start]);
            shown.push_str("***");
        }
        end = window[PART - 1].0 + 1;
    }
    shown.push_str(&text[end..]);
    shown
}

/// The letters of a text that encodings use, with their places: without what stands between them when a text is folded or
/// quoted, and the same for both alphabets of base64 and for both cases of hexadecimal numbers.
fn letters(text: &str) -> impl Iterator<Item = (usize, u8)> {
    text.bytes().enumerate().filter_map(|(at, byte)| match byte {
        b'-' => Some((at, b'+')),
        b'_' => Some((at, b'/')),
        b'+' | b'/' | b'.' | b'~' => Some((at, byte)),
        _ => byte.is_ascii_alphanumeric().then_some((at, byte.to_ascii_lowercase())),
    })
}

/// All parts of the secrets in their forms, in order.
fn parts(account: &str, token: &str, encoded: &str) -> Zeroizing<Vec<Part>> {
    let mut forms = vec![Zeroizing::new(account.to_owned()), Zeroizing::new(token.to_owned())];
    forms.push(Zeroizing::new(encoded.to_owned()));
    for text in [token, encoded] {
        // Base64 encodes three bytes at a time: what comes before the secret decides how it looks.
        for before in ["", "x", "xx"] {
            let object = Zeroizing::new([before, text].concat());
            forms.push(Zeroizing::new(STANDARD.encode(&*object)));
        }
    }
    let (mut decimal, mut hexadecimal, mut prefixed) =
        (number_text(token), number_text(token), number_text(token));
    for byte in token.bytes() {
        let _ = write!(decimal, "{byte}");
        let _ = write!(hexadecimal, "{byte:02x}");
        let _ = write!(prefixed, "{byte:#x}");
    }
    forms.extend([decimal, hexadecimal, prefixed]);
    // Room for everything, so that no buffer with parts is left behind.
    let mut parts = Zeroizing::new(Vec::with_capacity(forms.iter().map(|form| form.len()).sum()));
    for form in &forms {
        let letters: Zeroizing<Vec<u8>> = Zeroizing::new(letters(form).map(|(_, letter)| letter).collect());
        parts.extend(letters.windows(PART).filter_map(|part| Part::try_from(part).ok()));
    }
    parts.sort_unstable();
    parts
}

/// An empty text with room for a number for each byte.
fn number_text(token: &str) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(token.len() * "0xff".len()))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const ACCOUNT: &str = "fake-account-token/QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo";
    const TOKEN: &str = "t1.9euelZqFAKEFAKEmiZnHnJ2.fake_signature-of~a_token-QRSTUVW";

    fn forms() -> Vec<String> {
        let encoded = STANDARD.encode(TOKEN);
        let numbers = |number: fn(u8) -> String, between: &str| {
            TOKEN.bytes().map(number).collect::<Vec<_>>().join(between)
        };
        let mut forms = vec![
            ACCOUNT.to_owned(),
            TOKEN.to_owned(),
            encoded.clone(),
            URL_SAFE_NO_PAD.encode(TOKEN),
            numbers(|byte| byte.to_string(), " "),
            numbers(|byte| byte.to_string(), ","),
            numbers(|byte| format!("{byte:#x}"), ", "),
            numbers(|byte| format!("{byte:02X}"), ""),
        ];
        for before in ["{", "{ ", "{\"t"] {
            forms.push(STANDARD.encode(format!("{before}{TOKEN}\"}}")));
            forms.push(STANDARD.encode(format!("{before}{encoded}\"}}")));
        }
        forms
    }

    /// No more letters than this of a form in a row.
    fn holds_part(text: &str, form: &str) -> bool {
        let plain = |text: &str| -> Vec<u8> { letters(text).map(|(_, letter)| letter).collect() };
        let (text, form) = (plain(text), plain(form));
        form.windows(PART).any(|part| text.windows(PART).any(|found| found == part))
    }

    #[test]
    fn no_form_of_a_secret_and_no_long_part_of_one_is_shown() {
        for form in forms() {
            let half = form.len() / 2;
            for repeated in [
                form.clone(),
                form[..half].to_owned(),
                form[half..].to_owned(),
                form[half / 2..half].to_owned(),
                format!("{}\n  {}", &form[..half], &form[half..]),
                format!("{}\\n{}", &form[..half], &form[half..]),
                format!("{form} {form}"),
            ] {
                let message = format!("denied: the object was {{\"token\": [{repeated}]}}: мало прав");
                let shown = shown(&message, ACCOUNT, TOKEN);
                // Of base64 of a whole object the letters at both ends belong to its neighbours, too.
                let inner = form.get(4..form.len() - 6).unwrap();
                assert!(!holds_part(&shown, inner), "{repeated}\n{shown}");
                assert!(shown.starts_with("denied: the object was {") && shown.contains("***"), "{shown}");
                assert!(shown.ends_with("]}: мало прав"), "{shown}");
            }
        }
    }

    #[test]
    fn a_message_without_a_secret_stays() {
        for message in [
            "",
            "secrets \"yc-token\" is forbidden: User \"system:serviceaccount:apps:agent\" cannot patch resource",
            "admission webhook \"validate.kyverno.svc-fail\" denied the request: нет",
        ] {
            assert_eq!(shown(message, ACCOUNT, TOKEN), message);
            assert_eq!(shown(message, "", ""), message);
        }
    }

    /// The text is cut after the secrets are taken out.
    #[test]
    fn a_secret_at_the_end_of_what_is_shown_is_taken_out() {
        let encoded = STANDARD.encode(TOKEN);
        for length in 900..1030 {
            let shown = shown(&format!("{} {encoded}", "-".repeat(length)), ACCOUNT, TOKEN);
            assert!(!shown.contains("dDEuO"), "{length}: {shown}");
        }
    }
}
