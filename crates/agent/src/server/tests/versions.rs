//! The version of HTTP: a client chooses one, where the service has both.

use http::{StatusCode, Version};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::raw_server::Authority;
use test_support::tls_client;

use super::{PREFACE, ask, body, http2, raw, served, start, version};
use crate::config::{Limits, TlsConfig};
use crate::server::{Bound, Served, Server, Tls};
use crate::service::Protocol;

fn first_version(server: &Server) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.tcp()).into_bytes()
}

#[tokio::test]
async fn a_client_chooses_the_version_by_its_first_bytes() {
    let server = start(version(Protocol::Both), Limits::default()).await;
    let response = raw(&server, &first_version(&server)).await;
    assert!(response.starts_with(b"HTTP/1.1 200 ") && response.ends_with(b"HTTP/1.1"), "{response:?}");
    let response = ask(&mut http2(&server).await, &server).await;
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(body(response).await, "HTTP/2.0");
    // A service of the first version alone.
    let server = start(version(Protocol::Http1), Limits::default()).await;
    let response = raw(&server, PREFACE).await;
    assert!(response.is_empty() || response.starts_with(b"HTTP/1.1 4"), "{response:?}");
}

#[tokio::test]
async fn a_client_chooses_the_version_in_the_handshake_of_tls() {
    let authority = Authority::new("FAKE CA");
    let [certificate, key] = authority.certify("agent.example").pem();
    let folder = std::env::temp_dir().join(format!("yc-auth-agent-tls-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let config = TlsConfig { certificate: folder.join("c"), key: folder.join("k") };
    std::fs::write(&config.certificate, certificate).unwrap();
    std::fs::write(&config.key, key).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&config.key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let load = |protocol| Tls::load(&config, protocol).unwrap();
    let all = [(Protocol::Both, load(Protocol::Both)), (Protocol::Http1, load(Protocol::Http1))];
    std::fs::remove_dir_all(&folder).unwrap();
    for (protocol, tls) in all {
        let bound = Bound::any().await;
        let server =
            Server::start(bound, Served { tls: Some(tls), ..served(version(protocol), Limits::default()) });
        let connect = |names: &'static [&'static str]| {
            tls_client::connect(server.tcp(), "agent.example", &authority, names)
        };
        let offered = connect(&["h2", "http/1.1"]).await.unwrap();
        let chosen = offered.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let wanted: &[u8] = if protocol == Protocol::Both { b"h2" } else { b"http/1.1" };
        assert_eq!(chosen.as_deref(), Some(wanted));
        if protocol == Protocol::Both {
            let (mut client, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(offered)).await.unwrap();
            tokio::spawn(connection);
            assert_eq!(body(ask(&mut client, &server).await).await, "HTTP/2.0");
        } else {
            assert!(connect(&["h2"]).await.is_err());
        }
    }
}
