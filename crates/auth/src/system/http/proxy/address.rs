//! The value of a proxy variable: `scheme://user:password@host:port`.
//!
//! The value is taken apart here and not by a URL parser: a parser ends the host at the first `/`, `?` or `#`. In a
//! password that was not encoded it would take the user for a host, and ask DNS for the name.

use std::net::Ipv6Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use super::super::{HttpError, HttpFault};
use crate::secret::is_pasted_secret;

/// The limit of RFC 1929 for the user and for the password, in bytes.
const MAX_SOCKS_FIELD: usize = 255;

/// A proxy that opens tunnels.
#[derive(Clone)]
#[doc(hidden)]
pub struct Proxy {
    pub(super) protocol: Protocol,
    /// `host:port`, without user and password.
    pub(super) authority: String,
    pub(super) credentials: Option<ProxyCredentials>,
}

/// How a proxy is asked for a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `CONNECT`, in plain text.
    Http,
    /// `CONNECT`, over TLS to the proxy.
    Https,
    /// SOCKS5. The name of the target is resolved on this computer.
    Socks5,
    /// SOCKS5. The proxy resolves the name of the target.
    Socks5h,
}

impl Protocol {
    fn parse(scheme: &str) -> Result<Self, &'static str> {
        match scheme.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "socks5" => Ok(Self::Socks5),
            "socks" | "socks5h" => Ok(Self::Socks5h),
            "socks4" | "socks4a" => Err("names a proxy of SOCKS4, which is not supported"),
            _ => Err(NO_ADDRESS),
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    pub(super) fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }
}

/// The user and the password, decoded.
#[derive(Clone)]
pub(super) struct ProxyCredentials {
    pub(super) user: Zeroizing<String>,
    pub(super) password: Zeroizing<String>,
}

const NO_ADDRESS: &str = "is not the address of a proxy";

impl Proxy {
    /// Reads the value of a variable. The reason of a refusal shows nothing of the value.
    pub(super) fn parse(value: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
        let (authority, after) = match rest.find(['/', '?', '#']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        if after.contains('@') {
            return Err("has `/`, `?` or `#` in the user or password");
        }
        if is_pasted_secret(value) {
            return Err("holds what looks like a secret, not the address of a proxy");
        }
        let protocol = Protocol::parse(scheme)?;
        if authority.contains(|symbol: char| symbol.is_whitespace() || symbol.is_control()) {
            return Err(NO_ADDRESS);
        }
        let (credentials, authority) = match authority.rsplit_once('@') {
            Some((credentials, authority)) => (ProxyCredentials::parse(credentials)?, authority),
            None => (None, authority),
        };
        let too_long = |text: &str| protocol.is_socks() && text.len() > MAX_SOCKS_FIELD;
        if credentials.as_ref().is_some_and(|given| too_long(&given.user) || too_long(&given.password)) {
            return Err("has a user or password of more than 255 bytes, which SOCKS5 does not allow");
        }
        let (host, port) = split_port(authority)?;
        let authority = format!("{host}:{}", port.unwrap_or(protocol.default_port()));
        Ok(Self { protocol, authority, credentials })
    }

    /// Where to connect to, for a connector that knows `http://` and `https://` alone.
    pub(super) fn uri(&self) -> Result<Uri, HttpError> {
        let scheme = if self.protocol == Protocol::Https { "https" } else { "http" };
        let uri = format!("{scheme}://{}/", self.authority).parse();
        uri.map_err(|_| self.failed(&HttpError::new(HttpFault::Proxy, NO_ADDRESS)))
    }

    /// `Proxy-Authorization`, where the variable has a user.
    pub fn authorization(&self) -> Option<HeaderValue> {
        let ProxyCredentials { user, password } = self.credentials.as_ref()?;
        let pair = Zeroizing::new(format!("{}:{}", &**user, &**password));
        let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
        let mut header = HeaderValue::try_from(&*basic).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The address for another client. It has user and password for SOCKS alone: other proxies get a header.
    pub fn url(&self) -> Zeroizing<String> {
        let credentials = self.credentials.as_ref().filter(|_| self.protocol.is_socks());
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let credentials = credentials.map(|ProxyCredentials { user, password }| {
            Zeroizing::new(format!("{}:{}@", encoded(user), encoded(password)))
        });
        let credentials = credentials.as_ref().map_or("", |credentials| credentials);
        Zeroizing::new(format!("{}://{credentials}{}", self.protocol.scheme(), self.authority))
    }

    /// The error for a tunnel that could not be opened.
    pub(in super::super) fn failed(&self, why: &HttpError) -> HttpError {
        let message = format!("no tunnel through the proxy {}: {why}", self.authority);
        let fault = match why.fault() {
            fault @ (HttpFault::Tls | HttpFault::ConnectTimeout | HttpFault::ProxyAuthentication) => fault,
            _ => HttpFault::Proxy,
        };
        HttpError { is_transient: why.is_transient(), ..HttpError::new(fault, message) }
    }
}

impl ProxyCredentials {
    fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |text: &str| {
            let bytes = Zeroizing::new(percent_decode_str(text).collect::<Vec<u8>>());
            let text = std::str::from_utf8(&bytes);
            text.map(|text| Zeroizing::new(text.to_owned()))
                .map_err(|_| "has a user or password that is not UTF-8")
        };
        Ok(Some(Self { user: decode(user)?, password: decode(password)? }))
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.rfind([':', ']']) {
        Some(end) if authority[end..].starts_with(':') => (&authority[..end], Some(&authority[end + 1..])),
        _ => (authority, None),
    };
    let port = match port {
        // A number in Rust can have a sign.
        Some(port) if port.starts_with('+') => return Err(NO_ADDRESS),
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0).ok_or(NO_ADDRESS)?),
        None => None,
    };
    if is_host(host) { Ok((host, port)) } else { Err(NO_ADDRESS) }
}

