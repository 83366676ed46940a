//! The user whose process is at the other end of a connection on loopback. Linux tells in `/proc/net/tcp`.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::service::Peer;

/// How often the tables are read: a table that changes during a read can leave out a line.
const READS: usize = 3;

/// The reads at the same time: a flood of connections must not take the threads of other work.
static READING: Semaphore = Semaphore::const_new(1);

/// Who is at the other end. On Linux a process of this machine without a known user is `Unknown`, never `Elsewhere`:
/// whoever uses up the file descriptors of the agent, so that it cannot read the table, gains nothing.
pub(super) async fn of_peer(stream: &TcpStream) -> Peer {
    let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else { return Peer::Unknown };
    if !peer.ip().to_canonical().is_loopback() || !cfg!(target_os = "linux") {
        return Peer::Elsewhere;
    }
    let Ok(_turn) = READING.acquire().await else { return Peer::Unknown };
    // The tables have a line for each socket of the machine.
    let read = move || (0..READS).find_map(|_| user_of(peer, own));
    let user = tokio::task::spawn_blocking(read).await.ok().flatten();
    user.map_or(Peer::Unknown, Peer::User)
}

/// The user of the socket with these ends.
fn user_of(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    forms(peer, own).find_map(|(table, peer, own)| {
        let ends = [written(peer), written(own)];
        std::fs::read_to_string(table).ok()?.lines().find_map(|line| owner(line, &ends))
    })
}

/// The tables that can have the socket of the peer, with the ends as they are written there. A socket of IPv6 can
/// connect to an address of IPv4, and is in the table of IPv6 then.
fn forms(peer: SocketAddr, own: SocketAddr) -> impl Iterator<Item = (&'static str, SocketAddr, SocketAddr)> {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let mapped = |end: SocketAddr| match end.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), end.port()),
        IpAddr::V6(_) => end,
    };
    let fourth = canonical(peer).is_ipv4().then(|| ("/proc/net/tcp", canonical(peer), canonical(own)));
    fourth.into_iter().chain([("/proc/net/tcp6", mapped(peer), mapped(own))])
}

/// The owner of the socket of a line, if it is the socket with these two ends: its own, and the other one.
fn owner(line: &str, [local, remote]: &[String; 2]) -> Option<u32> {
    let mut fields = line.split_whitespace().skip(1);
    let is_socket = fields.next()? == local && fields.next()? == remote;
    if !is_socket {
        return None;
    }
    // The state, two queues, the timer and the retransmissions come between.
    let uid = fields.nth(4)?.parse().ok()?;
    let inode = fields.nth(1)?;
    // The process has closed the socket, and the system shows root in the place of the owner.
    (inode != "0").then_some(uid)
}

/// For the fuzz targets: the owner in a line.
pub(crate) fn owner_of(line: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    owner(line, &[written(local), written(remote)])
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

    fn ends(one: SocketAddr, other: SocketAddr) -> [String; 2] {
        [written(one), written(other)]
    }

    #[test]
    fn the_owner_is_that_of_the_socket_with_these_ends() {
        let (client, server) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8081".parse().unwrap());
        assert_eq!(owner(LINE, &ends(client, server)), Some(1000));
        assert_eq!(owner(LINE, &ends(server, client)), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_real_socket_has_the_user_of_its_process() {
        let own = Peer::User(rustix::process::getuid().as_raw());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for address in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let address: IpAddr = address.parse().unwrap();
            let client = TcpStream::connect((address, port)).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            assert_eq!(of_peer(&server).await, own, "{address}");
            drop(client);
            assert_eq!(of_peer(&server).await, Peer::Unknown, "nobody has the socket any more");
        }
    }

    #[test]
    fn a_socket_without_a_process_has_no_owner() {
        let (client, server) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8081".parse().unwrap());
        let closed = LINE.replace("  1000        0 4711", "     0        0 0");
        assert_eq!(owner(&closed, &ends(client, server)), None);
    }

    #[test]
    fn a_socket_of_the_sixth_version_at_an_address_of_the_fourth_is_looked_for_too() {
        let (client, server) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8081".parse().unwrap());
        let written: Vec<_> = forms(client, server)
            .map(|(table, client, server)| (table, written(client), written(server)))
            .collect();
        let words = |text: &str| text.to_owned();
        assert_eq!(
            written,
            [
                ("/proc/net/tcp", words("0100007F:9C40"), words("0100007F:1F91")),
                (
                    "/proc/net/tcp6",
                    words("0000000000000000FFFF00000100007F:9C40"),
                    words("0000000000000000FFFF00000100007F:1F91")
                ),
            ]
        );
        let (client, server) = ("[::1]:40000".parse().unwrap(), "[::1]:80".parse().unwrap());
        assert_eq!(forms(client, server).count(), 1);
    }

    #[test]
    fn an_address_of_the_sixth_version_has_four_words() {
        assert_eq!(written("[::1]:80".parse().unwrap()), "00000000000000000000000001000000:0050");
    }
}
