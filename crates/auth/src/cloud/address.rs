//! Addresses: how they are read, what they are compared by, and which of them are near.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::uri::Authority;

use crate::recognize::refuse_stand_in;
use crate::secret::is_pasted_secret;
use crate::system::is_loopback;
use crate::{Error, ErrorKind};

/// A host, a port, and whether requests use TLS. Displays as a URL.
///
/// ```
/// use yandex_cloud_auth::sdk_internals::Address;
///
/// let llm: Address = "LLM.api.cloud.yandex.net:443".parse()?;
/// assert_eq!(llm.to_string(), "https://llm.api.cloud.yandex.net");
/// assert!(llm.is_yandex_cloud() && llm.is_tls() && !llm.is_loopback());
/// let near: Address = "http://localhost:8080".parse()?;
/// assert_eq!((near.host(), near.port(), near.is_tls()), ("localhost", 8080, false));
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(crate) tls: bool,
    /// Lower case, without a trailing dot; an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host[:port]`, or a URL without a path. Without a scheme, `tls` decides.
    pub(crate) fn parse(text: &str, tls: bool) -> Result<Self, Error> {
        let text = text.trim();
        if is_pasted_secret(text) {
            return Err(Error::new(ErrorKind::Invalid, "the value looks like a secret, not like an address")
                .with_help(
                    "give the address as `host:port`; put a key or a token into the variable for it",
                ));
        }
        // A whole value; a name below is one too, for example `null` in `https://null:443`.
        if text.contains(['$', '{', '%', '<', '#']) || !text.contains(['.', ':']) {
            refuse_stand_in(text)?;
        }
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) => return Err(bad("the scheme is neither http nor https")),
            None => (tls, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(bad("a path or query follows the host"));
        }
        if rest.contains('@') {
            return Err(bad("the address has a user name"));
        }
        let authority: Authority = rest.parse().map_err(|_| bad("not `host` or `host:port`"))?;
        let host = normal(authority.host()).into_owned();
        if !host.contains('.') {
            refuse_stand_in(&host)?;
        }
        let explicit = rest.get(authority.host().len()..).unwrap_or_default();
        let port = match (explicit.strip_prefix(':'), authority.port_u16()) {
            // `http` ends a host in brackets at the bracket, whatever follows.
            (None, _) if !explicit.is_empty() => {
                return Err(bad("the host is neither a name nor an IP address"));
            }
            (None, _) => {
                if tls {
                    443
                } else {
                    80
                }
            }
            // A number in Rust can have a sign.
            (Some(digits), Some(port)) if port > 0 && !digits.starts_with('+') => port,
            (Some(_), _) => return Err(bad("the port is not a number from 1 to 65535")),
        };
        let is_ip = ip(&host).is_some();
        let is_name = host.split('.').all(|label| {
            !(label.is_empty() || label.starts_with('-') || label.ends_with('-'))
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        if !is_ip && (!is_name || ends_in_a_number(&host)) {
            return Err(bad("the host is neither a name nor an IP address"));
        }
        Ok(Self { tls, host, port })
    }

    /// As yc reads an address: yc always uses TLS and ignores the scheme, so the default port is 443.
    pub(crate) fn parse_without_scheme(text: &str) -> Result<Self, Error> {
        Self::parse(text, true)?;
        Self::parse(text.split_once("://").map_or(text, |(_, rest)| rest), true)
    }

    /// A URL on this address.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// The host: lower case, without a trailing dot; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether requests use TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether the host is loopback, link-local, or in a private range: plain HTTP stays in the own network.
    pub(crate) fn is_near(&self) -> bool {
        if self.is_loopback() {
            return true;
        }
        match ip(&self.host) {
            Some(IpAddr::V4(ip)) => ip.is_private() || ip.is_link_local(),
            Some(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
            None => false,
        }
    }

    /// Whether the host is the host of `other`, or below it.
    #[must_use]
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        self.host == other.host || (ip(&other.host).is_none() && is_below(&self.host, &other.host))
    }

    /// The form that the yc CLI and the SDK use: `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    /// Reads `host` or `host:port`, with TLS, or a URL without a path.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text, true)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        write!(formatter, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(formatter, ":{}", self.port)?;
        }
        Ok(())
    }
}

fn bad(reason: &str) -> Error {
    Error::new(ErrorKind::Invalid, reason)
        .with_help("give the address as `host`, `host:port` or a URL without a path")
}

/// The host in lower case, without a trailing dot. Allocates only if an upper-case letter is replaced.
pub(crate) fn normal(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        host.into()
    }
}

pub(crate) fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether the last label is a number, so that clients read the host as an IPv4 address in another form, and one of them may
/// reach another host than the next: `127.1`, `2130706433`, `0x7f.0.0.1` (URL standard, "ends in a number").
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x");
    last.bytes().all(|byte| byte.is_ascii_digit())
        || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