/// Whether the text is a name, or an address as in a URL.
fn is_host(text: &str) -> bool {
    if let Some(ip) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return ip.parse::<Ipv6Addr>().is_ok();
    }
    let is_symbol = |symbol: u8| symbol.is_ascii_alphanumeric() || matches!(symbol, b'-' | b'_');
    let labels = text.strip_suffix('.').unwrap_or(text).split('.');
    labels.into_iter().all(|label| !label.is_empty() && label.bytes().all(is_symbol))
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}", self.protocol.scheme(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        for (value, shown) in [
            ("proxy.corp", "http://proxy.corp:80"),
            ("proxy:3128", "http://proxy:3128"),
            ("http://proxy:3128/", "http://proxy:3128"),
            ("http://proxy:3128/path?query#part", "http://proxy:3128"),
            ("HTTP://10.0.0.1", "http://10.0.0.1:80"),
            ("http://[fd00::1]", "http://[fd00::1]:80"),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("http://user:word@proxy:3128", "http://proxy:3128"),
            ("user:word@proxy", "http://proxy:80"),
            ("https://proxy", "https://proxy:443"),
            ("https://my_proxy.corp.:8443", "https://my_proxy.corp.:8443"),
            ("socks5://proxy", "socks5://proxy:1080"),
            ("SOCKS5H://proxy:9050", "socks5h://proxy:9050"),
            ("socks://proxy", "socks5h://proxy:1080"),
        ] {
            assert_eq!(format!("{:?}", Proxy::parse(value).unwrap()), shown, "{value}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_encoded_again() {
        for (given, user, password) in [
            ("user:word", "user", "word"),
            ("user", "user", ""),
            ("user:", "user", ""),
            (":word", "", "word"),
            ("us%65r:p%40ss%3Aw%2Fo%23r%3Fd%25", "user", "p@ss:w/o#r?d%"),
            ("user:p@ss", "user", "p@ss"),
            ("user:a:b", "user", "a:b"),
            ("user:100%", "user", "100%"),
            ("user:\u{43f}%D0%BF", "user", "\u{43f}\u{43f}"),
        ] {
            let proxy = Proxy::parse(&format!("socks5h://{given}@proxy:1")).unwrap();
            let read = |proxy: &Proxy| {
                let ProxyCredentials { user, password } = proxy.credentials.clone().unwrap();
                (user.to_string(), password.to_string())
            };
            assert_eq!(read(&proxy), (user.to_owned(), password.to_owned()), "{given}");
            assert_eq!(read(&Proxy::parse(&proxy.url()).unwrap()), read(&proxy), "{given}");
        }
        assert!(Proxy::parse("http://@proxy").unwrap().credentials.is_none());
        let proxy = Proxy::parse("http://user:p%40ss@proxy:1").unwrap();
        assert_eq!(*proxy.url(), "http://proxy:1", "the header has user and password");
        let header = proxy.authorization().unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header, "Basic dXNlcjpwQHNz");
    }

    #[test]
    fn a_refusal_shows_nothing_of_the_value() {
        let encode = "has `/`, `?` or `#` in the user or password";
        let secret = "holds what looks like a secret, not the address of a proxy";
        let long = format!("socks5://user:{}@proxy", "w".repeat(256));
        for (value, reason) in [
            ("http://user:hid#den@proxy:3128", encode),
            ("http://user:hid/den@proxy:3128", encode),
            ("http://user:hid?den@proxy:3128", encode),
            ("http://user:12#hidden@proxy:3128", encode),
            ("http://user:12/hidden@proxy:3128", encode),
            ("http://user:#@proxy:3128", encode),
            ("http://us/er:hidden@proxy:3128", encode),
            ("http://user:hid@den#x@proxy:3128", encode),
            ("socks5://user:hid/den@proxy:1080", encode),
            ("user:hid#den@proxy:3128", encode),
            ("https://user:hid?den@proxy", encode),
            ("http://user:hid den@proxy", NO_ADDRESS),
            ("http://user:hid\u{7}den@proxy", NO_ADDRESS),
            ("ftp://user:hidden@proxy", NO_ADDRESS),
            ("http://user:hidden@", NO_ADDRESS),
            ("http://user:hidden@proxy:", NO_ADDRESS),
            ("http://user:hidden@proxy:0", NO_ADDRESS),
            ("http://user:hidden@proxy:+1", NO_ADDRESS),
            ("http://user:hidden@proxy:65536", NO_ADDRESS),
            ("http://user:hidden@pro..xy", NO_ADDRESS),
            ("http://user:hidden@[fd00::1", NO_ADDRESS),
            ("http://user:hidden@fd00::1", NO_ADDRESS),
            ("http://hidden:word", NO_ADDRESS),
            ("http:/proxy:3128", NO_ADDRESS),
            ("http://\u{43f}\u{440}\u{43e}\u{43a}\u{441}\u{438}", NO_ADDRESS),
            ("", NO_ADDRESS),
            ("http://user:%FF@proxy", "has a user or password that is not UTF-8"),
            ("socks4://user:hidden@proxy", "names a proxy of SOCKS4, which is not supported"),
            ("socks4a://proxy", "names a proxy of SOCKS4, which is not supported"),
            (&long, "has a user or password of more than 255 bytes, which SOCKS5 does not allow"),
            ("y0_hidden", secret),
            ("http://AQVNhidden:3128", secret),
        ] {
            assert_eq!(Proxy::parse(value).err(), Some(reason), "{value}");
        }
    }
}
