//! Requests whose end two programs can see in different places: the gateway refuses them, or the service gets one request with
//! the gateway's own framing.

use test_support::http_client::raw;
use test_support::http_server::{Reply, Server};
use tokio::io::AsyncWriteExt;

use crate::gateway_bench::{Bench, Service, parsed, read_until, rest_of, timed, watched};
use crate::http2_frames::{DATA, END_HEADERS, END_STREAM, End, HEADERS, OK, connect, end, fields, frame};

/// A service that answers with 200.
fn service() -> Server {
    Server::always(Reply::status(200))
}

#[test]
fn a_head_that_can_be_read_in_two_ways_reaches_no_service() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let hidden = "GET /v1/hidden HTTP/1.1\r\n\r\n";
        for lines in [
            "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "Content-Length: 3, 4\r\n\r\nabcd",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: +3\r\n\r\nabc",
            "Content-Length: 0x3\r\n\r\nabc",
            "Content-Length: 3 3\r\n\r\nabc",
            "Content-Length:\r\n\r\n",
            "Content-Length: 18446744073709551619\r\n\r\nabc",
            "Content-Length : 3\r\n\r\nabc",
            "Content-Length\t: 3\r\n\r\nabc",
            "Content-Length: 3\r\nTransfer-Encoding: x\r\n\r\nabc",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
            "X: a\r\n folded\r\n\r\n",
            " X: folded\r\n\r\n",
            "X: a\rContent-Length: 3\r\n\r\nabc",
            "X: a\0b\r\n\r\n",
            ": no name\r\n\r\n",
            "no colon\r\n\r\n",
            "Host: evil.example\r\n\r\n",
        ] {
            let request = format!("{}{hidden}", bench.gateway.head("POST", "/v1/x", lines));
            let (response, _) = timed(raw(bench.gateway.address, request.as_bytes())).await;
            let response = String::from_utf8(response).unwrap();
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{lines:?}: {response}");
            assert!(!response.contains("HTTP/1.1 2"), "{lines:?}: {response}");
            bench.has_no_secret(&response);
            bench.is_undisturbed().await;
        }
        for line in [
            "POST  /v1/x HTTP/1.1",
            "POST\t/v1/x HTTP/1.1",
            "POST /v1/x\tHTTP/1.1",
            "POST /v1/x HTTP/1.1 x",
            "POST /v1/x HTTP/1.2",
            "POST /v1/x",
            "PO ST /v1/x HTTP/1.1",
        ] {
            let request = bench.gateway.head("POST", "/v1/x", "Connection: close\r\n\r\n");
            let request = request.replace("POST /v1/x HTTP/1.1", line);
            let (response, _) = timed(raw(bench.gateway.address, request.as_bytes())).await;
            let response = String::from_utf8(response).unwrap();
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{line:?}: {response}");
            bench.has_no_secret(&response);
        }
        let old = bench.gateway.head("POST", "/v1/x", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        let (response, _) =
            timed(raw(bench.gateway.address, old.replace("HTTP/1.1", "HTTP/1.0").as_bytes())).await;
        assert!(!String::from_utf8(response).unwrap().contains(" 200 "), "chunks in HTTP/1.0");
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn a_length_beside_chunks_does_not_count_and_the_connection_ends() {
    watched(async |log| {
        for lines in [
            "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        ] {
            let service = service();
            let mut bench = Bench::new(&log, &service.url(), "").await;
            let hidden = bench.gateway.head("GET", "/v1/hidden", "\r\n");
            let request = bench.gateway.head("POST", "/v1/x", lines);
            let request = format!("{request}\r\n3\r\nabc\r\n0\r\n\r\n{hidden}");
            let response = raw(bench.gateway.address, request.as_bytes()).await;
            let response = String::from_utf8(response).unwrap();
            assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "{response}");
            assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
            let requests = service.requests();
            assert_eq!((requests.len(), requests[0].line(), requests[0].text()), (1, "POST /v1/x", "abc"));
            assert_eq!(requests[0].header("content-length"), None);
            bench.has_no_key(&requests[0].head);
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn one_length_that_is_there_twice_is_there_once_for_the_service() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let lines = "Content-Length: 3\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
        let request = bench.gateway.head("POST", "/v1/x", lines);
        let response = raw(bench.gateway.address, request.as_bytes()).await;
        assert!(response.starts_with(b"HTTP/1.1 200 "));
        let requests = service.requests();
        assert_eq!(requests[0].text(), "abc");
        assert_eq!(requests[0].head.to_lowercase().matches("content-length: 3").count(), 1);
        bench.is_undisturbed().await;
    });
}

/// RFC 9112 §2.2: a recipient may take a line feed alone as the end of a line.
#[test]
fn a_line_feed_alone_does_not_reach_the_service() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for request in [
            bench.gateway.head("POST", "/v1/x", "X: a\nContent-Length: 3\r\n\r\nabc"),
            bench.gateway.head("POST", "/v1/x", "X: a\r\nContent-Length: 3\r\n\r\nabc").replace("\r\n", "\n"),
        ] {
            let mut client = bench.send(&request).await;
            let (mut upstream, head) = service.request().await;
            assert!(head.ends_with("\r\n\r\nabc"), "{head:?}");
            assert!(!head.replace("\r\n", "").contains('\n'), "{head:?}");
            assert!(head.contains("x: a\r\n") && head.contains("content-length: 3\r\n"), "{head:?}");
            upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            read_until(&mut client, "\r\n\r\n").await;
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_body_with_a_bad_chunk_is_refused_and_is_not_whole_for_the_service() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for content in ["application/json", "application/octet-stream"] {
            for chunks in [
                "g\r\nabc\r\n0\r\n\r\n",
                "-3\r\nabc\r\n0\r\n\r\n",
                "+3\r\nabc\r\n0\r\n\r\n",
                "0x3\r\nabc\r\n0\r\n\r\n",
                "\r\nabc\r\n0\r\n\r\n",
                "3 3\r\nabc\r\n0\r\n\r\n",
                "10000000000000003\r\nabc\r\n0\r\n\r\n",
                "3\nabc\r\n0\r\n\r\n",
                "3\r\nabcd\r\n0\r\n\r\n",
                "3\r\nabc0\r\n\r\n",
                "3;a\nb\r\nabc\r\n0\r\n\r\n",
                "3\r\nabc\r\n0\r\n: no name\r\n\r\n",
            ] {
                let lines = format!("Content-Type: {content}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
                let request = bench.gateway.head("POST", "/v1/x", &lines);
                let (response, _) = timed(raw(bench.gateway.address, request.as_bytes())).await;
                let response = parsed(std::str::from_utf8(&response).unwrap());
                let message = bench.refusal(&response, 400, "request_incomplete");
                assert!(message.contains("the request was not read"), "{chunks:?}: {message}");
                bench.is_undisturbed().await;
            }
        }
        assert_eq!(service.requests().len(), 0);
    });
}

