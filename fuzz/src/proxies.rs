use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use url::{Host, Url};
use yandex_cloud_auth::system::transport_policy::ProxyRules;
use yandex_cloud_auth::testing::TestEnvironment;

use crate::addresses::is_loopback;
use crate::support::assert_hidden;

/// `HTTPS_PROXY`, `NO_PROXY` and the URL of a request, a line each. The second reading is `url`'s.
pub fn proxies(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (value, exceptions, target) = (line(), line(), line());
    let environment = TestEnvironment::new([("HTTPS_PROXY", value), ("NO_PROXY", exceptions)]);
    let Some(rules) = ProxyRules::from_environment(&environment) else {
        assert!(value.trim().is_empty());
        return;
    };
    let bare = value.trim();
    let bare =
        ['"', '\''].iter().find_map(|quote| bare.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(bare);
    let url = if bare.contains("://") { bare.trim().to_owned() } else { format!("http://{}", bare.trim()) };
    let other = Url::parse(&url);

    match rules.proxy() {
        Ok(proxy) => {
            let shown = format!("{proxy:?}");
            assert!(!shown.contains('@'), "{shown}");
            let Ok(read) = Url::parse(&shown) else {
                // A name that no resolver knows: the end of an IPv4 address behind it, or broken punycode.
                let host = shown.rsplit_once(':').map_or("", |(host, _)| host).to_ascii_lowercase();
                let last =
                    host.trim_end_matches('.').rsplit(['.', '/']).next().unwrap_or_default().to_owned();
                assert!(
                    last.starts_with(|first: char| first.is_ascii_digit()) || host.contains("xn--"),
                    "{shown}"
                );
                return;
            };
            // A user of a domain (`CORP\\name`): `url` takes the backslash for a slash, so the user for the host.
            if bare.contains('\\') {
                return;
            }
            let (user, password) = match &other {
                Ok(other) => {
                    let host = other.host_str().unwrap_or_default();
                    assert_eq!(
                        (read.host_str().unwrap_or_default(), read.port_or_known_default().or(Some(1080))),
                        (host, other.port_or_known_default().or(Some(1080))),
                        "{url:?} is {shown} here"
                    );
                    (decoded(other.username()), decoded(other.password().unwrap_or_default()))
                }
                Err(error) => panic!("{url:?} is {shown} here, and no URL elsewhere: {error}"),
            };
            if let (Some(header), Some(user), Some(password)) = (proxy.authorization(), user, password) {
                assert!(header.is_sensitive());
                let pair = STANDARD.decode(header.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
                assert_eq!(String::from_utf8(pair).unwrap(), format!("{user}:{password}"), "{url:?}");
            }
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert_hidden(&shown);
            if let Some((user, _)) = bare.rsplit_once('@') {
                let password = user.rsplit_once(':').map_or("", |(_, password)| password);
                assert!(password.len() < 12 || !shown.contains(password), "the password is shown: {shown}");
            }
        }
    }

    let Ok(uri) = target.parse::<Uri>() else { return };
    let through = match rules.for_target(&uri) {
        Ok(proxy) => proxy.is_some(),
        Err(_) => true,
    };
    // An IPv4 address in another form, such as `127.1`, is no host of the library or of the SDK.
    if let Ok(read) = Url::parse(target)
        && through
        && uri.host().zip(read.host_str()).is_some_and(|(host, other)| host.eq_ignore_ascii_case(other))
    {
        assert!(read.scheme() == "https" && !is_loopback(&read), "{target:?} goes through a proxy");
        let name = match read.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            _ => return,
        };
        let listed =
            exceptions.split([',', ' ']).any(|entry| entry == "*" || entry.eq_ignore_ascii_case(&name));
        assert!(!listed, "{target:?} is in {exceptions:?} and goes through a proxy");
    }
}

/// The text of a URL without its escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}
