//! gRPC through the gateway: streams both ways, refusals, services that break off, and clients that go.

use std::io;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Frame;
use test_support::token_source::unavailable;
use test_support::wait::HOUR;
use tokio::io::AsyncWriteExt;

use crate::common::passing;
use crate::gateway_bench::{read_until, timed, watched};
use crate::grpc_bench::{
    CALLS, Client, Grpc, METHOD, headers, message, next, refusal, streamed, trailers_only,
};
use crate::http2_frames::{
    DATA, END_HEADERS, END_STREAM, End, HEADERS, OK, RST_STREAM, connect, end, fields, frame,
};

#[test]
fn messages_go_both_ways_as_they_come() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let (body, mut request) = (streamed(), client.begin());
        drop(body);
        let (sender, response) = (&mut request.0, request.1);
        let call = service.call().await;
        assert_eq!((call.head.uri.path(), call.authorization()), (METHOD, "Bearer t1.fake.0"));
        assert_eq!(call.head.headers["te"], "trailers");
        bench.has_no_key(&format!("{:?}", call.head));
        let (answers, mut heard) = call.begin();
        let mut said = response.await.unwrap().into_body();
        assert_eq!(next(&mut heard).await, "first");
        for number in 0..3 {
            answers.send(Ok(message(&format!("answer {number}")))).unwrap();
            assert_eq!(next(&mut said).await, format!("answer {number}"));
            sender.send(Ok(message(&format!("word {number}")))).unwrap();
            assert_eq!(next(&mut heard).await, format!("word {number}"));
        }
        let trailers = headers(&[("grpc-status", "0"), ("x-own", "a")]);
        answers.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
        drop(answers);
        assert_eq!(said.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        bench.is_undisturbed().await;
    });
}

#[test]
fn a_refused_token_is_replaced_once() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let response = tokio::spawn(client.unary());
        let call = service.call().await;
        assert_eq!(call.authorization(), "Bearer t1.fake.0");
        call.reply(trailers_only("16", "the token has expired"));
        let call = service.call().await;
        assert_eq!(call.authorization(), "Bearer t1.fake.1");
        let (answers, mut heard) = call.begin();
        assert_eq!(next(&mut heard).await, "first");
        answers.send(Ok(message("good"))).unwrap();
        assert_eq!(next(&mut response.await.unwrap().unwrap().into_body()).await, "good");

        // The next token is refused, too: the client is told what the service said.
        bench.clock.advance(HOUR / 60);
        let response = tokio::spawn(client.unary());
        for _ in 0..2 {
            service.call().await.reply(trailers_only("16", "no such account"));
        }
        let response = response.await.unwrap().unwrap();
        assert_eq!(refusal(&response), ("16", "no such account"));
        assert!(service.has_no_call());
        bench.is_undisturbed().await;
    });
}

#[test]
fn another_status_is_what_the_service_said() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        for status in (1..=15).chain([17, 99]).map(|status| status.to_string()) {
            let response = tokio::spawn(client.unary());
            let mut reply = trailers_only(&status, "in its own %E2%9C%93 words");
            reply.headers_mut().insert("grpc-status-details-bin", "CAUSAA".parse().unwrap());
            service.call().await.reply(reply);
            let response = response.await.unwrap().unwrap();
            assert_eq!(refusal(&response), (status.as_str(), "in its own %E2%9C%93 words"));
            assert_eq!(response.headers()["grpc-status-details-bin"], "CAUSAA");
            assert!(service.has_no_call());
        }
        bench.is_undisturbed().await;
        // The first token is good, so that no other was fetched.
        assert_eq!(bench.source.started(), 1);
    });
}

/// What was said cannot be taken back.
#[test]
fn a_refusal_after_a_message_is_not_answered_by_another_attempt() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let response = tokio::spawn(client.unary());
        let (answers, _) = service.call().await.begin();
        let mut said = response.await.unwrap().unwrap().into_body();
        answers.send(Ok(message("begin"))).unwrap();
        assert_eq!(next(&mut said).await, "begin");
        let trailers = headers(&[("grpc-status", "16"), ("grpc-message", "expired")]);
        answers.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
        assert_eq!(said.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        assert!(service.has_no_call());
        bench.is_undisturbed().await;
    });
}

#[test]
fn a_service_that_resets_a_call_ends_this_call_alone() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let response = tokio::spawn(client.unary());
        drop(service.call().await);
        let response = response.await.unwrap().unwrap();
        let (status, text) = refusal(&response);
        assert_eq!(status, "14", "{text}");
        assert!(text.starts_with(&format!("the request to {} failed: ", service.url)), "{text}");
        bench.has_no_secret(text);
        bench.is_undisturbed().await;

        // In the middle of its answer. Another call on the same connections goes on.
        let other = tokio::spawn(client.unary());
        let (other_answers, _) = service.call().await.begin();
        let mut other_said = other.await.unwrap().unwrap().into_body();
        let response = tokio::spawn(client.unary());
        let (answers, _) = service.call().await.begin();
        let mut said = response.await.unwrap().unwrap().into_body();
        answers.send(Ok(message("begin"))).unwrap();
        assert_eq!(next(&mut said).await, "begin");
        answers.send(Err(io::Error::other("broken"))).unwrap();
        assert!(said.frame().await.unwrap().is_err());
        other_answers.send(Ok(message("more"))).unwrap();
        assert_eq!(next(&mut other_said).await, "more");
        bench.is_undisturbed().await;
    });
}

