//! Refuses requests of web pages: a page in the user's browser must not reach the emulator.
//!
//! A request of a page has an `Origin` header. After DNS rebinding, its `Host` is the host name of the page.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};

use crate::wire::status::Status;

#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    /// Accepts every address, not only loopback. Host names have to be listed.
    any_address: bool,
    names: Vec<String>,
}

impl Guard {
    pub(crate) fn new(port: u16, any_address: bool, names: Vec<String>) -> Self {
        Self { port, any_address, names }
    }

    /// The `host:port` that the client used.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Status> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Status::denied(
                "requests with an Origin header are refused: the emulator does not serve browsers",
            ));
        }
        let hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let mut reached = None;
        for authority in uri.authority().map(http::uri::Authority::as_str).into_iter().chain(hosts) {
            let Some(checked) = self.checked(authority) else {
                return Err(Status::denied("the Host header is not the address of the emulator"));
            };
            reached.get_or_insert(checked);
        }
        reached.ok_or_else(|| Status::denied("the Host header is missing"))
    }

    fn checked(&self, authority: &str) -> Option<String> {
        // A missing port is the default port of the scheme.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
            _ => (authority, None),
        };
        let named = self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        let right_port = match port {
            Some(port) => port == self.port,
            None => self.port == 80 || self.port == 443,
        };
        if named {
            // With a port mapping, the client uses another port.
            return Some(format!("{host}:{}", port.unwrap_or(self.port)));
        }
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let good = match address.parse::<IpAddr>() {
            Ok(address) => self.any_address || address.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        (good && right_port).then(|| format!("{host}:{}", self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_its_own_addresses() {
        let guard = Guard::new(8080, false, vec!["emulator".to_owned()]);
        for (authority, good) in [
            ("127.0.0.1:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST:8080", true),
            ("[::1]:8080", true),
            ("127.8.9.1:8080", true),
            ("emulator:8080", true),
            ("emulator:9000", true),
            ("localhost:8081", false),
            ("localhost", false),
            ("[::1]", false),
            ("evil.example:8080", false),
            ("localhost.evil.example:8080", false),
            ("user@localhost:8080", false),
            ("10.0.0.1:8080", false),
            ("", false),
        ] {
            assert_eq!(guard.checked(authority).is_some(), good, "{authority}");
        }
    }
}
