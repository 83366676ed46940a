//! Whether a host is this computer.
//!
//! The whole workspace uses this one rule: for addresses, for proxies and for the layer. Plain HTTP is allowed for
//! loopback only, and a proxy is never used for loopback. If two rules disagreed about a host, a secret could leak.
//!
//! A name is loopback only if its addresses are: a hosts file or a name server can send `localhost` elsewhere. So each
//! client that resolves names passes the addresses through [`keep_loopback`] before it connects.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Whether `host` is loopback: `localhost`, a name below `localhost`, `127.0.0.0/8`, `[::1]`, or an IPv4 loopback
/// address mapped to IPv6.
///
/// The host is as in a URL: an IPv6 address has brackets. Case and a trailing dot do not matter. Names are not
/// resolved here: a name in DNS that leads to `127.0.0.1` is not loopback, and the addresses of `localhost` are checked
/// by [`keep_loopback`] when a connection is opened.
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

/// The addresses of `host` that a connection may use: all of them, or for `localhost` and the names below it only those
/// of this computer. A secret in plain text is allowed for the name, so the name must not lead to another computer.
///
/// # Errors
/// [`NotLoopback`] where `host` is loopback by name and has other addresses only.
#[cfg_attr(
    not(any(feature = "tonic", feature = "transport")),
    allow(dead_code, reason = "for the transports of this crate")
)]
pub(super) fn keep_loopback(
    host: &str,
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, NotLoopback> {
    let mut addresses: Vec<_> = addresses.into_iter().collect();
    if is_loopback(host) && !addresses.is_empty() {
        addresses.retain(|address| address.ip().to_canonical().is_loopback());
        if addresses.is_empty() {
            return Err(NotLoopback);
        }
    }
    Ok(addresses)
}

/// A name of this computer leads to another computer.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLoopback;

impl NotLoopback {
    /// What to do about it.
    pub const HELP: &'static str = "correct the hosts file or the name server: this name must lead to 127.0.0.1 or ::1; or give the address itself";
}

impl fmt::Display for NotLoopback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name means this computer, but leads to another one")
    }
}

impl std::error::Error for NotLoopback {}

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
    fn a_loopback_name_keeps_its_loopback_addresses_only() {
        let of = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (v4, v6, mapped) = (of("127.0.0.1:0"), of("[::1]:0"), of("[::ffff:127.0.0.2]:0"));
        let others = [of("192.0.2.1:0"), of("0.0.0.0:0"), of("[2001:db8::1]:0"), of("[::ffff:10.0.0.1]:0")];
        for name in ["localhost", "LocalHost.", "iam.localhost"] {
            assert_eq!(keep_loopback(name, others), Err(NotLoopback), "{name}");
            let mixed = others.into_iter().chain([v4, v6, mapped]);
            assert_eq!(keep_loopback(name, mixed), Ok(vec![v4, v6, mapped]), "{name}");
            assert_eq!(keep_loopback(name, []), Ok(Vec::new()), "{name} has no address at all");
        }
        assert_eq!(
            keep_loopback("host.example", others),
            Ok(others.to_vec()),
            "the rule is for loopback names"
        );
        assert_eq!(keep_loopback("host.example", [v4]), Ok(vec![v4]));
    }

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
