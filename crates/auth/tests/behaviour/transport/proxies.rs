//! Proxies: for TLS hosts only, by CONNECT or SOCKS5, and without their password in an error.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use test_support::proxy::{ProxyOptions, TestProxy};
use test_support::raw_server::{Authority, RawServer};
use yandex_cloud_auth::system::{HttpError, HttpFault, HttpOptions};

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

/// A proxy, the variable's value for it, the targets that it sees, and the name of the case.
type Case = (TestProxy, String, &'static str, &'static str);

fn kinds(authority: &Authority, server: SocketAddr) -> Vec<Case> {
    let https = || ProxyOptions::https(&authority.certify("127.0.0.1"));
    let (user, word, given) = ("us@er", "p/a?s#s:%", "us%40er:p%2Fa%3Fs%23s%3A%25@");
    let name = "iam.invalid:443";
    [
        (ProxyOptions::http(), "http", "", name),
        (ProxyOptions::http().credentials(user, word), "http", given, name),
        (https(), "https", "", name),
        (https().credentials(user, word), "https", given, name),
        (ProxyOptions::socks5(), "socks5h", "", name),
        (ProxyOptions::socks5(), "socks", "", name),
        (ProxyOptions::socks5().credentials(user, word), "socks5h", given, name),
        // The resolver of the test gives this address.
        (ProxyOptions::socks5(), "socks5", "", "192.0.2.1:443"),
        (ProxyOptions::socks5().credentials(user, word), "socks5", given, "192.0.2.1:443"),
    ]
    .into_iter()
    .map(|(options, scheme, given, target)| {
        let proxy = options.start(server);
        let value = proxy.url(scheme, given);
        (proxy, value, target, scheme)
    })
    .collect()
}

#[tokio::test]
async fn each_kind_of_proxy_opens_a_tunnel() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("iam.invalid"), OK);
    for (proxy, value, target, scheme) in kinds(&authority, server.address) {
        let transport = transport(&[("HTTPS_PROXY", &value)])
            .with_root_certificate_pem(authority.pem().as_bytes())
            .unwrap()
            .with_hosts([("iam.invalid", "192.0.2.1".parse().unwrap())]);
        for _ in 0..2 {
            let response = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap();
            assert_eq!(response.body(), b"secret", "{scheme}");
        }
        assert_eq!(proxy.tunnels(), [target, target], "{scheme}");
        let inside = server.request();
        assert!(inside.starts_with("GET / HTTP/1.1\r\nhost: iam.invalid\r\n"), "{inside}");
        assert!(!inside.to_lowercase().contains("proxy"), "{inside}");
    }
}

#[tokio::test]
async fn an_address_in_the_url_is_what_a_socks_proxy_gets() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("192.0.2.7"), OK);
    for scheme in ["socks5", "socks5h"] {
        let proxy = ProxyOptions::socks5().start(server.address);
        let transport = transport(&[("ALL_PROXY", &proxy.url(scheme, ""))])
            .with_root_certificate_pem(authority.pem().as_bytes())
            .unwrap();
        for (host, target) in [("192.0.2.7:8443", "192.0.2.7:8443"), ("[2001:db8::7]", "[2001:db8::7]:443")] {
            // The certificate is for one of the two; the other fails behind the proxy.
            let _ = send(&transport, get(&format!("https://{host}/")), HttpOptions::new()).await;
            assert_eq!(proxy.tunnels().last().unwrap(), target);
        }
    }
}

#[tokio::test]
async fn a_name_that_socks5_cannot_resolve_here_reaches_no_proxy() {
    let proxy = ProxyOptions::socks5().start(SocketAddr::from(([127, 0, 0, 1], 1)));
    let transport = transport(&[("HTTPS_PROXY", &proxy.url("socks5", ""))])
        .with_root_certificate_pem(Authority::new("ours").pem().as_bytes())
        .unwrap();
    let error = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::NameResolution);
    assert_eq!(error.to_string(), "the name iam.invalid could not be resolved");
    assert!(proxy.tunnels().is_empty());
}

#[tokio::test]
async fn the_certificate_of_a_proxy_is_verified() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = RawServer::tls(&ours.certify("iam.invalid"), OK);
    for (identity, reason) in [
        (theirs.certify("127.0.0.1"), "the server's certificate comes from an unknown issuer"),
        (ours.certify("other.example"), "the server's certificate is for another name"),
        (ours.certify_expired("127.0.0.1"), "the server's certificate has expired, or the clock is wrong"),
    ] {
        let proxy = ProxyOptions::https(&identity).start(server.address);
        let transport = transport(&[("HTTPS_PROXY", &proxy.url("https", "user:hidden@"))])
            .with_root_certificate_pem(ours.pem().as_bytes())
            .unwrap();
        let error = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::Tls);
        assert_eq!(error.to_string(), format!("no tunnel through the proxy {}: {reason}", proxy.address));
        assert!(proxy.tunnels().is_empty() && !error.is_transient());
    }
}

/// The error of a GET through the proxy of this value. It shows neither user nor password.
async fn failure(value: &str) -> HttpError {
    // The roots are not used: without a tunnel there is no TLS.
    let transport = transport(&[("HTTPS_PROXY", value)])
        .with_root_certificate_pem(Authority::new("ours").pem().as_bytes())
        .unwrap();
    let error = send(&transport, get("https://iam.invalid/"), HttpOptions::new()).await.unwrap_err();
    let shown = format!("{error} {error:?} {transport:?}");
    assert!(!shown.contains("hidden") && !shown.contains("user:"), "{shown}");
    error
}

