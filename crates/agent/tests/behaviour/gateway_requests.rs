//! Requests that the gateway refuses or changes, because the token or the key could get out; and what a reload means for the
//! streams of a gateway.

use test_support::http_client::raw;
use test_support::http_server::{Reply, Server};
use test_support::wait::{on_runtime, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{ErrorKind, NoAuth};
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, Gateway, ONE, free_port, of, start, tokens, upstream};
use crate::gateway_bench::{parsed, read_until};

const SWITCH: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: FAKEFAKE\r\nSec-WebSocket-Version: 13\r\n";

/// The answer to a request, and the connection ends.
async fn asked(gateway: &Gateway, method: &str, path: &str, rest: &str) -> (u16, String) {
    let request = gateway.head(method, path, &format!("Connection: close\r\n{rest}"));
    let response = soon(raw(gateway.address, request.as_bytes())).await;
    let response = parsed(std::str::from_utf8(&response).unwrap());
    let code = response.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
    (response.status.as_u16(), code)
}

/// The service may answer before it has read the body. The next request on the connection would be this body then.
#[test]
fn a_request_for_a_web_socket_has_no_body() {
    on_runtime(async {
        let service = Server::always(Reply::body(404, "no"));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        for body in [
            "Content-Length: 40\r\n\r\nGET /v1/hidden HTTP/1.1\r\nHost: a.example\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ] {
            let found = asked(&gateway, "POST", "/v1/realtime", &format!("{SWITCH}{body}")).await;
            assert_eq!(found, (400, "invalid_body".to_owned()), "{body}");
        }
        assert_eq!(service.requests().len(), 0);
        let request = gateway.head("GET", "/v1/realtime", &format!("{SWITCH}Content-Length: 0\r\n\r\n"));
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut client, "404").await;
        assert_eq!(service.requests()[0].header("content-length"), None);
    });
}

#[test]
fn a_body_with_another_coding_than_chunks_is_refused() {
    on_runtime(async {
        let service = Server::always(Reply::status(200));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        for coding in ["gzip, chunked", "chunked, chunked"] {
            let rest = format!("Transfer-Encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
            let (status, _) = asked(&gateway, "POST", "/v1/x", &rest).await;
            assert_eq!(status, 400, "{coding}");
        }
        assert_eq!(service.requests().len(), 0);
    });
}

/// A service that has the method repeats the request in its answer.
#[test]
fn no_service_repeats_the_token() {
    on_runtime(async {
        let service = Server::always(Reply::status(200));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        assert_eq!(asked(&gateway, "TRACE", "/v1/x", "\r\n").await, (405, "invalid_method".to_owned()));
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn the_key_does_not_go_on_in_the_address() {
    on_runtime(async {
        let service = Server::always(Reply::status(200));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let path = format!("/v1/models?api_key={}", gateway.key);
        assert_eq!(asked(&gateway, "GET", &path, "\r\n").await, (400, "key_in_address".to_owned()));
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn the_trailers_of_a_request_stay_here() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", service.local_addr().unwrap());
        let gateway = Gateway::to(&url, "", &tokens(), &TestClock::new()).await;
        let body = format!("3\r\nabc\r\n0\r\nx-key: {}\r\n\r\n", gateway.key);
        let lines = format!("Trailer: x-key\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        client.write_all(gateway.head("POST", "/v1/x", &lines).as_bytes()).await.unwrap();
        let (mut upstream, _) = soon(service.accept()).await.unwrap();
        let seen = read_until(&mut upstream, "3\r\nabc\r\n0\r\n").await;
        assert!(seen.ends_with("0\r\n\r\n") && !seen.to_lowercase().contains("trailer"), "{seen}");
    });
}

#[test]
fn a_web_socket_goes_on_after_a_reload_that_leaves_its_rights() {
    on_runtime(async {
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (source, clock, folder) = (tokens(), TestClock::new(), Folder::new());
        let (key, port) = (folder.join("gateway.key"), free_port());
        let config = |more: &str| {
            let gateway = format!(
                "[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:{port}\"\nkeys = [{{ file = \"{}\" }}]\n{more}\n",
                key.display()
            );
            let service = upstream(&format!("http://{}", service.local_addr().unwrap()), "/v1/");
            format!("{ONE}{gateway}{service}")
        };
        let mut agent = start(&config(""), &source, &clock).await;
        let text = std::fs::read_to_string(&key).unwrap();
        let mut client = TcpStream::connect(agent.addresses()[0]).await.unwrap();
        let request = format!(
            "GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {text}\r\n{SWITCH}\r\n"
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let (mut upstream, _) = soon(service.accept()).await.unwrap();
        read_until(&mut upstream, "\r\n\r\n").await;
        let accepted =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        upstream.write_all(accepted.as_bytes()).await.unwrap();
        read_until(&mut client, "\r\n\r\n").await;
        for more in ["", "models = { \"a\" = \"b\" }"] {
            agent.reload(Config::parse(&config(more)).unwrap(), of(&source, &clock)).await.unwrap();
            client.write_all(b"ping").await.unwrap();
            assert_eq!(read_until(&mut upstream, "ping").await, "ping");
        }
        // The client's key is another one.
        std::fs::write(&key, "another-local-key-0123456789").unwrap();
        agent.reload(Config::parse(&config("")).unwrap(), of(&source, &clock)).await.unwrap();
        assert_eq!(soon(client.read(&mut [0; 16])).await.unwrap_or(0), 0);
    });
}

#[test]
fn a_check_refuses_what_a_start_refuses() {
    let folder = Folder::new();
    let check = |keys: &str, more: &str| {
        let listen = format!(
            "{ONE}[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:0\"\nkeys = [{keys}]\n{more}"
        );
        Agent::check(&Config::parse(&listen).unwrap(), |_| Ok(NoAuth::new().into()))
    };
    let key = |name: &str| format!("{{ file = \"{}\" }}", folder.join(name).display());
    assert!(check(&key("a"), &upstream("https://a.example", "/x/")).is_ok());
    for host in ["http://a.example", "a.example:443/abc", "not a host"] {
        let error = check(&key("a"), &upstream(host, "/x/")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{host}: {error}");
    }
    for name in ["a", "b"] {
        let path = folder.join(name);
        std::fs::write(&path, "one-local-key-0123456789").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let error = check(&format!("{}, {}", key("a"), key("b")), "").unwrap_err();
    assert!(error.to_string().contains("another file holds the same key"), "{error}");
}
