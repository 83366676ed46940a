//! Frames of HTTP/2 that no library would send (RFC 9113 §4.1, §6; RFC 7541 §5, §6.2.2).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::Gateway;
use crate::gateway_bench::opened;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame of the first stream, or of the connection.
pub(crate) fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame_of(if kind == SETTINGS { 0 } else { 1 }, kind, flags, payload)
}

/// A frame of a stream.
pub(crate) fn frame_of(stream: u32, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field as a literal that is not indexed.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// A string that is not compressed.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    // The length, in the seven low bits of the first byte and then seven bits a byte.
    match text.len() {
        length @ 0..127 => bytes.push(u8::try_from(length).unwrap()),
        length => {
            bytes.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The fields of a request of HTTP/2 with the key, and more.
pub(crate) fn fields(gateway: &Gateway, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let (authority, bearer) = (gateway.address.to_string(), gateway.bearer());
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", authority.as_str()),
        (":path", path),
        ("authorization", bearer.as_str()),
    ];
    usual.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect()
}

/// A connection that has sent what every client sends first.
pub(crate) async fn connect(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = opened(address).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
    stream
}

/// How a server has ended the first stream.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// A response; the first byte of its fields tells the most frequent statuses (RFC 7541 appendix A).
    Response(u8),
    Reset,
    /// The connection has ended, by a frame or without one.
    Closed,
}

/// The first byte of the fields of a response with status 200.
pub(crate) const OK: u8 = 0x88;

/// How the server ends the first stream, or all of them.
pub(crate) async fn end(stream: &mut TcpStream) -> End {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return End::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if stream.read_exact(&mut payload).await.is_err() {
            return End::Closed;
        }
        match head[3] {
            HEADERS => return End::Response(payload[0]),
            RST_STREAM => return End::Reset,
            GOAWAY => return End::Closed,
            _ => {}
        }
    }
}
