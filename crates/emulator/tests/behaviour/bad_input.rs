//! Invalid requests: each gets an error, and the emulator keeps running.

use crate::common::{FLAVOR, api_key, grpc, message, token_url};
use http::StatusCode;
use test_support::http_client::{call, get, raw};
use tonic::Code;
use yandex_cloud_emulator::{Emulator, Service};

#[tokio::test]
async fn malformed_bodies_are_a_400() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let deep = "[".repeat(100_000);
    for path in [
        "/iam/v1/tokens",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/foundationModels/v1/completion",
        "/foundationModels/v1/completionAsync",
        "/foundationModels/v1/tokenize",
        "/foundationModels/v1/tokenizeCompletion",
        "/foundationModels/v1/textEmbedding",
        "/_emulator/faults",
        "/_emulator/clock/advance",
    ] {
        let bodies: [&[u8]; 8] = [
            b"",
            b"{",
            b"null",
            b"[]",
            b"\"text\"",
            b"{\"yandexPassportOauthToken\": 1, \"model\": 1, \"kind\": 1, \"seconds\": {}}",
            b"{\"yandexPassportOauthToken\": \"\xff\xfe\", \"model\": \"\xff\", \"kind\": \"\xff\", \"seconds\": \"\xff\"}",
            deep.as_bytes(),
        ];
        for body in bodies {
            let url = format!("{}{path}", emulator.api_url());
            let reply = call("POST", &url, &[("authorization", &key)], body.to_vec()).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path} {start}");
            assert_ne!(message(&reply), "", "{path} {start}");
        }
    }
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/iam/v1/tokens", emulator.api_url());
    let mut body = b"{\"yandexPassportOauthToken\": \"".to_vec();
    body.resize((4 << 20) + 1, b'x');
    let reply = call("POST", &url, &[], body).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_a_404_with_a_status() {
    let emulator = Emulator::start().await.unwrap();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/iam/v1/tokens"),
        ("POST", "/endpoints"),
        ("GET", "/endpoints/"),
        ("GET", "/endpoints/a/b"),
        ("PATCH", "/v1/models"),
        ("GET", "/v1/responses"),
        ("GET", "/v1/responses/a/cancel"),
        ("POST", "/v1/responses//cancel"),
        ("GET", "/operations/"),
        ("DELETE", "/operations/a"),
        ("POST", "/yandex.cloud.iam.v1.IamTokenService/Create"),
        ("GET", "/computeMetadata/v1/yandex/folder-id"),
        ("GET", "/_emulator"),
    ] {
        let reply = call(method, &format!("{}{path}", emulator.api_url()), &[], "").await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}");
        assert_ne!(message(&reply), "", "{method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_grpc_method_is_unimplemented() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    for path in [
        "/yandex.cloud.iam.v1.IamTokenService/CreateForComputeInstance",
        "/yandex.cloud.compute.v1.InstanceService/List",
        "/v1/models",
    ] {
        let request = grpc::bare(grpc::Nothing {});
        let error = grpc::unary::<_, grpc::Nothing>(&channel, path, request).await.unwrap_err();
        assert_eq!(error.code(), Code::Unimplemented, "{path}");
    }
    assert_eq!(emulator.counters().requests(Service::Other), 1);
}

#[tokio::test]
async fn a_broken_grpc_message_is_an_error() {
    let emulator = Emulator::start().await.unwrap();
    let channel = grpc::connect(emulator.api_addr()).await;
    // A string where a Message is expected.
    let request = grpc::with(
        &api_key(emulator.api_key()),
        grpc::Tokenize {
            model_uri: format!("gpt://{}/yandexgpt/latest", emulator.folder_id()),
            text: "\u{7f}\u{7f}\u{7f}".to_owned(),
        },
    );
    let error = grpc::unary::<_, grpc::Tokenized>(&channel, grpc::TOKENIZE_COMPLETION, request).await;
    assert_eq!(error.unwrap_err().code(), Code::Internal);
    let request = grpc::bare(grpc::text("iam"));
    assert!(grpc::unary::<_, grpc::ApiEndpoint>(&channel, grpc::GET, request).await.is_ok());
}

#[tokio::test]
async fn a_grpc_body_that_is_not_one_whole_message_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}{}", emulator.api_url(), grpc::GET);
    let mut large = b"\0\0\x40\0\x01".to_vec();
    large.resize(5 + (4 << 20) + 1, 0);
    let largest = [&b"\0\0\x40\0\0"[..], &b"\x0a\xfb\xff\xff\x01"[..], &vec![b'x'; (4 << 20) - 5]].concat();
    for (body, code) in [
        (b"".to_vec(), Code::Internal),
        (b"\0\0\0\0".to_vec(), Code::Internal),
        (b"\x01\0\0\0\0".to_vec(), Code::Internal),
        (b"\x02\0\0\0\0".to_vec(), Code::Internal),
        (b"\0\0\0\0\x02\x0a".to_vec(), Code::Internal),
        (b"\0\0\0\0\0\0\0\0\0\0".to_vec(), Code::Internal),
        (b"\0\xff\xff\xff\xff".to_vec(), Code::Internal),
        (b"\0\0\0\0\x02\xff\xff".to_vec(), Code::Internal),
        (large, Code::ResourceExhausted),
        // Whole and valid, but no endpoint has this id.
        (largest, Code::NotFound),
    ] {
        let start = format!("{:?}", &body[..body.len().min(12)]);
        let reply = call("POST", &url, &[("content-type", "application/grpc")], body).await;
        assert_eq!(reply.status, StatusCode::OK, "{start}");
        assert_eq!(reply.header("content-type"), "application/grpc", "{start}");
        assert_eq!(reply.header("grpc-status"), i32::from(code).to_string(), "{start}");
        assert_ne!(reply.header("grpc-message"), "", "{start}");
    }
}

#[tokio::test]
async fn random_bytes_do_not_stop_the_emulator() {
    let emulator = Emulator::start().await.unwrap();
    for address in [emulator.api_addr(), emulator.metadata_addr()] {
        for noise in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\xff\xff\xff\xff\xff\xff\xff",
            b"GET\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: \xff\xff\r\nConnection: close\r\n\r\n",
            b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
        ] {
            let half = tokio::net::TcpStream::connect(address).await.unwrap();
            half.writable().await.unwrap();
            let _ = half.try_write(noise);
            drop(half);
        }
        raw(address, b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n").await;
    }
    assert_eq!(get(&token_url(&emulator), &[FLAVOR]).await.status, StatusCode::OK);
    let url = format!("{}/endpoints", emulator.api_url());
    assert_eq!(get(&url, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let emulator = Emulator::start().await.unwrap();
    let key = api_key(emulator.api_key());
    let url = format!("{}/v1/models", emulator.api_url());
    let reply = get(&url, &[("authorization", &key), ("authorization", "Bearer t1.x")]).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}
