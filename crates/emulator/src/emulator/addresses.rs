//! How clients reach a port: the address that the emulator prints, and the host names that it accepts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The `host:port` under which clients reach a port that is bound to this address.
///
/// A loopback address stays as it is. Other addresses are for other machines and containers: the first of `names`, or
/// else the address itself. Clients cannot use `0.0.0.0` or `[::]`, so the address of this machine replaces them.
pub(crate) fn reachable(bound: SocketAddr, names: &[String]) -> String {
    reachable_on(bound, names, own_address)
}

fn reachable_on(
    bound: SocketAddr,
    names: &[String],
    own_address: impl Fn(IpAddr) -> Option<IpAddr>,
) -> String {
    let (address, port) = (bound.ip(), bound.port());
    match names.first() {
        Some(name) if !address.is_loopback() => match name.parse() {
            Ok(address) => SocketAddr::new(address, port).to_string(),
            Err(_) => format!("{name}:{port}"),
        },
        _ if address.is_unspecified() => {
            let loopback = match address {
                IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
            };
            // A listener on `[::]` accepts IPv4 too.
            let ipv4 = || address.is_ipv6().then(|| own_address(Ipv4Addr::UNSPECIFIED.into())).flatten();
            let own = own_address(address).or_else(ipv4);
            // Without a network, this machine is its only client.
            SocketAddr::new(own.unwrap_or(loopback), port).to_string()
        }
        _ => bound.to_string(),
    }
}

/// The address of this machine for connections to other machines, of the family of `any`, if it has one.
///
/// The operating system chooses the address by its routes. The destination is an address for documentation (RFC 5737,
/// RFC 3849), and nothing is sent: connecting a UDP socket only looks up the route.
fn own_address(any: IpAddr) -> Option<IpAddr> {
    let elsewhere: IpAddr = match any {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((elsewhere, 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified() && !own.is_loopback()).then_some(own)
}

/// A host name in the form in which names are compared: lower case, without a final dot; an IPv6 address without
/// brackets.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput): neither a DNS name nor an IP address. A wildcard is none.
pub(crate) fn host_name(name: &str) -> io::Result<String> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let bare = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let characters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (1..=63).contains(&label.len()) && characters && !label.starts_with('-') && !label.ends_with('-')
    };
    if bare.len() > 253 || !bare.split('.').all(is_label) {
        let message = format!("the host name {name:?} is neither a DNS name nor an IP address");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(bare.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_an_address_that_they_can_use() {
        let own: &[IpAddr] = &["10.0.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
        for (bound, names, own, expected) in [
            ("127.0.0.1:80", &[][..], own, "127.0.0.1:80"),
            ("127.0.0.1:80", &["cloud"], own, "127.0.0.1:80"),
            ("[::1]:80", &["cloud"], own, "[::1]:80"),
            ("0.0.0.0:80", &[], own, "10.0.0.7:80"),
            ("[::]:80", &[], own, "[fd00::7]:80"),
            ("[::]:80", &[], &own[..1], "10.0.0.7:80"),
            ("0.0.0.0:80", &[], &own[1..], "127.0.0.1:80"),
            ("0.0.0.0:80", &[], &[], "127.0.0.1:80"),
            ("[::]:80", &[], &[], "[::1]:80"),
            ("0.0.0.0:80", &["cloud", "other"], own, "cloud:80"),
            ("[::]:80", &["fd00::9"], own, "[fd00::9]:80"),
            ("10.1.1.1:80", &[], own, "10.1.1.1:80"),
            ("10.1.1.1:80", &["cloud"], own, "cloud:80"),
        ] {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            let own = |any: IpAddr| own.iter().copied().find(|own| own.is_ipv4() == any.is_ipv4());
            let found = reachable_on(bound.parse().unwrap(), &names, own);
            assert_eq!(found, expected, "{bound} {names:?}");
        }
    }

    #[test]
    fn a_host_name_is_a_dns_name_or_an_ip_address() {
        for (name, form) in [
            ("IAM.api.cloud.yandex.net.", Some("iam.api.cloud.yandex.net")),
            ("my_service", Some("my_service")),
            ("10.0.0.7", Some("10.0.0.7")),
            ("[fd00::7]", Some("fd00::7")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("-a", None),
            ("*.api.cloud.yandex.net", None),
            ("cloud:443", None),
            ("https://cloud", None),
            ("a b", None),
            ("облако", None),
        ] {
            assert_eq!(host_name(name).ok().as_deref(), form, "{name}");
        }
    }
}
