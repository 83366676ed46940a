//! Compressed messages over gRPC.

use std::io::Write;

use crate::common::grpc;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use test_support::http_client::{Response, call};
use tonic::Code;
use yandex_cloud_emulator::Emulator;

/// The largest message, in bytes.
const LIMIT: usize = 4 << 20;

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

/// Asks for an endpoint with a message that is marked as compressed.
async fn ask(emulator: &Emulator, encoding: Option<&str>, message: &[u8]) -> Response {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[1], &length[..], message].concat();
    let mut headers = vec![("content-type", "application/grpc")];
    headers.extend(encoding.map(|encoding| ("grpc-encoding", encoding)));
    call("POST", &format!("{}{}", emulator.api_url(), grpc::GET), &headers, body).await
}

#[tokio::test]
async fn reads_a_message_with_gzip() {
    let emulator = Emulator::start().await.unwrap();
    let reply = ask(&emulator, Some("gzip"), &gzip(&grpc::text("iam").encode_to_vec())).await;
    assert_eq!(reply.header("grpc-accept-encoding"), "identity,gzip");
    // The status of a success is in the trailers; that of an error would be here.
    assert_eq!(reply.header("grpc-status"), "");
    let endpoint = grpc::ApiEndpoint::decode(&reply.body[5..]).unwrap();
    assert_eq!((reply.body[0], endpoint.id.as_str()), (0, "iam"));
}

#[tokio::test]
async fn refuses_other_compressions_and_messages_that_are_too_large() {
    let emulator = Emulator::start().await.unwrap();
    let good = gzip(&grpc::text("iam").encode_to_vec());
    let mut broken = good.clone();
    broken.truncate(good.len() - 6);
    let largest = grpc::text(&"x".repeat(LIMIT - 5)).encode_to_vec();
    let over = grpc::text(&"x".repeat(LIMIT - 4)).encode_to_vec();
    let far_over = grpc::text(&"x".repeat(64 << 20)).encode_to_vec();
    for (encoding, message, code) in [
        (None, &good, Code::Internal),
        (Some("identity"), &good, Code::Internal),
        (Some("br"), &good, Code::Unimplemented),
        (Some("deflate"), &good, Code::Unimplemented),
        (Some("gzip"), &broken, Code::Internal),
        (Some("gzip"), &b"no gzip".to_vec(), Code::Internal),
        (Some("gzip"), &gzip(b"\xff\xff"), Code::Internal),
        // Whole and valid, but no endpoint has this id.
        (Some("gzip"), &gzip(&largest), Code::NotFound),
        (Some("gzip"), &gzip(&over), Code::ResourceExhausted),
        (Some("gzip"), &gzip(&far_over), Code::ResourceExhausted),
    ] {
        let reply = ask(&emulator, encoding, message).await;
        let what = format!("{encoding:?}, {} bytes: {}", message.len(), reply.header("grpc-message"));
        assert_eq!(reply.header("grpc-status"), i32::from(code).to_string(), "{what}");
        assert_eq!(reply.header("grpc-accept-encoding"), "identity,gzip", "{what}");
    }
}
