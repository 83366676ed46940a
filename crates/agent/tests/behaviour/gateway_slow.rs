//! Clients and services that are slow, stop, or say nothing, at the gateway: no pause is longer than the limits allow, and a
//! slow stream that goes on is not cut.

use std::time::Duration;

use test_support::http_client::raw;
use test_support::http_server::{Reply, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway_bench::{Bench, STEP, Service, parsed, pass, read_until, rest_of, timed, watched};

/// The default of `idle_seconds`, of `response_seconds`, and of `head_seconds` and `write_seconds`.
const PAUSE: Duration = Duration::from_secs(300);
const RESPONSE: Duration = Duration::from_secs(600);
const HEAD: Duration = Duration::from_secs(30);

/// A time that is a limit, but for the steps of the clock.
#[track_caller]
fn is_about(taken: Duration, limit: Duration) {
    assert!(taken >= limit && taken <= limit + 3 * STEP, "{taken:?}, the limit is {limit:?}");
}

/// Whether a body of chunks has its end.
fn is_whole(body: &str) -> bool {
    body.ends_with("0\r\n\r\n")
}

#[test]
fn a_body_that_stops_is_refused_after_the_pause() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        // The gateway reads a body with a model before it asks the service.
        let lines = "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"model\":";
        let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", lines)).await;
        let (response, taken) = timed(rest_of(&mut client)).await;
        is_about(taken, PAUSE);
        let message = bench.refusal(&parsed(&response), 408, "request_timeout");
        assert!(message.contains("took too long"), "{message}");
        bench.is_undisturbed().await;

        for lines in ["Content-Length: 99\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"] {
            let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", lines)).await;
            let (mut upstream, head) = service.request().await;
            let (response, taken) = timed(rest_of(&mut client)).await;
            is_about(taken, PAUSE);
            bench.refusal(&parsed(&response), 408, "request_timeout");
            let got = head + &rest_of(&mut upstream).await;
            assert!(got.contains("begin") && !is_whole(&got), "{got}");
            bench.has_no_key(&got);
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_body_that_drips_arrives() {
    watched(async |log| {
        let service = Server::always(Reply::status(200));
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let body = r#"{"model":"gpt://f/m/latest"}"#;
        for content in ["application/json", "text/plain"] {
            let lines = format!("Content-Type: {content}\r\nContent-Length: {}\r\n\r\n", body.len());
            let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", &lines)).await;
            let (first, rest) = body.split_at(body.len() - 5);
            client.write_all(first.as_bytes()).await.unwrap();
            // All of the body takes longer than the service may take to answer.
            for byte in rest.as_bytes() {
                pass(PAUSE - 2 * STEP).await;
                client.write_all(&[*byte]).await.unwrap();
            }
            assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 200 "), "{content}");
            assert_eq!(service.requests().pop().unwrap().text(), body);
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_head_that_stops_ends_the_connection() {
    watched(async |log| {
        let service = Server::always(Reply::status(200));
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let head = bench.gateway.head("GET", "/v1/x", "");
        for part in ["", "GET", &head] {
            let (response, taken) = timed(raw(bench.gateway.address, part.as_bytes())).await;
            assert!(taken >= HEAD && taken <= 2 * HEAD + STEP, "{part:?}: {taken:?}");
            bench.has_no_secret(&String::from_utf8(response).unwrap());
            bench.is_undisturbed().await;
        }
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn a_service_that_says_nothing_is_not_waited_for_longer_than_the_limit() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        // Nothing at all, an interim response, and a head without its end.
        for answer in ["", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-le"] {
            let mut client =
                bench.send(&bench.gateway.head("GET", "/v1/x", "Connection: close\r\n\r\n")).await;
            let (mut upstream, _) = service.request().await;
            upstream.write_all(answer.as_bytes()).await.unwrap();
            let (response, taken) = timed(rest_of(&mut client)).await;
            is_about(taken, RESPONSE);
            let message = bench.refusal(&parsed(&response), 504, "upstream_timeout");
            assert_eq!(message, format!("{} did not begin to answer in 600 s", service.url()));
            assert_eq!(rest_of(&mut upstream).await, "", "the connection to the service has ended");
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn interim_responses_do_not_prolong_the_time_for_the_answer() {
    watched(async |log| {
        let service = Service::new().await;
        let bench = Bench::new(&log, &service.url(), "").await;
        let mut client = bench.send(&bench.gateway.head("GET", "/v1/x", "Connection: close\r\n\r\n")).await;
        let (mut upstream, _) = service.request().await;
        let answers = async {
            loop {
                tokio::time::sleep(RESPONSE / 5).await;
                let _ = upstream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await;
            }
        };
        let answered = async {
            tokio::select! { text = rest_of(&mut client) => text, () = answers => String::new() }
        };
        let (response, taken) = timed(answered).await;
        is_about(taken, RESPONSE);
        bench.refusal(&parsed(&response), 504, "upstream_timeout");
    });
}

#[test]
fn an_answer_that_drips_arrives_and_one_that_stops_is_cut() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let mut client = bench.send(&bench.gateway.head("GET", "/v1/x", "\r\n")).await;
        let (mut upstream, _) = service.request().await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
        for number in 0..5 {
            pass(PAUSE - 2 * STEP).await;
            upstream.write_all(format!("2\r\n{number};\r\n").as_bytes()).await.unwrap();
            read_until(&mut client, &format!("{number};")).await;
        }
        bench.is_undisturbed().await;
        let (rest, taken) = timed(rest_of(&mut client)).await;
        is_about(taken, PAUSE);
        assert!(!is_whole(&rest), "a broken body does not look whole: {rest}");
        assert_eq!(rest_of(&mut upstream).await, "", "the connection to the service has ended");
        bench.is_undisturbed().await;
    });
}

/// Reads a connection to the service until all that the gateway and the system can hold is there.
async fn fill(upstream: &mut TcpStream) {
    let part = [b'x'; 1 << 16];
    loop {
        let (written, _) = timed(async {
            tokio::select! {
                written = upstream.write(&part) => Some(written.unwrap()),
                () = tokio::time::sleep(2 * STEP) => None,
            }
        })
        .await;
        if written.is_none() {
            return;
        }
    }
}

#[test]
fn a_client_that_does_not_read_holds_no_service_for_longer_than_the_limit() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        let client = bench.send(&bench.gateway.head("GET", "/v1/x", "\r\n")).await;
        let (mut upstream, _) = service.request().await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
        fill(&mut upstream).await;
        bench.is_undisturbed().await;
        let (ended, taken) = timed(upstream.read(&mut [0; 1])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        assert!(taken <= HEAD + 3 * STEP, "{taken:?}");
        drop(client);
        bench.is_undisturbed().await;
    });
}

#[test]
fn a_client_that_goes_in_its_body_leaves_no_whole_request() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "").await;
        for lines in ["Content-Length: 99\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"] {
            let client = bench.send(&bench.gateway.head("POST", "/v1/x", lines)).await;
            let (mut upstream, head) = service.request().await;
            drop(client);
            let got = head + &rest_of(&mut upstream).await;
            assert!(got.contains("begin") && !is_whole(&got), "{got}");
            bench.has_no_key(&got);
            bench.is_undisturbed().await;
        }
    });
}

/// A stream of events that begins with comments has the status 200 already: its error is an event.
#[test]
fn comments_end_with_the_time_for_the_answer_or_with_the_client() {
    watched(async |log| {
        let service = Service::new().await;
        let mut bench = Bench::new(&log, &service.url(), "keep_alive_seconds = 15").await;
        let body = r#"{"model":"gpt://f/m/latest","stream":true}"#;
        let lines = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let comment = ": the service has not answered yet\n\n";
        for the_client_goes in [true, false] {
            let mut client = bench.send(&bench.gateway.head("POST", "/v1/x", &lines)).await;
            let (mut upstream, _) = service.request().await;
            let (begin, taken) = timed(read_until(&mut client, comment)).await;
            is_about(taken, Duration::from_secs(15));
            assert!(begin.starts_with("HTTP/1.1 200 OK\r\n"), "{begin}");
            if the_client_goes {
                drop(client);
            } else {
                let (rest, taken) = timed(read_until(&mut client, "0\r\n\r\n")).await;
                is_about(taken, RESPONSE - Duration::from_secs(15));
                assert!(rest.matches(comment).count() > 30, "{rest}");
                let event = rest.split("data: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
                let event: serde_json::Value = serde_json::from_str(event).unwrap();
                assert_eq!(event["error"]["code"], "upstream_timeout");
                bench.has_no_secret(&rest);
            }
            assert_eq!(rest_of(&mut upstream).await, "", "the connection to the service has ended");
            bench.is_undisturbed().await;
        }
    });
}
