//! Heads that are too long, at the gateway: too many headers, headers that are too large, and a list of them that does not end.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::http_client::{Response, raw};
use test_support::http_server::{Reply, Server};
use tokio::io::AsyncWriteExt;

use crate::gateway_bench::{Bench, Service, opened, parsed, rest_of, timed, watched};
use crate::http2_frames::{
    CONTINUATION, END_HEADERS, END_STREAM, End, HEADERS, OK, RST_STREAM, connect, end, field, fields, frame,
    frame_of,
};

fn service() -> Server {
    Server::always(Reply::status(200))
}

/// Heads over the bound, as the number of headers and the length of each value.
const BOMBS: [(usize, usize); 4] = [(65, 1), (1000, 1), (5, 5000), (1, 100 << 10)];

#[test]
fn a_head_over_the_bound_is_refused() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for (count, length) in BOMBS {
            let value = "x".repeat(length);
            let lines: String = (0..count).map(|number| format!("X-{number}: {value}\r\n")).collect();
            let request = bench.gateway.head("GET", "/v1/x", &lines) + "\r\n";
            let (response, _) = timed(raw(bench.gateway.address, request.as_bytes())).await;
            let response = parsed(std::str::from_utf8(&response).unwrap());
            assert_eq!(response.status, 431, "{count} headers of {length}");
            bench.is_undisturbed().await;
        }
        let request = bench.gateway.head("GET", &format!("/v1/{}", "x".repeat(70 << 10)), "\r\n");
        let (response, _) = timed(raw(bench.gateway.address, request.as_bytes())).await;
        let response = String::from_utf8(response).unwrap();
        assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{response}");
        bench.is_undisturbed().await;
        assert_eq!(service.requests().len(), 0);
    });
}

type Client = http2::SendRequest<Empty<Bytes>>;

async fn http2_client(bench: &Bench) -> Client {
    let stream = TokioIo::new(opened(bench.gateway.address).await);
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The response to a request with the key and more headers. `Err`: its stream was reset.
async fn ask(
    client: &mut Client,
    bench: &Bench,
    content: &str,
    headers: impl Iterator<Item = (String, String)>,
) -> Result<Response, hyper::Error> {
    let request = Request::post(format!("http://{}/v1/x", bench.gateway.address))
        .header("content-type", content)
        .header("authorization", bench.gateway.bearer());
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    client.ready().await?;
    let response = client.send_request(request.body(Empty::new()).unwrap()).await?;
    let (parts, body) = response.into_parts();
    Ok(Response { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
}

#[test]
fn a_head_of_http2_over_the_bound_is_refused_alone() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let many = || (0..65).map(|number| (format!("x-{number}"), "x".to_owned()));
        let mut client = http2_client(&bench).await;
        let response = ask(&mut client, &bench, "application/json", many()).await.unwrap();
        let message = bench.refusal(&response, 431, "headers_too_large");
        assert_eq!(message, "the request has too many headers");
        let response = ask(&mut client, &bench, "application/grpc", many()).await.unwrap();
        assert_eq!((response.status.as_u16(), response.header("grpc-status")), (200, "8"));
        assert_eq!(response.header("grpc-message"), message);
        // The library of HTTP/2 refuses a head by its size, without a body, or it ends the connection.
        for (count, length) in BOMBS.into_iter().skip(1) {
            let value = "x".repeat(length);
            let headers = (0..count).map(|number| (format!("x-{number}"), value.clone()));
            let mut other = http2_client(&bench).await;
            if let (Ok(response), _) = timed(ask(&mut other, &bench, "application/json", headers)).await {
                assert_eq!(response.status, 431, "{count} headers of {length}");
            }
            bench.is_undisturbed().await;
        }
        assert_eq!(service.requests().len(), 0);
        // The connection goes on.
        let response = ask(&mut client, &bench, "text/plain", std::iter::empty()).await.unwrap();
        assert_eq!(response.status, 200);
    });
}

#[test]
fn a_list_of_headers_that_does_not_end_closes_its_connection() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let more = field("x", &"x".repeat(16_000));
        for part in [more.as_slice(), &field("x", "x"), b""] {
            let mut client = connect(bench.gateway.address).await;
            let first = field("authorization", &bench.gateway.bearer());
            client.write_all(&frame(HEADERS, 0, &first)).await.unwrap();
            let next = frame(CONTINUATION, 0, part);
            // 1 MiB at most, or a thousand parts.
            let mut sent = 0;
            while sent < 1000.min((1 << 20) / next.len()) && client.write_all(&next).await.is_ok() {
                sent += 1;
            }
            let (found, taken) = timed(end(&mut client)).await;
            assert!(!matches!(found, End::Response(OK)), "{} bytes", part.len());
            assert!(taken < std::time::Duration::from_secs(61), "{} bytes: {taken:?}", part.len());
            bench.is_undisturbed().await;
        }
    });
}

/// A client that resets each stream at once could have any number of requests on the way to the service.
#[test]
fn streams_that_are_reset_at_once_end_their_connection() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let mut client = connect(bench.gateway.address).await;
        let head = fields(&bench.gateway, "/v1/x", &[]);
        let cancel = 8_u32.to_be_bytes();
        let streams = (1..20_000).step_by(2).map(|stream| {
            [
                frame_of(stream, HEADERS, END_HEADERS | END_STREAM, &head),
                frame_of(stream, RST_STREAM, 0, &cancel),
            ]
            .concat()
        });
        let mut begun = 0;
        for stream in streams {
            if client.write_all(&stream).await.is_err() {
                break;
            }
            begun += 1;
        }
        assert!(begun < 10_000, "no stream was refused");
        bench.is_undisturbed().await;
        assert!(
            service.requests().len() < begun,
            "{} of {begun} reached the service",
            service.requests().len()
        );
    });
}

/// The answer of a service, too.
#[test]
fn an_answer_with_a_head_over_the_bound_is_an_error() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for (count, length) in [(1000, 1), (1, 1 << 20), (90, 10 << 10)] {
            let mut client =
                bench.send(&bench.gateway.head("GET", "/v1/x", "Connection: close\r\n\r\n")).await;
            let (mut upstream, _) = service.request().await;
            let value = "x".repeat(length);
            let lines: String = (0..count).map(|number| format!("X-{number}: {value}\r\n")).collect();
            let answer = format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n");
            let answered =
                async { tokio::join!(rest_of(&mut client), upstream.write_all(answer.as_bytes())).0 };
            let (response, _) = timed(answered).await;
            bench.refusal(&parsed(&response), 502, "upstream_failed");
            bench.is_undisturbed().await;
        }
    });
}

/// A page on the web reaches loopback by a name of its own; a tool in a container by a name of the container's machine.
#[test]
fn a_host_that_is_none_of_the_listener_is_refused_in_the_form_of_the_client() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let ask = async |content: &str| {
            let lines = format!("Content-Type: {content}\r\nConnection: close\r\n\r\n");
            let request = bench.gateway.head("GET", "/v1/x", &lines);
            let request = request.replace(&format!("Host: {}", bench.gateway.address), "Host: host.example");
            parsed(std::str::from_utf8(&raw(bench.gateway.address, request.as_bytes()).await).unwrap())
        };
        let message = bench.refusal(&ask("application/json").await, 403, "host_not_allowed");
        assert_eq!(message, "the Host header is not an address of this listener");
        let response = ask("application/grpc").await;
        assert_eq!(
            (response.header("grpc-status"), response.header("grpc-message")),
            ("7", message.as_str())
        );
        bench.is_undisturbed().await;
        assert_eq!(service.requests().len(), 0);
    });
}