/// A service gets HTTP/1.1 from the gateway: no field of HTTP/2 may become two lines of it.
#[test]
fn a_request_of_http2_does_not_become_two_of_http1() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for (path, more) in [
            ("/v1/x", ("x", "a\r\nContent-Length: 9")),
            ("/v1/x", ("x", "a\nb")),
            ("/v1/x", ("x", "a\0b")),
            ("/v1/x", ("x\r\ny", "a")),
            ("/v1/x", ("x: y", "a")),
            ("/v1/x", ("x y", "a")),
            ("/v1/x", ("X", "a")),
            ("/v1/x", ("", "a")),
            ("/v1/x", ("transfer-encoding", "chunked")),
            ("/v1/x", ("connection", "close")),
            ("/v1/x", ("keep-alive", "1")),
            ("/v1/x", ("upgrade", "websocket")),
            ("/v1/x", ("te", "gzip")),
            ("/v1/x", ("content-length", "a")),
            ("/v1/x", ("content-length", "4")),
            ("/v1/x", (":path", "/v1/y")),
            ("/v1/x", (":unknown", "a")),
            ("/v1/x HTTP/1.1\r\nX: y", ("x", "a")),
            ("/v1/x HTTP/1.1", ("x", "a")),
            ("", ("x", "a")),
            ("v1/x", ("x", "a")),
        ] {
            let mut client = connect(bench.gateway.address).await;
            let head = frame(HEADERS, END_HEADERS, &fields(&bench.gateway, path, &[more]));
            client.write_all(&[head, frame(DATA, END_STREAM, b"abc")].concat()).await.unwrap();
            let (found, _) = timed(end(&mut client)).await;
            assert!(!matches!(found, End::Response(OK)), "{path:?} {more:?}");
            bench.is_undisturbed().await;
        }
        assert_eq!(service.requests().len(), 0);
        // The same without a fault.
        let mut client = connect(bench.gateway.address).await;
        let more = [("content-length", "3"), ("te", "trailers")];
        let head = frame(HEADERS, END_HEADERS, &fields(&bench.gateway, "/v1/x", &more));
        client.write_all(&[head, frame(DATA, END_STREAM, b"abc")].concat()).await.unwrap();
        assert_eq!(end(&mut client).await, End::Response(OK));
        assert_eq!(service.requests()[0].text(), "abc");
    });
}

