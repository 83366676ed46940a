use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use yandex_cloud_auth_agent::fuzz_internals::socket_owner;

/// The two ends of a socket, a line each, and lines of `/proc/net/tcp`. The second reading takes the addresses apart.
pub fn agent_sockets(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let mut end = || lines.next().and_then(|line| line.parse::<SocketAddr>().ok());
    let (Some(local), Some(remote)) = (end(), end()) else { return };
    for line in lines {
        assert_eq!(
            socket_owner(line, local, remote),
            owner(line, local, remote),
            "{line:?} {local} {remote}"
        );
    }
}

fn owner(line: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let ends = (address(fields.get(1)?)?, address(fields.get(2)?)?);
    let is_socket = ends == (plain(local), plain(remote));
    let (uid, inode) = (fields.get(7)?.parse().ok()?, *fields.get(9)?);
    (is_socket && inode != "0").then_some(uid)
}

/// Without the scope and the flow of an address of IPv6, which the table does not have.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// `0100007F:1F91`: words in the byte order of the machine, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    if !text.bytes().all(|byte| is_digit(byte) || byte == b':') || port.len() != 4 {
        return None;
    }
    let mut octets = Vec::new();
    for at in (0..ip.len()).step_by(8) {
        octets.extend(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    let ip: IpAddr = match octets.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}
