//! Failures before there is a connection: a refused connection, a timeout, a name, a request that cannot be sent.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use test_support::raw_server::RawServer;
use yandex_cloud_auth::system::{HttpFault, HttpOptions, HttpTransport, HyperTransport};
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, ErrorKind, OAuthTokenAuth, System};

use super::{TIME_LIMIT, fault, get, send, transport};

#[tokio::test]
async fn a_closed_port_is_refused() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        send(&transport(&[]), get(&format!("http://{address}/")), HttpOptions::new()).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::ConnectRefused);
    assert_eq!(error.to_string(), "cannot connect: connection refused");
    assert_eq!(fault(&format!("https://{address}/"), HttpOptions::new()).await, HttpFault::ConnectRefused);
}

#[tokio::test]
async fn a_full_backlog_is_a_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    for scheme in ["http", "https"] {
        let start = Instant::now();
        let options = HttpOptions::new().connect_timeout(Duration::from_millis(200));
        assert_eq!(fault(&format!("{scheme}://{address}/"), options).await, HttpFault::ConnectTimeout);
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(199) && elapsed < TIME_LIMIT / 4, "{scheme}: {elapsed:?}");
    }
}

#[tokio::test]
async fn silence_after_connecting_is_not_a_connect_timeout_and_dropping_closes_the_connection() {
    let (closed, when_closed) = channel();
    let server = RawServer::http(move |stream| closed.send(stream.read(&mut [0; 16]).unwrap_or(0)).unwrap());
    let transport = transport(&[]);
    let options = HttpOptions::new().connect_timeout(Duration::from_millis(100));
    let exchange = transport.send(get(&server.url("/")), options);
    let waited = tokio::time::timeout(Duration::from_millis(400), exchange).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(when_closed.recv_timeout(TIME_LIMIT), Ok(0));
}

#[tokio::test]
async fn a_silent_tls_handshake_is_a_connect_timeout() {
    let server = RawServer::start(|mut stream, _| drop(stream.read_to_end(&mut Vec::new())));
    let options = HttpOptions::new().connect_timeout(Duration::from_millis(200));
    assert_eq!(fault(&format!("https://{}/", server.address), options).await, HttpFault::ConnectTimeout);
}

#[tokio::test]
async fn a_name_that_no_resolver_accepts_is_a_name_resolution_fault() {
    // A label may have 63 bytes, so the resolver refuses the name without a query.
    let name = "a".repeat(64);
    let error =
        send(&transport(&[]), get(&format!("http://{name}.invalid/")), HttpOptions::new()).await.unwrap_err();
    assert_eq!(error.fault(), HttpFault::NameResolution);
    assert!(error.fault().is_before_connection());
    assert_eq!(error.to_string(), format!("the name {name}.invalid could not be resolved"));
}

/// As a hosts file that sends `localhost` to another computer, alone or beside this one.
#[tokio::test]
async fn a_loopback_name_leads_to_this_computer_or_nowhere() {
    let server = RawServer::http(|mut stream| {
        drop(std::io::Write::write_all(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n"));
    });
    let (here, elsewhere) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)));
    for name in ["localhost", "LOCALHOST", "iam.localhost"] {
        for scheme in ["http", "https"] {
            let other = transport(&[]).with_hosts([(name, elsewhere)]);
            let request = get(&format!("{scheme}://{name}:{}/", server.address.port()));
            let error = send(&other, request, HttpOptions::new()).await.unwrap_err();
            assert_eq!(error.fault(), HttpFault::NotLoopback, "{scheme} {name}: {error}");
            assert!(!error.fault().is_before_connection(), "a probe does not take it for an absent service");
        }
        let both = transport(&[]).with_hosts([(name, elsewhere), (name, here)]);
        let request = get(&format!("http://{name}:{}/", server.address.port()));
        assert_eq!(send(&both, request, HttpOptions::new()).await.unwrap().status(), 204, "{name}");
    }
}

#[test]
fn no_secret_goes_to_a_loopback_name_that_leads_elsewhere() {
    for endpoint in ["http://localhost:9", "http://iam.localhost:9", "https://localhost:9"] {
        let elsewhere = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        let environment = TestEnvironment::new([("YC_API_ENDPOINT", endpoint)]);
        let names = ["localhost", "iam.localhost"].map(|name| (name, elsewhere));
        let http = HyperTransport::new(Arc::new(environment.clone())).with_hosts(names);
        let system = System::real().with_environment(environment).with_http(http);
        let oauth = OAuthTokenAuth::new("y0_FAKE-oauth-token").unwrap();
        let error = Credentials::from(oauth).with_system(system).blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Blocked, "{endpoint}: {error}");
        assert!(error.help().unwrap().contains("hosts file"), "{error:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_http_is_not_sent() {
    for url in ["ftp://localhost/", "/latest", "localhost:80"] {
        assert_eq!(fault(url, HttpOptions::new()).await, HttpFault::Request, "{url}");
    }
}

#[test]
fn a_request_outside_of_a_runtime_is_an_error_and_not_a_panic() {
    let transport = transport(&[]);
    let mut exchange = transport.send(get("http://127.0.0.1:1/"), HttpOptions::new());
    let Poll::Ready(Err(error)) = exchange.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it should fail at once");
    };
    assert_eq!(error.fault(), HttpFault::Request);
}
