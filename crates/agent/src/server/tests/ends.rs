//! The end of a listener or of its service: what goes on, and what does not.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use test_support::wait::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{PREFACE, answers, ask, body, http2, request, served, start, streaming};
use crate::config::Limits;
use crate::server::connection::CONFIRMATION;
use crate::service::{Protocol, text};

#[tokio::test]
async fn a_stream_ends_with_the_listener_and_with_another_service() {
    let (service, mut opened) = streaming();
    let server = start(service, Limits::default()).await;
    let mut client = http2(&server).await;
    let first = ask(&mut client, &server).await;
    let _first_stream = opened.recv().await.unwrap();
    // The first service is still in use by a request that it does not answer.
    let never = Request::get(format!("http://{}/never", server.tcp()));
    let never = client.send_request(never.body(Empty::new()).unwrap());
    opened.recv().await.unwrap();
    let (service, mut opened) = streaming();
    server.replace(served(service, Limits::default()));
    assert_eq!(body(first).await, "");
    drop(never);
    let second = ask(&mut client, &server).await;
    let _second_stream = opened.recv().await.unwrap();
    let (second, ()) = tokio::join!(body(second), soon(server.drain()));
    assert_eq!(second, "");
}

/// The clock of the runtime jumps to the next timer while everybody waits.
#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_request_and_not_for_a_connection() {
    let (ask_for_answer, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
    let service = answers(Protocol::Both, move |_, _| {
        let (answer, wait) = oneshot::channel();
        ask_for_answer.try_send(answer).unwrap();
        async {
            wait.await.unwrap();
            text(StatusCode::OK, "answered")
        }
    });
    let server = start(service, Limits::default()).await;
    let (mut busy, mut idle) = (http2(&server).await, http2(&server).await);
    let head = || request(&server).body(Empty::<Bytes>::new()).unwrap();
    let first = tokio::spawn(idle.send_request(head()));
    asked.recv().await.unwrap().send(()).unwrap();
    first.await.unwrap().unwrap();
    let waiting = tokio::spawn(busy.send_request(head()));
    let answer = asked.recv().await.unwrap();
    // Clients that send nothing, and that do not confirm the end.
    let silent = TcpStream::connect(server.tcp()).await.unwrap();
    let mut half = TcpStream::connect(server.tcp()).await.unwrap();
    half.write_all(PREFACE).await.unwrap();
    let drained = tokio::spawn(server.drain());
    // The idle client is told, and the one that waits goes on.
    let told = timeout(CONFIRMATION / 2, async {
        while !idle.is_closed() {
            tokio::time::sleep(CONFIRMATION / 100).await;
        }
    });
    told.await.unwrap();
    assert!(!drained.is_finished());
    answer.send(()).unwrap();
    assert_eq!(body(waiting.await.unwrap().unwrap()).await, "answered");
    soon(drained).await.unwrap();
    drop((silent, half));
}

#[tokio::test]
async fn an_upgraded_connection_counts_until_its_service_is_done() {
    let (done, end) = oneshot::channel();
    let end = std::sync::Mutex::new(Some(end));
    let service = answers(Protocol::Both, move |request, mut caller| {
        let end: oneshot::Receiver<()> = end.lock().unwrap().take().unwrap();
        tokio::spawn(async move {
            let mut upgraded = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            upgraded.write_all(b"upgraded").await.unwrap();
            caller.has_to_end().await;
            upgraded.write_all(b"ending").await.unwrap();
            end.await.unwrap();
        });
        let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        std::future::ready(response)
    });
    let server = start(service, Limits::default()).await;
    let mut client = TcpStream::connect(server.tcp()).await.unwrap();
    let head =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", server.tcp());
    client.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let mut receives = async |text: &[u8]| {
        while !read.ends_with(text) {
            assert!(soon(client.read_buf(&mut read)).await.unwrap() > 0);
        }
    };
    receives(b"upgraded").await;
    let drained = tokio::spawn(server.drain());
    receives(b"ending").await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!drained.is_finished());
    done.send(()).unwrap();
    soon(drained).await.unwrap();
}
