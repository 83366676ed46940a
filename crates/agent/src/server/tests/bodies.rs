//! Bodies of HTTP/2, in both directions.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::wait::soon;
use tokio::net::TcpStream;

use super::{answers, ask, body, http2, request, start, streaming};
use crate::config::Limits;
use crate::service::{Protocol, text};

#[tokio::test]
async fn a_stream_arrives_part_by_part() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = http2(&server).await;
    let mut response = ask(&mut client, &server).await.into_body();
    let stream = opened.recv().await.unwrap();
    for part in ["one", "two"] {
        stream.send(part).await.unwrap();
        let frame = soon(response.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), part);
    }
    drop(stream);
    assert!(soon(response.collect()).await.unwrap().to_bytes().is_empty());
    // A client that leaves ends the stream.
    let response = ask(&mut client, &server).await;
    let stream = opened.recv().await.unwrap();
    drop(response);
    soon(stream.closed()).await;
}

#[tokio::test]
async fn a_service_reads_a_body_of_the_second_version() {
    let service = answers(Protocol::Both, async |request, _| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        text(StatusCode::OK, body.len().to_string())
    });
    let server = start(service, Limits::default()).await;
    let stream = TcpStream::connect(server.tcp()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = TokioIo::new(stream);
    let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    // More than a client may send before the service reads.
    let length = 3 << 20;
    let sent = Full::new(Bytes::from(vec![0; length]));
    let response = soon(client.send_request(request(&server).body(sent).unwrap())).await.unwrap();
    assert_eq!(body(response).await, length.to_string());
}
