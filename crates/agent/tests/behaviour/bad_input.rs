//! Requests that break the protocol, and addresses that cannot be used.

use test_support::http_client::{call, raw};
use test_support::wait::on_runtime;
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, Gateway, ONE, TOKEN, ask, listening, of, tokens, upstream};

/// The methods of a gateway without `methods`.
const FORWARDED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

#[test]
fn a_request_that_breaks_the_protocol_gets_no_token_and_disturbs_nobody() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let head = format!("GET {TOKEN} HTTP/1.1\r\nHost: {address}\r\nMetadata-Flavor: Google\r\n");
        let long = format!("{head}X-Long: {}\r\n\r\n", "x".repeat(64 << 10));
        let many = format!("{head}{}\r\n", "X-Many: x\r\n".repeat(500));
        let two_lengths = format!("{head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd");
        let length_and_chunks = format!("{head}Content-Length: x\r\n\r\n");
        let two_hosts = format!("{head}Host: evil.example\r\nConnection: close\r\n\r\n");
        let no_host = format!("GET {TOKEN} HTTP/1.1\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n");
        let tls = "\u{16}\u{3}\u{1}\0\u{5}hello".to_owned();
        for request in [long, many, two_lengths, length_and_chunks, two_hosts, no_host, tls] {
            let response = String::from_utf8_lossy(&raw(address, request.as_bytes()).await).into_owned();
            let start: String = request.chars().take(200).collect();
            assert!(response.is_empty() || response.starts_with("HTTP/1.1 4"), "{start}: {response}");
            assert!(!response.contains("t1."), "{start}");
            assert_eq!(ask(address, TOKEN).await.status, 200);
        }
    });
}

/// RFC 9110 §15.5.6.
#[test]
fn a_refusal_of_the_method_names_the_methods_that_there_are() {
    on_runtime(async {
        let folder = Folder::new();
        let client = format!("client_file = \"{}\"", folder.join("client.json").display());
        for (kind, more, path, wrong, allowed) in [
            ("metadata", "", TOKEN, &["POST", "PUT", "OPTIONS", "TRACE"][..], "GET, HEAD"),
            ("oauth", client.as_str(), "/oauth2/token", &["GET", "HEAD", "PUT"], "POST"),
            ("admin", "", "/readyz", &["POST", "DELETE"], "GET, HEAD"),
            ("admin", "", "/no-such-page", &["POST"], "GET, HEAD"),
            ("probes", "", "/livez", &["POST", "OPTIONS"], "GET, HEAD"),
        ] {
            let (_agent, address) = listening(kind, more, &tokens(), &TestClock::new()).await;
            for method in wrong {
                let refused = call(method, &format!("http://{address}{path}"), &[], "").await;
                let found = (refused.status.as_u16(), refused.header("allow"));
                assert_eq!(found, (405, allowed), "{kind} {method} {path}");
            }
            let found = call("GET", &format!("http://{address}/livez"), &[], "").await;
            assert!(found.status == 405 || !found.headers.contains_key("allow"), "{kind}");
        }
    });
}

#[test]
fn a_gateway_names_the_methods_of_the_path() {
    on_runtime(async {
        let nobody = "http://127.0.0.1:1";
        let of = |prefix: &str, methods: &str| upstream(nobody, prefix) + &format!("methods = {methods}\n");
        let more = [
            of("/two/", "[\"GET\", \"POST\"]"),
            of("/two/", "[\"POST\", \"TRACE\", \"PURGE\"]"),
            of("/none/", "[\"TRACE\"]"),
            of("/all/", "[\"GET\"]"),
            of("/all/", "[]"),
        ];
        let gateway = Gateway::to(nobody, &more.concat(), &tokens(), &TestClock::new()).await;
        for (method, path, status, allowed) in [
            ("PUT", "/two/x", 405, "GET, POST, PURGE"),
            ("TRACE", "/two/x", 405, "GET, POST, PURGE"),
            ("TRACE", "/none/x", 405, ""),
            ("TRACE", "/all/x", 405, FORWARDED),
            ("TRACE", "/v1/x", 405, FORWARDED),
            // There is nothing that has methods.
            ("TRACE", "/other/x", 404, "-"),
        ] {
            let refused = gateway.call(method, path, &[], "").await;
            let names = refused.headers.get("allow").map_or("-", |names| names.to_str().unwrap());
            assert_eq!((refused.status.as_u16(), names), (status, allowed), "{method} {path}");
        }
        // A client of gRPC reads its own form.
        let headers = [("content-type", "application/grpc")];
        let refused = gateway.call("PUT", "/two/x", &headers, "").await;
        assert_eq!((refused.status.as_u16(), refused.header("grpc-status")), (200, "12"));
    });
}

/// The path and the methods of the default service, which nothing is sent to.
#[test]
fn a_gateway_without_services_names_the_methods_of_the_default_one() {
    on_runtime(async {
        let folder = Folder::new();
        let key = folder.join("gateway.key");
        let more = format!("keys = [{{ file = \"{}\" }}]", key.display());
        let (_agent, address) = listening("gateway", &more, &tokens(), &TestClock::new()).await;
        let bearer = format!("Bearer {}", std::fs::read_to_string(key).unwrap());
        let url = format!("http://{address}/v1/models");
        let refused = call("TRACE", &url, &[("authorization", &bearer)], "").await;
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, FORWARDED));
    });
}

#[test]
fn a_busy_address_is_refused_and_nothing_is_left_behind() {
    on_runtime(async {
        let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (source, address) = (tokens(), busy.local_addr().unwrap());
        let config =
            Config::parse(&format!("{ONE}[[listen]]\nkind = \"metadata\"\naddress = \"{address}\"\n"));
        let error = Agent::start(config.unwrap(), of(&source, &TestClock::new())).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some(address.to_string().as_str()))
        );
        assert!(error.help().is_some());
        assert_eq!(source.started(), 0);
    });
}
