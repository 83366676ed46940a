//! Proxies: for TLS hosts only, by CONNECT, and without their password in an error.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use test_support::raw_server::{Authority, RawServer};
use yandex_cloud_auth::system::{HttpFault, HttpOptions};

use super::{get, send, transport};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

/// This computer by an address that is not loopback.
const ANY: &str = "0.0.0.0";

#[tokio::test]
async fn a_tls_host_is_reached_through_the_proxy() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("iam.invalid"), OK);
    let proxy = RawServer::tunnel_to(server.address);
    let address = format!("http://user:p%40ss@{}", proxy.address);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let transport =
            transport(&[(variable, &address)]).with_root_certificate_pem(authority.pem().as_bytes()).unwrap();
        let request =
            http::Request::post("https://iam.invalid/iam/v1/tokens").body(b"fake".to_vec()).unwrap();
        let response = send(&transport, request, HttpOptions::new()).await.unwrap();
        assert_eq!(response.body(), b"secret");

        let (outside, inside) = (proxy.request(), server.request());
        assert!(outside.starts_with("CONNECT iam.invalid:443 HTTP/1.1\r\n"), "{outside}");
        assert!(outside.contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{outside}");
        assert!(inside.starts_with("POST /iam/v1/tokens HTTP/1.1\r\nhost: iam.invalid\r\n"), "{inside}");
        assert!(!inside.to_lowercase().contains("proxy"), "{inside}");
    }
}

#[tokio::test]
async fn exceptions_and_direct_requests_bypass_the_proxy() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify(ANY), OK);
    let proxy = RawServer::tunnel_to(server.address);
    let address = format!("http://{}", proxy.address);
    let url = format!("https://{ANY}:{}/", server.address.port());
    let (through, past) = (HttpOptions::new(), HttpOptions::new().direct());
    for (exceptions, options, proxied) in
        [("", through, true), ("other.example", through, true), (ANY, through, false), ("", past, false)]
    {
        let transport = transport(&[("HTTPS_PROXY", &address), ("NO_PROXY", exceptions)])
            .with_root_certificate_pem(authority.pem().as_bytes())
            .unwrap();
        let response = send(&transport, get(&url), options).await.unwrap();
        assert_eq!(response.body(), b"secret");
        assert_eq!(proxy.received_request(), proxied, "{exceptions:?} {options:?}");
    }
}

#[tokio::test]
async fn plain_http_and_loopback_never_go_through_a_proxy() {
    let proxy = RawServer::replying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
    let address = format!("http://{}", proxy.address);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables = names.map(|name| (name, address.as_str()));

    let plain = RawServer::replying("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright");
    for host in ["127.0.0.1", "localhost", ANY] {
        let url = format!("http://{host}:{}/", plain.address.port());
        let response = send(&transport(&variables), get(&url), HttpOptions::new()).await.unwrap();
        assert_eq!(response.body(), b"right", "{host}");
    }

    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("localhost"), OK);
    let transport = transport(&variables).with_root_certificate_pem(authority.pem().as_bytes()).unwrap();
    let url = format!("https://localhost:{}/", server.address.port());
    assert_eq!(send(&transport, get(&url), HttpOptions::new()).await.unwrap().body(), b"secret");
    assert!(!proxy.received_request());
}

#[tokio::test]
async fn an_error_of_a_proxy_names_it_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (Some("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "proxy authorization required"),
        (Some("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "unsuccessful"),
        (Some("220 mail.example ESMTP\r\n"), "unsuccessful"),
        (Some(""), "unexpected end of file"),
        (None, "connection refused"),
    ];
    for (response, reason) in cases {
        let proxy = response.map(RawServer::replying);
        let place = proxy.as_ref().map_or(closed, |proxy| proxy.address);
        // The roots are not used: without a tunnel there is no TLS.
        let transport = transport(&[("HTTPS_PROXY", &format!("http://user:hidden@{place}"))])
            .with_root_certificate_pem(Authority::new("ours").pem().as_bytes())
            .unwrap();
        let error = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Proxy, "{response:?}: {error}");
        assert_eq!(error.to_string(), format!("no tunnel through the proxy {place}: {reason}"));
        let shown = format!("{error} {error:?} {transport:?}");
        assert!(!shown.contains("hidden") && !shown.contains("user"), "{shown}");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_a_connect_timeout() {
    let proxy = RawServer::http(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200");
        let _ = std::io::copy(stream, &mut std::io::sink());
    });
    let transport = transport(&[("HTTPS_PROXY", &format!("http://{}", proxy.address))]);
    let options = HttpOptions::new().connect_timeout(Duration::from_millis(200));
    let error = send(&transport, get("https://iam.invalid/"), options).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::ConnectTimeout);
}

#[tokio::test]
async fn an_unsupported_proxy_fails_the_request() {
    let transport = transport(&[("HTTPS_PROXY", "socks5://user:hidden@127.0.0.1:1080")]);
    let error = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::Proxy);
    assert_eq!(error.to_string(), "HTTPS_PROXY names a proxy over socks5: only http:// is supported");
}
