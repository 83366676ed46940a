//! Which clients can reach the emulator.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::common::{FLAVOR, grpc, token_url};
use http::StatusCode;
use http::uri::PathAndQuery;
use serde_json::json;
use test_support::http_client::{call, get, raw};
use tonic::transport::Endpoint;
use yandex_cloud_emulator::Emulator;

#[tokio::test]
async fn listens_only_on_loopback_unless_configured() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = Emulator::builder().listen(anywhere).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("0.0.0.0:0 is not a loopback address"), "{error}");
    let error = Emulator::builder().metadata_listen(anywhere).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);

    let emulator = Emulator::builder().listen(anywhere).allow_non_loopback(true).start().await.unwrap();
    let url = format!("http://127.0.0.1:{}/endpoints", emulator.api_addr().port());
    assert_eq!(get(&url, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_error_names_an_address_that_is_in_use() {
    let emulator = Emulator::start().await.unwrap();
    let error = Emulator::builder().listen(emulator.api_addr()).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&emulator.api_addr().to_string()), "{error}");
}

#[tokio::test]
async fn serves_ipv6_if_available() {
    let address: SocketAddr = "[::1]:0".parse().unwrap();
    let Ok(emulator) = Emulator::builder().listen(address).start().await else { return };
    let url = format!("{}/endpoints/iam", emulator.api_url());
    let reply = get(&url, &[]).await;
    assert_eq!(reply.json()["address"], emulator.api_addr().to_string());
}

#[tokio::test]
async fn every_port_checks_host_and_origin() {
    let emulator = Emulator::start().await.unwrap();
    let endpoints = format!("{}/endpoints", emulator.api_url());
    let state = format!("{}/_emulator/state", emulator.api_url());
    let token = token_url(&emulator);

    for (url, port) in [
        (endpoints, emulator.api_addr().port()),
        (state, emulator.api_addr().port()),
        (token, emulator.metadata_addr().port()),
    ] {
        let ask = async |headers: &[(&str, &str)]| get(&url, &[&[FLAVOR], headers].concat()).await.status;
        let other_port = format!("127.0.0.1:{}", port.wrapping_add(1));
        let rebound = format!("evil.example:{port}");
        assert_eq!(ask(&[]).await, StatusCode::OK, "{url}");
        assert_eq!(ask(&[("host", &format!("localhost:{port}"))]).await, StatusCode::OK, "{url}");
        assert_eq!(ask(&[("host", &format!("[::1]:{port}"))]).await, StatusCode::OK, "{url}");
        assert_eq!(ask(&[("host", &rebound)]).await, StatusCode::FORBIDDEN, "{url}");
        assert_eq!(ask(&[("host", &other_port)]).await, StatusCode::FORBIDDEN, "{url}");
        assert_eq!(ask(&[("origin", "http://localhost")]).await, StatusCode::FORBIDDEN, "{url}");
        assert_eq!(ask(&[("origin", "null")]).await, StatusCode::FORBIDDEN, "{url}");
    }
    assert_eq!(emulator.counters().tokens_issued(), 1);
}

#[tokio::test]
async fn the_control_api_refuses_other_origins() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/_emulator/tokens/issue", emulator.api_url());
    let body = json!({}).to_string();
    let reply = call("POST", &url, &[("origin", "https://evil.example")], body.clone()).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let reply = call("POST", &url, &[("host", "evil.example")], body).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert_eq!(emulator.counters().tokens_issued(), 0);
}

#[tokio::test]
async fn requires_exactly_one_host() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.api_addr();
    for head in [
        "GET /endpoints HTTP/1.0\r\n".to_owned(),
        format!("GET /endpoints HTTP/1.1\r\nHost: {address}\r\nHost: evil.example\r\nConnection: close\r\n"),
        format!("GET http://evil.example/endpoints HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"),
    ] {
        let response = raw(address, format!("{head}\r\n").as_bytes()).await;
        let response = String::from_utf8_lossy(&response).into_owned();
        assert!(response.contains(" 403 ") || response.contains(" 400 "), "{head}{response}");
    }
}

#[tokio::test]
async fn grpc_checks_the_authority() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.api_addr();
    let ask = async |origin: String| {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.origin(origin.parse().unwrap()).connect().await.unwrap();
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<grpc::Nothing, grpc::Endpoints>::default();
        client.unary(grpc::bare(grpc::Nothing {}), PathAndQuery::from_static(grpc::LIST), codec).await
    };
    assert!(ask(format!("http://localhost:{}", address.port())).await.is_ok());
    let error = ask(format!("http://evil.example:{}", address.port())).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::PermissionDenied);
}

#[tokio::test]
async fn accepts_a_configured_host_name() {
    let emulator = Emulator::builder().host_name("emulator").start().await.unwrap();
    let url = format!("{}/endpoints/iam", emulator.api_url());
    let reply = get(&url, &[("host", "emulator:8080")]).await;
    assert_eq!(reply.json()["address"], "emulator:8080");
    let refused = get(&url, &[("host", "other:8080")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("`--host-name`"), "{}", refused.text());
}

#[tokio::test]
async fn refuses_a_host_name_that_is_none() {
    for name in ["", "*.api.cloud.yandex.net", "https://cloud", "cloud:443"] {
        let error = Emulator::builder().host_name(name).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("host name {name:?}")), "{error}");
    }
}
