//! A TLS client for tests, that trusts one authority.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::raw_server::Authority;

/// A connection to a server that has a certificate for `name`.
///
/// # Errors
/// The server speaks no TLS, or its certificate is of another authority or another name.
pub async fn connect(
    address: SocketAddr,
    name: &str,
    authority: &Authority,
    protocols: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(name.to_owned().try_into().unwrap(), stream).await
}

/// Sends bytes, and returns everything that the server sends until it closes the connection.
///
/// # Errors
/// As [`connect`].
pub async fn raw(
    address: SocketAddr,
    name: &str,
    authority: &Authority,
    request: &str,
) -> io::Result<String> {
    let mut stream = connect(address, name, authority, &["http/1.1"]).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    // A server that closes the connection with unread bytes resets it. What arrived before the reset is returned.
    let _ = stream.read_to_end(&mut response).await;
    Ok(String::from_utf8_lossy(&response).into_owned())
}
