//! The API over TLS, with the certificate authority of the emulator.

use std::sync::Arc;

use crate::common::{FLAVOR, metadata_url};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use test_support::http_client::get;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use yandex_cloud_emulator::Emulator;

async fn connect(
    emulator: &Emulator,
    name: &'static str,
    trusted: bool,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    if trusted {
        let pem = emulator.ca_pem().unwrap();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(emulator.api_addr()).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await
}

#[tokio::test]
async fn serves_http1_and_http2_by_alpn() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    assert_eq!(emulator.api_url(), format!("https://{}", emulator.api_addr()));

    for name in ["localhost", "127.0.0.1", "::1"] {
        let stream = connect(&emulator, name, true, b"http/1.1").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/endpoints").header("host", emulator.api_addr().to_string());
        let response = send.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    let stream = connect(&emulator, "localhost", true, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://localhost:{}/endpoints/iam", emulator.api_addr().port()));
    let response = send.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["address"], format!("localhost:{}", emulator.api_addr().port()));
}

#[tokio::test]
async fn a_client_without_the_authority_refuses_the_certificate() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    assert!(connect(&emulator, "localhost", false, b"h2").await.is_err());
    assert!(connect(&emulator, "evil.example", true, b"h2").await.is_err());
    let other = Emulator::builder().tls(true).start().await.unwrap();
    assert_ne!(other.ca_pem(), emulator.ca_pem());
}

#[tokio::test]
async fn the_certificate_is_valid_for_the_given_names() {
    let builder = Emulator::builder().tls(true);
    let emulator =
        builder.host_name("IAM.api.cloud.yandex.net.").host_name("10.0.0.7").start().await.unwrap();
    for name in ["iam.api.cloud.yandex.net", "10.0.0.7", "localhost"] {
        assert!(connect(&emulator, name, true, b"h2").await.is_ok(), "{name}");
    }
    assert!(connect(&emulator, "llm.api.cloud.yandex.net", true, b"h2").await.is_err());

    let anywhere = "0.0.0.0:0".parse().unwrap();
    let builder = Emulator::builder().tls(true).listen(anywhere).allow_non_loopback(true);
    let emulator = builder.start().await.unwrap();
    let url: http::Uri = emulator.api_url().parse().unwrap();
    let host: &'static str = Box::leak(url.host().unwrap().to_owned().into_boxed_str());
    assert!(connect(&emulator, host, true, b"h2").await.is_ok(), "{host}");
}

#[tokio::test]
async fn the_metadata_service_uses_plain_http() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let reply = get(&metadata_url(&emulator, "yandex/folder-id"), &[FLAVOR]).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(Emulator::start().await.unwrap().ca_pem().is_none());
}
