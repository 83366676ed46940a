//! A secret in the place of an address. Such a value is refused by its shape: a lookup would send the value to DNS servers
//! in clear.

use super::marks;

/// The shortest label of a host that can be a secret without a documented shape. Names of hosts are shorter, or have
/// hyphens and dots.
const OPAQUE: usize = 32;

/// Whether a value that should be an address is a secret, by the documented prefixes or by its look.
///
/// A host such as `t1.corp.example` looks like an IAM token, so a value with a port counts as an address there, and so does
/// a later label `t1`.
pub(crate) fn is_pasted_secret(value: &str) -> bool {
    let rest = value.trim().split_once("://").map_or(value.trim(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, has_port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.bytes().all(|byte| byte.is_ascii_digit())),
        None => (authority, false),
    };
    // An address ends in a dot at times, and so does a sentence.
    let host = host.trim_end_matches('.');
    let in_labels = || host.match_indices('.').any(|(dot, _)| is_marked(&host[dot + 1..], true));
    is_marked(host, has_port) || in_labels() || is_opaque(host)
}

fn is_marked(host: &str, has_port: bool) -> bool {
    let bytes = host.as_bytes();
    marks::ALL.iter().any(|mark| match (mark.strip(bytes), mark.as_host) {
        (Some(rest), Some(least)) if rest.len() >= least => !(has_port && marks::IAM_TOKEN.begins(host)),
        _ => false,
    })
}

/// Whether the host is one long label of letters and digits, with capitals or without hyphens.
fn is_opaque(host: &str) -> bool {
    let has = |test: fn(&u8) -> bool| host.as_bytes().iter().any(test);
    host.len() >= OPAQUE
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'+'))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && (has(u8::is_ascii_uppercase) || !host.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_taken_for_an_address() {
        for secret in [
            "t1.9euelZq.fake",
            " t1.fake.fake ",
            "https://t1.fake.fake/",
            "y0_FAKE-oauth",
            "http://y0_fake:443",
            "AQVNfake-fake-fake",
            "https://AQVNfake-fake-fake:8080",
            "AQAAAABfake",
            "eyJhbGciOi.J9.fake",
            "YCAJEfakefakefakefakefake",
            "YCMfakefakefakefakefakefakefakefakefakef",
            "http://user:word@y0_fake:1",
            "x.y0_FAKE-oauth",
            "https://api.AQVNfake-fake-fake:443/",
            "fake0fake0fake0fake0fake0fake0fake0fake0",
            "fake0fake0fake0fake0fake0fake0fake0fake0.",
            "Fake-0fake_fake0fake0fake0fake0fake0fake0",
        ] {
            assert!(is_pasted_secret(secret), "{secret}");
        }
    }

    #[test]
    fn an_address_is_not_taken_for_a_secret() {
        for address in [
            "api.cloud.yandex.net:443",
            "https://api.yandexcloud.kz",
            "http://127.0.0.1:8080",
            "[::1]:50051",
            "t1.corp.example:443",
            "t10.corp.example",
            "api.t1.corp.example",
            "yc",
            "YCM",
            "YCLOUD-PROXY",
            "s3.corp.example",
            "ya12.corp.example",
            "localhost",
            "my-long-service-name-2-in-a-namespace",
            "a-name-without-digits-but-with-many-letters",
            "0123456789abcdef0123456789abcdef01.corp.example",
            "user:word@proxy.corp.example:3128",
            "",
        ] {
            assert!(!is_pasted_secret(address), "{address}");
        }
    }
}