pub(crate) fn is_below(host: &str, parent: &str) -> bool {
    host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn parse(text: &str) -> Address {
        Address::parse(text, true).unwrap()
    }

    #[test]
    fn hosts_and_urls_are_read() {
        for (text, url) in [
            ("api.cloud.yandex.net:443", "https://api.cloud.yandex.net"),
            ("API.Cloud.Yandex.NET.", "https://api.cloud.yandex.net"),
            (" https://api.yandexcloud.kz/ ", "https://api.yandexcloud.kz"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:50051", "https://[::1]:50051"),
            ("HTTP://localhost", "http://localhost"),
        ] {
            assert_eq!(parse(text).to_string(), url, "{text}");
        }
        assert_eq!(Address::parse("h:81", false).unwrap().to_string(), "http://h:81");
    }

    #[test]
    fn the_parts_of_an_address_are_told() {
        let address = parse("http://LOCALHOST.:8080/");
        assert_eq!((address.host(), address.port(), address.is_tls()), ("localhost", 8080, false));
        assert_eq!(address.authority(), "localhost:8080");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "/",
            "ftp://h",
            "http://",
            "http://h/path",
            "127.1",
            "2130706433:443",
            "0177.0.0.1",
            "https://0X7F.0.0.1",
            "1.2.3.4.5",
            "api.0x",
            "host:+1",
            "[::1].",
            "[::1]x:443",
            "h?q",
            "h#f",
            "user@h",
            "user:pass@h",
            "h:",
            "h:0",
            "h:65536",
            "h:x",
            "h h",
            "a..b",
            "[::1",
            "::1",
            "h\\x",
            "http://http://h",
            "ключ.рф",
            "t1.fake.fake",
            "y0_fake",
            "https://AQVNfakefake",
            "-\n",
        ] {
            assert!(Address::parse(text, true).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_placeholder_and_an_unreplaced_variable_are_named() {
        for text in [
            "null",
            "undefined",
            "None:443",
            "https://null",
            "http://xxx:80",
            "<your-endpoint>",
            "your-endpoint",
        ] {
            assert_eq!(
                Address::parse(text, true).unwrap_err().reason(),
                "the value is a placeholder",
                "{text}"
            );
        }
        for text in ["$X", "${X}:443", "https://$X", "%HOST%", "{{ endpoint }}", "http://${HOST}.example:80"]
        {
            let error = Address::parse(text, true).unwrap_err();
            assert_eq!(
                error.reason(),
                "the value is a variable that was not replaced by its value",
                "{text}"
            );
        }
        for text in ["your-company.example", "none.example", "xxx.example:80", "nullhost", "true-north:80"] {
            assert!(Address::parse(text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn each_host_is_recognized_as_yandex_clouds_or_loopback_or_private() {
        // host -> Yandex Cloud's, loopback, near
        for (host, cloud, loopback, near) in [
            ("api.cloud.yandex.net", true, false, false),
            ("iam.api.cloud.yandex.net", true, false, false),
            ("IAM.API.CLOUD.YANDEX.NET.", true, false, false),
            ("iam.api.yandexcloud.kz", true, false, false),
            ("auth.yandex.cloud", true, false, false),
            ("x.auth.yandex.cloud", false, false, false),
            ("storage.yandexcloud.net", false, false, false),
            ("functions.yandexcloud.net", false, false, false),
            ("evilapi.cloud.yandex.net", false, false, false),
            ("api.cloud.yandex.net.evil.example", false, false, false),
            ("cloud.yandex.net", false, false, false),
            ("localhost", false, true, true),
            ("a.localhost", false, true, true),
            ("notlocalhost", false, false, false),
            ("127.8.9.10", false, true, true),
            ("127.0.0.1.evil.example", false, false, false),
            ("[::1]", false, true, true),
            ("169.254.169.254", false, false, true),
            ("10.0.0.1", false, false, true),
            ("172.32.0.1", false, false, false),
            ("8.8.8.8", false, false, false),
            ("[fe80::1]", false, false, true),
        ] {
            let address = parse(host);
            assert_eq!(
                (address.is_yandex_cloud(), address.is_loopback(), address.is_near()),
                (cloud, loopback, near),
                "{host}"
            );
        }
        assert!(!parse("http://api.cloud.yandex.net").is_yandex_cloud(), "without TLS no host counts");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_an_address_can_be_read_again(text in "\\PC{0,60}") {
            if let Ok(address) = Address::parse(&text, true) {
                prop_assert_eq!(Address::parse(&address.to_string(), false).unwrap(), address);
            }
        }
    }
}
