//! The hosts of `NO_PROXY`: what Go's programs and curl take, together.
//!
//! An entry is a name, an address, a network or `*`; a name or an address may have a port. Commas, semicolons and
//! spaces separate entries. Quotes around the list or an entry do not count, nor does a trailing dot.
//!
//! | entry | hosts without a proxy | taken by |
//! |---|---|---|
//! | `*` | all | both |
//! | `corp.example` | the name, and all names below it | both |
//! | `.corp.example` | the same | curl; Go leaves the name itself out |
//! | `*.corp.example` | all names below it | Go |
//! | `corp.example:443` | as without the port, at this port | Go |
//! | `10.0.0.1`, `[fd00::1]` | the address | both |
//! | `10.0.0.0/8`, `fd00::/8` | the addresses of the network | both |
//!
//! Sources: the comment of `FromEnvironment` in Go's `golang.org/x/net/http/httpproxy`, and `CURLOPT_NOPROXY` of curl.

use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

/// The port of a target without one: proxies serve TLS hosts alone.
const HTTPS: u16 = 443;

/// The hosts that do not use the proxy.
#[derive(Default)]
pub(super) struct Exceptions(Vec<Exception>);

struct Exception {
    hosts: Hosts,
    /// `None` for every port.
    port: Option<u16>,
}

enum Hosts {
    All,
    Network(IpNet),
    /// The names below this one, and with `itself` the name too. In lower case.
    Names {
        name: String,
        itself: bool,
    },
}

impl Exceptions {
    pub(super) fn parse(list: &str) -> Self {
        let is_separator = |symbol: char| symbol.is_whitespace() || matches!(symbol, ',' | ';');
        Self(list.split(is_separator).filter_map(Exception::parse).collect())
    }

    /// Whether requests to `target` use no proxy.
    pub(super) fn contain(&self, target: &Uri) -> bool {
        let Some(host) = target.host() else { return false };
        let port = target.port_u16().unwrap_or(HTTPS);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let ip = parse_ip(&host);
        self.0.iter().any(|exception| {
            exception.port.is_none_or(|only| only == port) && exception.hosts.contain(&host, ip)
        })
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim_matches(['"', '\'']);
        if let Some(hosts) = Hosts::parse(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = entry.rsplit_once(':')?;
        Some(Self { hosts: Hosts::parse(host)?, port: Some(port.parse().ok()?) })
    }
}

impl Hosts {
    /// `None` for an entry that is empty, or that has a port.
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.strip_suffix('.').unwrap_or(entry).to_ascii_lowercase();
        if entry == "*" {
            return Some(Self::All);
        }
        if let Some(ip) = parse_ip(&entry) {
            return Some(Self::Network(ip.into()));
        }
        if let Some((ip, length)) = entry.split_once('/') {
            // An IPv4 network that is written as a part of IPv6 contains IPv4 addresses.
            let ip: IpAddr = without_brackets(ip).parse().ok()?;
            let shortened = if ip.is_ipv6() && ip.to_canonical().is_ipv4() { 96 } else { 0 };
            let length = length.parse::<u8>().ok()?.checked_sub(shortened)?;
            return IpNet::new(ip.to_canonical(), length).ok().map(Self::Network);
        }
        let (name, itself) = match entry.strip_prefix("*.") {
            Some(name) => (name, false),
            None => (entry.strip_prefix('.').unwrap_or(&entry), true),
        };
        let is_name = !name.is_empty() && !name.contains(':');
        is_name.then(|| Self::Names { name: name.to_owned(), itself })
    }

    fn contain(&self, host: &str, ip: Option<IpAddr>) -> bool {
        match (self, ip) {
            (Self::All, _) => true,
            (Self::Network(network), Some(ip)) => network.contains(&ip),
            (Self::Names { name, itself }, None) => match host.strip_suffix(name.as_str()) {
                Some("") => *itself,
                Some(above) => above.ends_with('.'),
                None => false,
            },
            (Self::Network(_), None) | (Self::Names { .. }, Some(_)) => false,
        }
    }
}

