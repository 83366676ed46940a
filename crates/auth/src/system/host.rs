//! Host names: how two spellings of one host compare, and which hosts are this machine.
//!
//! Law 8 depends on these answers, so the crate has each of them once: for endpoints, for proxies and for the layer.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host in lower case, without the dot of the DNS root. Allocates only where an upper-case letter is replaced.
pub(crate) fn normal(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    }
}

/// The IP address that a host is; an IPv6 address is in brackets. An IPv4 address that is mapped into IPv6
/// (`[::ffff:127.0.0.1]`) is returned as IPv4, because packets go to the IPv4 address.
pub(crate) fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::V6(ip).to_canonical()),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether a normal host is below a normal parent, at a dot.
pub(crate) fn is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

/// Whether a host, in any spelling, is this machine: `localhost`, a name below `localhost` (RFC 6761, section 6.3), or
/// a loopback address.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = normal(host);
    host == "localhost" || is_below(&host, "localhost") || ip(&host).is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_loopback_in_every_spelling_and_no_other_host_is() {
        for (host, loopback) in [
            ("localhost", true),
            ("LocalHost", true),
            ("localhost.", true),
            ("iam.localhost", true),
            ("iam.localhost.", true),
            ("IAM.LOCALHOST.", true),
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("[::FFFF:7f00:1]", true),
            ("", false),
            (".", false),
            (".localhost", false),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("localhost..", false),
            ("127.0.0.1.example", false),
            ("127.1", false),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("169.254.169.254", false),
            ("[::]", false),
            ("[::2]", false),
            ("[::ffff:10.0.0.1]", false),
            ("::1", false),
            ("[::1", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host:?}");
        }
    }
}
