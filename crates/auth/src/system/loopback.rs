//! Whether a host is this computer.
//!
//! The whole workspace uses this one rule: for addresses, for proxies and for the layer. Plain HTTP is allowed for
//! loopback only, and a proxy is never used for loopback. If two rules disagreed about a host, a secret could leak.

use std::net::{IpAddr, Ipv6Addr};

/// Whether `host` is loopback: `localhost`, a name below `localhost`, `127.0.0.0/8`, `[::1]`, or an IPv4 loopback
/// address mapped to IPv6.
///
/// The host is as in a URL: an IPv6 address has brackets. Case and a trailing dot do not matter. Names are not
/// resolved, so a name in DNS that leads to `127.0.0.1` is not loopback.
#[doc(hidden)]
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let ip = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<IpAddr>().ok(),
    };
    match ip {
        Some(ip) => ip.to_canonical().is_loopback(),
        None => is_localhost(host),
    }
}

/// RFC 6761, section 6.3: `localhost` and all names below it are loopback.
fn is_localhost(host: &str) -> bool {
    match host.rsplit_once('.') {
        Some((below, last)) => !below.is_empty() && last.eq_ignore_ascii_case("localhost"),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_addresses_are_recognized_and_similar_ones_are_not() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.1.", true),
            ("127.255.255.254", true),
            ("[::1]", true),
            ("[0:0:0:0:0:0:0:1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("[::FFFF:7f00:1]", true),
            ("localhost", true),
            ("LOCALHOST.", true),
            ("iam.localhost", true),
            ("iam.localhost.", true),
            ("a.b.LocalHost", true),
            ("", false),
            (".", false),
            (".localhost", false),
            ("localhost..", false),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("localhost.localdomain", false),
            ("127.0.0.1.example", false),
            ("127.0.0.1.nip.io", false),
            ("127.1", false),
            ("0x7f.0.0.1", false),
            ("2130706433", false),
            ("0.0.0.0", false),
            ("[::]", false),
            ("128.0.0.1", false),
            ("169.254.169.254", false),
            ("10.0.0.1", false),
            ("[::127.0.0.1]", false),
            ("[::ffff:10.0.0.1]", false),
            ("[127.0.0.1]", false),
            ("[localhost]", false),
            ("[fe80::1]", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host:?}");
        }
    }
}
