//! Opens a tunnel through a proxy: `CONNECT` (RFC 9110, section 9.3.6), or SOCKS5 (RFC 1928 and 1929).
//!
//! `CONNECT` is sent by hyper and not by hyper-util's connector for tunnels, which hides the status of a refusal.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use rustls::ClientConfig;
use tower_service::Service;

use super::super::dial::Dial;
use super::super::exchange::{MAX_HEAD, connection_error, drive};
use super::super::link::Link;
use super::super::tls::start_tls;
use super::super::{HttpError, HttpFault};
use super::address::{Protocol, Proxy};

const REQUIRED: &str = "the proxy requires a user and a password";
const REFUSED: &str = "the proxy did not accept the user and the password";
const NOT_WANTED: &str = "the proxy takes no user and no password";

/// Opens a tunnel to `target`, a TLS host. TLS to the target is up to the caller; `tls` is for the proxy.
pub(in super::super) async fn open_tunnel(
    proxy: &Proxy,
    target: &Uri,
    dial: &Dial,
    tls: &Arc<ClientConfig>,
) -> Result<Link, HttpError> {
    // A name without an address says nothing about the proxy.
    let destination = Destination::of(target, proxy.protocol, dial).await?;
    let tunnel = async {
        let address = proxy.uri()?;
        let link = Link::new(dial.open(&address).await?);
        match proxy.protocol {
            Protocol::Http => connect(link, proxy, &destination).await,
            Protocol::Https => {
                let link = Link::new(start_tls(link, Arc::clone(tls), address).await?);
                connect(link, proxy, &destination).await
            }
            Protocol::Socks5 | Protocol::Socks5h => socks(link, proxy, address, &destination).await,
        }
    };
    tunnel.await.map_err(|error: HttpError| proxy.failed(&error))
}

/// Where a tunnel leads to, as `host:port`.
struct Destination(String);

impl Destination {
    async fn of(target: &Uri, protocol: Protocol, dial: &Dial) -> Result<Self, HttpError> {
        let host = target.host().unwrap_or_default();
        let port = target.port_u16().unwrap_or(443);
        let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
        if protocol != Protocol::Socks5 || is_address {
            return Ok(Self(format!("{host}:{port}")));
        }
        let address = dial.resolve(host).await?;
        Ok(Self(match address {
            IpAddr::V4(address) => format!("{address}:{port}"),
            IpAddr::V6(address) => format!("[{address}]:{port}"),
        }))
    }
}

async fn connect(link: Link, proxy: &Proxy, destination: &Destination) -> Result<Link, HttpError> {
    let destination = destination.0.as_str();
    let mut request = Request::connect(destination).header(HOST, destination);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|_| HttpError::new(HttpFault::Request, "the host cannot be asked for"))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        // Old proxies compare the names of headers byte by byte.
        .title_case_headers(true)
        .handshake(link)
        .await
        .map_err(|error| connection_error(&error))?;
    let tunnel = async move {
        let response = sender.send_request(request).await.map_err(|error| connection_error(&error))?;
        match response.status() {
            status if status.is_success() => {
                hyper::upgrade::on(response).await.map_err(|error| connection_error(&error))
            }
            status => Err(refusal(status, proxy)),
        }
    };
    drive(connection.with_upgrades(), tunnel).await.map(Link::new)
}

/// The error for a proxy that answers `CONNECT` with another status than 2xx.
fn refusal(status: StatusCode, proxy: &Proxy) -> HttpError {
    let code = status.as_u16();
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let reason = if proxy.credentials.is_some() { REFUSED } else { REQUIRED };
        return HttpError::new(HttpFault::ProxyAuthentication, format!("HTTP {code}: {reason}"));
    }
    let is_transient = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    HttpError { is_transient, ..HttpError::new(HttpFault::Proxy, format!("HTTP {code}")) }
}

async fn socks(
    link: Link,
    proxy: &Proxy,
    address: Uri,
    destination: &Destination,
) -> Result<Link, HttpError> {
    let target = format!("https://{}/", destination.0).parse::<Uri>();
    let target = target.map_err(|_| HttpError::new(HttpFault::Request, "the host cannot be asked for"))?;
    let mut connector = SocksV5::new(address, link.connector());
    if let Some(given) = &proxy.credentials {
        connector = connector.with_auth(given.user.to_string(), given.password.to_string());
    }
    connector.call(target).await.map_err(|error| socks_error(&error.to_string(), proxy))
}

/// The error for a failed handshake of SOCKS5. The connector's error has no public type; its text is a fixed phrase.
fn socks_error(text: &str, proxy: &Proxy) -> HttpError {
    let phrase = text.trim_start_matches("SOCKS error: ");
    let authentication = |why: &str| HttpError::new(HttpFault::ProxyAuthentication, why);
    let (reason, is_transient) = match phrase {
        "credentials not accepted" => return authentication(REFUSED),
        "server does not support user/pass authentication"
        | "server implements authentication incorrectly" => {
            return authentication(if proxy.credentials.is_some() { NOT_WANTED } else { REQUIRED });
        }
        "failed parsing server response" => ("the response is not SOCKS5", true),
        "io error during SOCKS handshake" => ("the connection broke during the SOCKS handshake", true),
        "connection not allowed" | "command not supported" | "address type not supported" => (phrase, false),
        _ => (phrase, true),
    };
    HttpError { is_transient, ..HttpError::new(HttpFault::Proxy, reason) }
}