/// The address, if the host is one. An IPv4 address that is written as IPv6 is the IPv4 address.
fn parse_ip(host: &str) -> Option<IpAddr> {
    Some(without_brackets(host).parse::<IpAddr>().ok()?.to_canonical())
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_hosts_networks_and_ports() {
        let (iam, zone) = ("iam.api.cloud.yandex.net", "api.cloud.yandex.net");
        for (list, host, expected) in [
            ("", iam, false),
            (" , ;", iam, false),
            ("*", iam, true),
            ("*", "10.1.2.3", true),
            ("other.example *", iam, true),
            // Names.
            (zone, iam, true),
            (zone, zone, true),
            ("API.Cloud.Yandex.NET", "IAM.api.cloud.yandex.net", true),
            (".api.cloud.yandex.net", iam, true),
            (".api.cloud.yandex.net", zone, true),
            ("*.api.cloud.yandex.net", iam, true),
            ("*.api.cloud.yandex.net", "a.iam.api.cloud.yandex.net", true),
            ("*.api.cloud.yandex.net", zone, false),
            ("*.api.cloud.yandex.net", "iamapi.cloud.yandex.net", false),
            ("net", iam, true),
            ("api.cloud.yandex.net.", iam, true),
            (zone, "iam.api.cloud.yandex.net.", true),
            ("cloud.yandex", iam, false),
            ("i.api.cloud.yandex.net", iam, false),
            ("am.api.cloud.yandex.net", iam, false),
            ("iam.api.cloud.yandex.net.corp", iam, false),
            ("iam.*.net", iam, false),
            // Ports.
            ("iam.api.cloud.yandex.net:443", iam, true),
            ("iam.api.cloud.yandex.net:443", "iam.api.cloud.yandex.net:443", true),
            ("iam.api.cloud.yandex.net:443", "iam.api.cloud.yandex.net:8443", false),
            ("iam.api.cloud.yandex.net:8443", "iam.api.cloud.yandex.net:8443", true),
            ("iam.api.cloud.yandex.net:80", iam, false),
            ("iam.api.cloud.yandex.net:https", iam, false),
            (".yandex.net:443", iam, true),
            ("*.yandex.net:443", iam, true),
            ("*:443", iam, true),
            ("*:80", iam, false),
            ("yandex.net.:443", iam, true),
            // Addresses and networks.
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.30", false),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("10.1.2.3:444", "10.1.2.3", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.9.9.9/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("0.0.0.0/0", iam, false),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("2.3", "10.1.2.3", false),
            ("3", "10.1.2.3", false),
            ("fd00::1", "[fd00::1]", true),
            ("[fd00::1]", "[fd00::1]", true),
            ("[fd00::1]:443", "[fd00::1]", true),
            ("[fd00::1]:444", "[fd00::1]", false),
            ("fd00::/8", "[fd12:3456::1]", true),
            ("[fd00::]/8", "[fd12:3456::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("fd00::/8", "10.1.2.3", false),
            ("::/0", "[2001:db8::1]", true),
            ("10.0.0.0/8", "[::ffff:10.1.2.3]", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/90", "10.1.2.3", false),
            // Separators and quotes.
            ("other.example,yandex.net", iam, true),
            ("other.example, yandex.net", iam, true),
            ("other.example yandex.net", iam, true),
            ("other.example;yandex.net", iam, true),
            ("other.example\tyandex.net\n", iam, true),
            ("other.example,,yandex.net,", iam, true),
            ("\"other.example,yandex.net\"", iam, true),
            ("\"yandex.net,other.example\"", iam, true),
            ("'yandex.net'", iam, true),
            ("other.example,\"yandex.net\"", iam, true),
            ("\"*\"", iam, true),
            ("\"\"", iam, false),
            (".", iam, false),
            (":443", iam, false),
            ("/8", "10.1.2.3", false),
        ] {
            let target = format!("https://{host}/").parse().unwrap();
            assert_eq!(Exceptions::parse(list).contain(&target), expected, "{list:?} {host}");
        }
    }
}
