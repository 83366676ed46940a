//! The header `Host` of a request. A web page can reach loopback by a name of its own (DNS rebinding): `Host` has that name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{Request, header};

/// The hosts that a request may name: the addresses of the listener.
pub(crate) struct HostRule {
    address: SocketAddr,
}

impl HostRule {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Why the request is refused; `None` if it is not.
    pub(crate) fn refusal<B>(&self, request: &Request<B>) -> Option<&'static str> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (host, second) = (hosts.next(), hosts.next());
        if second.is_some() {
            return Some("the request has two Host headers\n");
        }
        // An absolute address in the request line wins over the header.
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = authority.or_else(|| host.and_then(|host| host.to_str().ok()));
        match host {
            Some(host) if self.allows(host) => None,
            Some(_) => Some("the Host header is not an address of this listener\n"),
            None => Some("the Host header is missing\n"),
        }
    }

    fn allows(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((_, port)) if port.starts_with('+') => return false,
            Some((name, port)) if !port.ends_with(']') => (name, port.parse::<u16>().ok()),
            _ => (host, Some(80)),
        };
        let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(sixth) => sixth.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            None => name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        let own = self.address.ip();
        let is_own = match address {
            Some(address) => {
                address == own || own.is_unspecified() || (own.is_loopback() && address.is_loopback())
            }
            None => own.is_loopback() && name.eq_ignore_ascii_case("localhost"),
        };
        // A request to the port 80 of its protocol may leave the port out.
        is_own && port == Some(self.address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_addresses_of_the_listener_are_hosts() {
        let rule = HostRule::new("127.0.0.1:8081".parse().unwrap());
        for (host, good) in [
            ("127.0.0.1:8081", true),
            ("localhost:8081", true),
            ("LocalHost:8081", true),
            ("[::1]:8081", true),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("127.0.0.1:", false),
            ("127.0.0.1:+8081", false),
            ("[127.0.0.1]:8081", false),
            ("[localhost]:8081", false),
            ("::1:8081", false),
            ("localhost.evil.example:8081", false),
            ("evil.example:8081", false),
            ("169.254.169.254:8081", false),
            ("10.0.0.1:8081", false),
            ("", false),
        ] {
            assert_eq!(rule.allows(host), good, "{host}");
        }
        let rule = HostRule::new("10.0.0.7:80".parse().unwrap());
        assert!(rule.allows("10.0.0.7") && rule.allows("10.0.0.7:80"));
        assert!(!rule.allows("localhost") && !rule.allows("127.0.0.1"));
    }

    #[test]
    fn an_absolute_address_in_the_request_line_is_checked_too() {
        let rule = HostRule::new("127.0.0.1:8081".parse().unwrap());
        let request = |uri: &str, host: &str| Request::get(uri).header("host", host).body(()).unwrap();
        assert_eq!(rule.refusal(&request("/", "127.0.0.1:8081")), None);
        assert!(rule.refusal(&request("http://evil.example/", "127.0.0.1:8081")).is_some());
        let two = Request::get("/").header("host", "127.0.0.1:8081").header("host", "127.0.0.1:8081");
        assert!(rule.refusal(&two.body(()).unwrap()).is_some());
        assert!(rule.refusal(&Request::get("/").body(()).unwrap()).is_some());
    }
}
