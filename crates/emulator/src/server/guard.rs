//! Refuses requests of web pages: a page in the user's browser must not reach the emulator.
//!
//! A request of a page has an `Origin` header. After DNS rebinding, its `Host` is the host name of the page.

use std::net::IpAddr;

use http::{HeaderMap, Uri, header};

use crate::wire::status::Status;

#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    /// The port of an authority without one.
    default_port: u16,
    /// Accepts every address, not only loopback. Host names have to be listed.
    any_address: bool,
    /// In lower case, without a final dot; an IPv6 address without brackets.
    names: Vec<String>,
}

impl Guard {
    pub(crate) fn new(port: u16, tls: bool, any_address: bool, names: Vec<String>) -> Self {
        Self { port, default_port: if tls { 443 } else { 80 }, any_address, names }
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
                return Err(Status::denied(
                    "the Host header is not the address of the emulator: give a host name of yours with `--host-name`",
                ));
            };
            reached.get_or_insert(checked);
        }
        reached.ok_or_else(|| Status::denied("the Host header is missing"))
    }

    fn checked(&self, authority: &str) -> Option<String> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()?),
            _ => (authority, self.default_port),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let absolute = bare.strip_suffix('.').unwrap_or(bare);
        if self.names.iter().any(|name| name.eq_ignore_ascii_case(absolute)) {
            // With a port mapping, the client uses another port.
            return Some(format!("{host}:{port}"));
        }
        let good = match bare.parse::<IpAddr>() {
            Ok(address) => self.any_address || address.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        };
        (good && port == self.port).then(|| format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_its_own_addresses() {
        let names = ["emulator", "10.0.0.7", "fd00::7"].map(str::to_owned);
        let guard = Guard::new(8080, false, false, names.into());
        for (authority, good) in [
            ("127.0.0.1:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST:8080", true),
            ("[::1]:8080", true),
            ("127.8.9.1:8080", true),
            ("emulator:8080", true),
            ("emulator:9000", true),
            ("EMULATOR.:9000", true),
            ("10.0.0.7:9000", true),
            ("[fd00::7]:9000", true),
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

    #[test]
    fn an_authority_without_a_port_has_the_port_of_the_scheme() {
        for (tls, port) in [(false, 80), (true, 443)] {
            let guard = Guard::new(port, tls, false, Vec::new());
            assert_eq!(guard.checked("localhost"), Some(format!("localhost:{port}")));
            // Behind a port mapping.
            let guard = Guard::new(8080, tls, false, vec!["emulator".to_owned()]);
            assert_eq!(guard.checked("emulator"), Some(format!("emulator:{port}")));
            assert_eq!(guard.checked("localhost"), None);
        }
        assert_eq!(Guard::new(443, false, false, Vec::new()).checked("localhost"), None);
    }
}