#[test]
fn two_lengths_of_http2_are_refused_or_become_one() {
    watched(async |log| {
        let service = service();
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let lengths = |first, second| [("content-length", first), ("content-length", second)];
        for (first, second, body) in [("3", "4", "abc"), ("4", "3", "abc"), ("0", "5", ""), ("5", "0", "")] {
            let flags = if body.is_empty() { END_HEADERS | END_STREAM } else { END_HEADERS };
            let mut sent = frame(HEADERS, flags, &fields(&bench.gateway, "/v1/x", &lengths(first, second)));
            if !body.is_empty() {
                sent.extend(frame(DATA, END_STREAM, body.as_bytes()));
            }
            let mut client = connect(bench.gateway.address).await;
            client.write_all(&sent).await.unwrap();
            assert!(!matches!(timed(end(&mut client)).await.0, End::Response(OK)), "{first} {second}");
            bench.is_undisturbed().await;
        }
        assert_eq!(service.requests().len(), 0);
        let mut client = connect(bench.gateway.address).await;
        let head = frame(HEADERS, END_HEADERS, &fields(&bench.gateway, "/v1/x", &lengths("3", "3")));
        client.write_all(&[head, frame(DATA, END_STREAM, b"abc")].concat()).await.unwrap();
        assert_eq!(end(&mut client).await, End::Response(OK));
        let request = service.requests().pop().unwrap();
        assert_eq!(request.head.matches("content-length: 3").count(), 1, "{}", request.head);
        assert_eq!(request.text(), "abc");
    });
}

/// The answer of a service ends where its length says. What follows is no answer to the next request.
#[test]
fn a_second_answer_that_nobody_asked_for_is_dropped() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let answer = |text: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        for extra in [answer("hidden"), "rest".to_owned(), "\r\n".repeat(3) + &answer("hidden")] {
            for _ in 0..10 {
                let mut client =
                    bench.send(&bench.gateway.head("GET", "/v1/x", "Connection: close\r\n\r\n")).await;
                let (mut upstream, _) = service.request().await;
                upstream.write_all(format!("{}{extra}", answer("good")).as_bytes()).await.unwrap();
                let response = parsed(&rest_of(&mut client).await);
                assert_eq!((response.status.as_u16(), response.text().as_str()), (200, "good"));
            }
            bench.is_undisturbed().await;
        }
    });
}
