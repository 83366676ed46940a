//! Clients that ask for too much, or for nothing.

use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use test_support::wait::soon;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PREFACE, ask, http2, raw, request, start, streaming, version};
use crate::config::Limits;
use crate::service::Protocol;

/// The clock of the runtime jumps to the next timer while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_nothing_is_disconnected() {
    let server = start(version(Protocol::Both), Limits::default()).await;
    let limit = Limits::default().head_time();
    // Nothing; a part of the preface; no request; a part of the head of a request.
    let head = [PREFACE, b"\0\0\xff\x01\0\0\0\0\x01"].concat();
    for bytes in [&b""[..], &PREFACE[..10], PREFACE, &head] {
        let start = tokio::time::Instant::now();
        let _ = timeout(limit * 9, raw(&server, bytes)).await;
        let taken = start.elapsed();
        assert!(taken >= limit && taken < limit * 3, "{bytes:?}: {taken:?}");
    }
}

/// The client is stopped: its connection is open, and it reads nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_loses_its_stream() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = TcpStream::connect(server.tcp()).await.unwrap();
    // `:method: GET`, `:scheme: http`, `:path: /`, and the authority.
    let authority = server.tcp().to_string();
    let length = u8::try_from(authority.len()).unwrap();
    let block = [b"\x82\x86\x84\x41".to_vec(), vec![length], authority.into_bytes()].concat();
    let head = [&[0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1], &block[..]].concat();
    client.write_all(&[PREFACE, &head].concat()).await.unwrap();
    let stream = opened.recv().await.unwrap();
    let (start, limit) = (tokio::time::Instant::now(), Limits::default().head_time());
    let _ = timeout(limit * 9, stream.closed()).await;
    let taken = start.elapsed();
    assert!(taken >= limit && taken <= limit * 3, "{taken:?}");
}

#[tokio::test]
async fn a_head_over_the_bound_is_refused_and_disturbs_nobody() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits { headers: 4, head_bytes: 8 << 10, ..Limits::default() }).await;
    let (mut client, mut other) = (http2(&server).await, http2(&server).await);
    let mut open = ask(&mut client, &server).await.into_body();
    let mut open_of_other = ask(&mut other, &server).await.into_body();
    let (stream, stream_of_other) = (opened.recv().await.unwrap(), opened.recv().await.unwrap());
    let mut send = async |head: http::request::Builder| {
        let response = soon(client.send_request(head.body(Empty::new()).unwrap())).await;
        assert!(opened.try_recv().is_err(), "the service was asked");
        response.map(|response| response.status())
    };
    let many = (0..5).fold(request(&server), |head, number| head.header(format!("name-{number}"), "x"));
    // The compression makes a byte of each header but the first.
    let long = "x".repeat(3000);
    let compressed = (0..4).fold(request(&server), |head, _| head.header("name", &long));
    for head in [many, compressed] {
        assert_eq!(send(head).await.unwrap(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    stream.send("still here").await.unwrap();
    assert_eq!(soon(open.frame()).await.unwrap().unwrap().into_data().unwrap(), "still here");
    // Far over the bound: the connection ends, and no other.
    assert!(send(request(&server).header("name", "x".repeat(100 << 10))).await.is_err());
    soon(stream.closed()).await;
    stream_of_other.send("still here").await.unwrap();
    assert_eq!(soon(open_of_other.frame()).await.unwrap().unwrap().into_data().unwrap(), "still here");
}

#[tokio::test]
async fn a_request_over_the_bound_waits() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits { streams: 1, ..Limits::default() }).await;
    let mut client = http2(&server).await;
    let first = ask(&mut client, &server).await;
    let stream = opened.recv().await.unwrap();
    let (mut second_client, request) = (client.clone(), request(&server).body(Empty::new()).unwrap());
    let second = tokio::spawn(async move { second_client.send_request(request).await });
    stream.send("while the second waits").await.unwrap();
    let mut first = first.into_body();
    soon(first.frame()).await.unwrap().unwrap();
    assert!(opened.try_recv().is_err());
    drop((first, stream));
    soon(opened.recv()).await.unwrap();
    assert!(soon(second).await.unwrap().is_ok());
}