#[test]
fn a_service_that_says_nothing_is_not_waited_for_longer_than_the_limit() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench_with(&log, "response_seconds = 100").await;
        let mut client = Client::new(&bench).await;
        // The client has said all that it wants, and may say more.
        for ends in [true, false] {
            let (sender, response) = client.begin();
            let sender = Some(sender).filter(|_| !ends);
            let response = tokio::spawn(response);
            let mut call = service.call().await;
            assert_eq!(next(&mut call.body).await, "first");
            let (response, taken) = timed(response).await;
            let response = response.unwrap().unwrap();
            let text = format!("{} did not begin to answer in 100 s", service.url);
            assert_eq!(refusal(&response), ("4", text.as_str()));
            assert!(taken >= Duration::from_secs(100) && taken < Duration::from_secs(104), "{taken:?}");
            // The call at the service ends, too.
            call.reply.closed().await;
            drop(sender);
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn a_client_that_is_slow_or_sends_too_much_is_told_so() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench_with(&log, "request_bytes = 100").await;
        let mut client = Client::new(&bench).await;
        for (more, status, text) in [("", "4", "took too long"), (&"x".repeat(100), "8", "too long")] {
            let (sender, response) = client.begin();
            let response = tokio::spawn(response);
            let mut call = service.call().await;
            assert_eq!(next(&mut call.body).await, "first");
            if !more.is_empty() {
                sender.send(Ok(message(more))).unwrap();
            }
            let (response, taken) = timed(response).await;
            let response = response.unwrap().unwrap();
            let (found, said) = refusal(&response);
            assert!(found == status && said.contains(text), "{found} {said}");
            assert!(taken < Duration::from_secs(304) && (taken.is_zero() || more.is_empty()), "{taken:?}");
            assert!(call.body.frame().await.unwrap().is_err(), "the request has no end");
            call.reply.closed().await;
            bench.is_undisturbed().await;
        }
    });
}

/// A client cancels by a frame that resets the stream, whether it has said all that it wants or not.
#[test]
fn the_call_at_the_service_ends_when_the_client_cancels() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let mut bench = service.bench(&log).await;
        let cancel = frame(RST_STREAM, 0, &8_u32.to_be_bytes());
        for flags in [0, END_STREAM] {
            let more = [("content-type", "application/grpc"), ("te", "trailers")];
            let head = frame(HEADERS, END_HEADERS, &fields(&bench.gateway, METHOD, &more));
            let call = [head, frame(DATA, flags, b"\0\0\0\0\x05first")].concat();
            // Before the answer: the service drops what works on it.
            let mut client = connect(bench.gateway.address).await;
            client.write_all(&call).await.unwrap();
            let mut reached = service.call().await;
            client.write_all(&cancel).await.unwrap();
            reached.reply.closed().await;
            bench.is_undisturbed().await;

            // In the middle of the answer.
            let mut client = connect(bench.gateway.address).await;
            client.write_all(&call).await.unwrap();
            let (answers, mut heard) = service.call().await.begin();
            assert_eq!(next(&mut heard).await, "first");
            answers.send(Ok(message("begin"))).unwrap();
            assert_eq!(end(&mut client).await, End::Response(OK));
            read_until(&mut client, "begin").await;
            client.write_all(&cancel).await.unwrap();
            answers.closed().await;
            let rest = heard.frame().await;
            assert!(flags == END_STREAM || rest.is_some_and(|rest| rest.is_err()), "the request has no end");
            bench.is_undisturbed().await;
        }
    });
}

#[test]
fn the_trailers_of_a_request_stay_here() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let (sender, _response) = client.begin();
        sender.send(Ok(Frame::trailers(headers(&[("x-key", &bench.gateway.key)])))).unwrap();
        drop(sender);
        let mut heard = service.call().await.body;
        assert_eq!(next(&mut heard).await, "first");
        // The end may be a part without data.
        let rest = heard.collect().await.unwrap();
        assert_eq!(rest.trailers(), None);
    });
}

#[test]
fn more_calls_are_open_than_the_service_takes_on_one_connection() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let bench = service.bench(&log).await;
        let (mut responses, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let mut client = Client::new(&bench).await;
            responses.extend((0..CALLS).map(|_| tokio::spawn(client.unary())));
        }
        for _ in 0..3 * CALLS {
            calls.push(service.call().await);
        }
        for call in calls {
            call.reply(trailers_only("0", ""));
        }
        for response in responses {
            assert_eq!(refusal(&response.await.unwrap().unwrap()).0, "0");
        }
    });
}

#[test]
fn a_refusal_of_the_gateway_has_the_form_of_grpc() {
    watched(async |log| {
        let mut service = Grpc::new().await;
        let bench = service.bench(&log).await;
        let mut client = Client::new(&bench).await;
        let request = client.request("/other.cloud.v1.Service/Method", streamed().1);
        let response = client.connection.send_request(request).await.unwrap();
        assert_eq!(refusal(&response).0, "12");

        let mut stranger = Client { key: format!("{}x", client.key), ..Client::new(&bench).await };
        let response = stranger.unary().await.unwrap();
        let (status, text) = refusal(&response);
        assert!(status == "16" && text.contains("key file"), "{status} {text}");
        bench.has_no_secret(text);

        bench.source.set(|_| Err(unavailable().at("t1.fake.in-an-error")));
        bench.clock.advance(12 * HOUR);
        let response = passing(&bench.clock, client.unary()).await.unwrap();
        let (status, text) = refusal(&response);
        assert!(status == "14" && text.contains("the source is down"), "{status} {text}");
        bench.has_no_secret(text);
        assert!(service.has_no_call());
    });
}