#[tokio::test]
async fn a_refusal_carries_the_status_of_the_proxy() {
    use HttpFault::{Proxy, ProxyAuthentication};
    let (connect, socks) = (ProxyOptions::http, ProxyOptions::socks5);
    let required = "the proxy requires a user and a password";
    let refused = "the proxy did not accept the user and the password";
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (options, scheme, user, fault, is_transient, reason) in [
        (connect().refusal(302), "http", "", Proxy, false, "HTTP 302"),
        (connect().refusal(403), "http", "", Proxy, false, "HTTP 403"),
        (connect().refusal(404), "http", "", Proxy, false, "HTTP 404"),
        (connect().refusal(429), "http", "", Proxy, true, "HTTP 429"),
        (connect().refusal(502), "http", "", Proxy, true, "HTTP 502"),
        (connect().refusal(503), "http", "user:hidden@", Proxy, true, "HTTP 503"),
        (
            connect().credentials("user", "other"),
            "http",
            "",
            ProxyAuthentication,
            false,
            &*format!("HTTP 407: {required}"),
        ),
        (
            connect().credentials("user", "other"),
            "http",
            "user:hidden@",
            ProxyAuthentication,
            false,
            &*format!("HTTP 407: {refused}"),
        ),
        (socks().refusal(1), "socks5h", "", Proxy, true, "general server failure"),
        (socks().refusal(2), "socks5h", "", Proxy, false, "connection not allowed"),
        (socks().refusal(4), "socks5h", "", Proxy, true, "host unreachable"),
        (socks().refusal(5), "socks5h", "", Proxy, true, "connection refused"),
        (socks().credentials("user", "other"), "socks5h", "", ProxyAuthentication, false, required),
        (
            socks().credentials("user", "other"),
            "socks5h",
            "user:hidden@",
            ProxyAuthentication,
            false,
            refused,
        ),
        (
            socks(),
            "socks5h",
            "user:hidden@",
            ProxyAuthentication,
            false,
            "the proxy takes no user and no password",
        ),
    ] {
        let proxy = options.start(nowhere);
        let error = failure(&proxy.url(scheme, user)).await;
        assert_eq!(error.to_string(), format!("no tunnel through the proxy {}: {reason}", proxy.address));
        assert_eq!((error.fault(), error.is_transient()), (fault, is_transient), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_a_proxy_names_it_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let not_http = "the response is not HTTP: invalid HTTP version parsed";
    let cases = [
        ("http", Some("220 mail.example ESMTP\r\n"), not_http),
        ("http", Some(""), "the connection was closed before the whole response arrived"),
        ("http", None, "cannot connect: connection refused"),
        ("https", None, "cannot connect: connection refused"),
        ("socks5h", Some("HTTP/1.1 400 Bad Request\r\n\r\n"), "the response is not SOCKS5"),
        ("socks5h", Some(""), "the connection broke during the SOCKS handshake"),
        ("socks5h", None, "cannot connect: connection refused"),
    ];
    for (scheme, response, reason) in cases {
        let proxy = response.map(|response| match scheme {
            "http" => RawServer::replying(response),
            _ => RawServer::start(move |mut stream, _| {
                let _ = stream.read(&mut [0; 3]);
                let _ = stream.write_all(response.as_bytes());
            }),
        });
        let place = proxy.as_ref().map_or(closed, |proxy| proxy.address);
        let error = failure(&format!("{scheme}://user:hidden@{place}")).await;
        assert_eq!(error.fault(), HttpFault::Proxy, "{response:?}: {error}");
        assert_eq!(error.to_string(), format!("no tunnel through the proxy {place}: {reason}"));
    }
}

#[tokio::test]
async fn a_password_that_is_not_encoded_is_refused_before_anything_is_resolved() {
    for value in
        ["http://127.0.0.1:1/hidden@proxy:1", "socks5h://user:1#hidden@proxy:1", "user:1?hidden@proxy:1"]
    {
        let error = failure(value).await;
        assert_eq!(error.fault(), HttpFault::ProxyInvalid);
        assert_eq!(error.to_string(), "HTTPS_PROXY has `/`, `?` or `#` in the user or password");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn an_unusable_proxy_does_not_matter_to_a_host_without_one() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify(ANY), OK);
    let url = format!("https://{ANY}:{}/", server.address.port());
    let port = format!("{ANY}:{}", server.address.port());
    for (exceptions, works) in
        [("*", true), ("0.0.0.0/32", true), (port.as_str(), true), ("0.0.0.0:1", false)]
    {
        let transport =
            transport(&[("HTTPS_PROXY", "http://user:hid#den@proxy:1"), ("NO_PROXY", exceptions)])
                .with_root_certificate_pem(authority.pem().as_bytes())
                .unwrap();
        let outcome = send(&transport, get(&url), HttpOptions::new()).await;
        assert_eq!(outcome.is_ok(), works, "{exceptions}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_a_connect_timeout() {
    for (scheme, begin) in [("http", &b"HTTP/1.1 200"[..]), ("https", b"\x16\x03"), ("socks5h", b"\x05")] {
        let proxy = RawServer::start(move |mut stream, _| {
            // An answer before the question is not a silent proxy.
            let _ = stream.read(&mut [0; 1]);
            let _ = stream.write_all(begin);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let transport = transport(&[("HTTPS_PROXY", &format!("{scheme}://{}", proxy.address))])
            .with_root_certificate_pem(Authority::new("ours").pem().as_bytes())
            .unwrap();
        let options = HttpOptions::new().connect_timeout(Duration::from_millis(200));
        let error = send(&transport, get("https://iam.invalid/"), options).await.unwrap_err();
        assert_eq!(error.fault(), HttpFault::ConnectTimeout);
        let place = proxy.address;
        assert_eq!(error.to_string(), format!("no tunnel through the proxy {place}: no connection in time"));
    }
}
