//! The user whose process is at the other end of a connection on loopback. Linux tells in `/proc/net/tcp`.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

/// The user's id. `None` off loopback, and where the system does not tell.
pub(super) fn of_peer(stream: &TcpStream) -> Option<u32> {
    let (peer, own) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
    if !peer.ip().to_canonical().is_loopback() {
        return None;
    }
    let table = if peer.is_ipv6() { "/proc/net/tcp6" } else { "/proc/net/tcp" };
    let table = std::fs::read_to_string(table).ok()?;
    table.lines().skip(1).find_map(|line| owner(line, peer, own))
}

/// The owner of the socket of a line, if it is the socket with these two ends.
fn owner(line: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    let is_socket = fields.next()? == written(local) && fields.next()? == written(remote);
    if !is_socket {
        return None;
    }
    // The state, two queues, the timer and the retransmissions come between.
    let uid = fields.nth(4)?.parse().ok()?;
    let inode = fields.nth(1)?;
    // The process has closed the socket, and the system shows root in the place of the owner.
    (inode != "0").then_some(uid)
}

/// An address as the table has it: words of the machine's byte order, in hexadecimal.
fn written(address: SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.chunks_exact(4).map(|word| {
        let word = [word[0], word[1], word[2], word[3]];
        format!("{:08X}", u32::from_ne_bytes(word))
    });
    format!("{}:{:04X}", words.collect::<String>(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "  12: 0100007F:9C40 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 20 4 30 10 -1";

    #[test]
    fn the_owner_is_that_of_the_socket_with_these_ends() {
        let (client, server) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8081".parse().unwrap());
        assert_eq!(owner(LINE, client, server), Some(1000));
        assert_eq!(owner(LINE, server, client), None);
    }

    #[test]
    fn a_socket_without_a_process_has_no_owner() {
        let (client, server) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8081".parse().unwrap());
        let closed = LINE.replace("  1000        0 4711", "     0        0 0");
        assert_eq!(owner(&closed, client, server), None);
    }

    #[test]
    fn an_address_of_the_sixth_version_has_four_words() {
        assert_eq!(written("[::1]:80".parse().unwrap()), "00000000000000000000000001000000:0050");
    }
}
