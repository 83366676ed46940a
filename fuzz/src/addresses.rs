use url::{Host, Url};
use yandex_cloud_auth::sdk_internals::Address;

use crate::support::assert_presentable;

/// The address of an endpoint: `host`, `host:port` or a URL. The second reading is `url`'s.
pub fn addresses(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let address = match text.parse::<Address>() {
        Ok(address) => address,
        Err(error) => {
            assert_presentable(&error);
            if let Some((user, _)) = text.rsplit_once('@') {
                let password = user.rsplit_once(':').map_or("", |(_, password)| password);
                assert!(
                    password.len() < 8 || !error.to_string().contains(password),
                    "the password is shown: {error}"
                );
            }
            return;
        }
    };
    let shown = address.to_string();
    assert_eq!(shown.parse::<Address>().unwrap(), address, "an address is read as it is shown");
    assert_eq!(address.authority().parse::<Address>().unwrap().host(), address.host());

    let written =
        if text.contains("://") { text.trim().to_owned() } else { format!("https://{}", text.trim()) };
    for text in [&shown, &written] {
        let other = match Url::parse(text) {
            Ok(other) => other,
            // Punycode is not decoded here. No resolver knows a name that is none.
            Err(_) if address.host().contains("xn--") => continue,
            Err(error) => panic!("{text:?} is no URL: {error}"),
        };
        assert_eq!(other.port_or_known_default(), Some(address.port()), "{text:?}");
        assert_eq!(other.scheme() == "https", address.is_tls(), "{text:?}");
        let host = other.host_str().unwrap();
        match other.host().unwrap() {
            Host::Ipv6(ip) => assert_eq!(
                address.host().trim_matches(['[', ']']).parse(),
                Ok(ip),
                "{text:?} is {address} here and {host} elsewhere"
            ),
            _ => assert_eq!(
                address.host(),
                host.strip_suffix('.').unwrap_or(host),
                "{text:?} is {address} here and {host} elsewhere"
            ),
        }
        assert_eq!(address.is_loopback(), is_loopback(&other), "{text:?}");
        assert_eq!(address.is_yandex_cloud(), is_yandex_cloud(&other), "{text:?}");
    }
}

/// Whether a URL leads to this computer.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether a URL leads to a host of Yandex Cloud over TLS: the rule of the documentation, written once more.
pub(crate) fn is_yandex_cloud(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_api = ["api.cloud.yandex.net", "api.yandexcloud.kz"]
        .iter()
        .any(|api| host == *api || host.ends_with(&format!(".{api}")));
    url.scheme() == "https" && (is_api || host == "auth.yandex.cloud")
}
