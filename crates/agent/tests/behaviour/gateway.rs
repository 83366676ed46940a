//! The gateway: who may use it, what a service gets, and what comes back.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use test_support::http_client::call;
use test_support::http_server::{Reply, Request, Server};
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Folder, Gateway, ONE, start, tokens};

/// A service that answers with 200.
fn service() -> Server {
    Server::always(Reply::body(200, "{}").with("content-type", "application/json"))
}

#[test]
fn the_service_gets_the_token_and_never_the_key() {
    on_runtime(async {
        let service = service();
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let basic = |credentials: String| format!("Basic {}", STANDARD.encode(credentials));
        let key = gateway.key.as_str();
        let (of_user, of_nobody) = (basic(format!("user:{key}")), basic(format!(":{key}")));
        let other = basic("user:another-secret-of-the-service".to_owned());
        let own = [
            ("x-request-id", "7"),
            ("x-copy", key),
            ("x-basic-copy", of_user.as_str()),
            ("x-forwarded-authorization", of_nobody.as_str()),
            ("proxy-authorization", of_user.as_str()),
            ("x-other-basic", other.as_str()),
            ("connection", "x-gone"),
            ("x-gone", "1"),
        ];
        let response = gateway.call("GET", "/v1/models?limit=2&x=%2F", &own, "").await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (200, "{}"));
        let request = service.requests().pop().unwrap();
        assert_eq!(request.line(), "GET /v1/models?limit=2&x=%2F");
        assert_eq!(request.authorization(), "Bearer t1.fake.0");
        assert_eq!(request.header("openai-project"), Some("b1gfakefolder"));
        assert_eq!(request.header("x-request-id"), Some("7"));
        assert_eq!(request.header("host"), Some(service.address().to_string().as_str()));
        assert_eq!((request.header("x-copy"), request.header("x-gone")), (None, None));
        for name in ["x-basic-copy", "x-forwarded-authorization", "proxy-authorization"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert_eq!(request.header("x-other-basic"), Some(other.as_str()));
        assert!(!format!("{request:?}").contains(&gateway.key), "{request:?}");
    });
}

#[test]
fn a_client_without_the_key_is_told_what_to_do_and_reaches_nobody() {
    on_runtime(async {
        let service = service();
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let url = format!("http://{}/v1/chat/completions", gateway.address);
        let wrong = format!("Bearer {}x", gateway.key);
        for headers in [
            vec![],
            vec![("authorization", wrong.as_str())],
            vec![("authorization", gateway.key.as_str())],
            vec![("authorization", "Bearer ")],
            vec![("api-key", "wrong")],
        ] {
            let response = call("POST", &url, &headers, "{}").await;
            assert_eq!(response.status, 401, "{headers:?}");
            let error = &response.json()["error"];
            assert_eq!(
                (error["code"].as_str(), error["type"].as_str()),
                (Some("invalid_api_key"), Some("invalid_request_error"))
            );
            assert!(error["message"].as_str().unwrap().contains("key file"), "{error}");
        }
        assert_eq!(service.requests().len(), 0);
        // The ways in which clients send a key.
        let (bearer, scheme) = (gateway.bearer(), format!("Api-Key {}", gateway.key));
        for header in [
            ("authorization", bearer.as_str()),
            ("authorization", scheme.as_str()),
            ("api-key", gateway.key.as_str()),
            ("x-api-key", gateway.key.as_str()),
        ] {
            assert_eq!(call("GET", &url, &[header], "").await.status, 200, "{header:?}");
        }
    });
}

#[test]
fn only_what_is_configured_is_forwarded() {
    on_runtime(async {
        let service = service();
        let more = "request_bytes = 100\n";
        let gateway = Gateway::to(&service.url(), more, &tokens(), &TestClock::new()).await;
        for (path, status) in [
            ("/", 404),
            ("/v1", 404),
            ("/iam/v1/tokens", 404),
            ("/v1/../iam/v1/tokens", 400),
            ("/v1/%2e%2e/iam/v1/tokens", 400),
            ("/v1//models", 400),
        ] {
            let response = gateway.call("GET", path, &[], "").await;
            assert_eq!(response.status, status, "{path}");
            assert!(response.json()["error"]["message"].is_string(), "{path}");
        }
        let long = "x".repeat(101);
        assert_eq!(gateway.call("POST", "/v1/files", &[], &long).await.status, 413);
        assert_eq!(service.requests().len(), 0);
        assert_eq!(gateway.call("POST", "/v1/files", &[], &long[1..]).await.status, 200);
    });
}

#[test]
fn each_key_has_an_identity_of_its_own() {
    on_runtime(async {
        let (service, folder) = (service(), Folder::new());
        let key = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "{ONE}[[identity]]\nname = \"two\"\nfolder = \"b1gother\"\n[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:0\"\nidentity = \"one\"\nkeys = [{{ file = \"{}\" }}, {{ file = \"{}\", identity = \"two\" }}]\n[[listen.upstream]]\nhost = \"{}\"\nprefix = \"/v1/\"\n",
            key("a"),
            key("b"),
            service.url()
        );
        let agent = start(&config, &tokens(), &TestClock::new()).await;
        let url = format!("http://{}/v1/models", agent.addresses()[0]);
        for (name, project) in [("a", "b1gfakefolder"), ("b", "b1gother")] {
            let bearer = format!("Bearer {}", fs::read_to_string(key(name)).unwrap());
            assert_eq!(call("GET", &url, &[("authorization", &bearer)], "").await.status, 200);
            assert_eq!(service.requests().pop().unwrap().header("openai-project"), Some(project));
        }
    });
}

#[test]
fn a_refused_token_is_replaced_once_and_the_client_sees_one_answer() {
    on_runtime(async {
        let service = Server::start(|request: &Request, _| match request.authorization() {
            "Bearer t1.fake.0" => Reply::body(401, "{\"error\":{\"message\":\"expired\"}}"),
            _ => Reply::body(200, request.text()),
        });
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let body = r#"{"model":"gpt://f/m/latest","messages":[]}"#;
        let response = gateway.post("/v1/chat/completions", body).await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (200, body));
        assert_eq!(service.authorizations(), ["Bearer t1.fake.0", "Bearer t1.fake.1"]);
    });
}

#[test]
fn what_comes_back_is_what_the_service_said() {
    on_runtime(async {
        let reply = Reply::body(429, "slow down")
            .with("retry-after", "7")
            .with("x-own", "a")
            .with("connection", "x-own");
        let service = Server::always(reply.with("content-type", "text/plain"));
        let gateway = Gateway::to(&service.url(), "", &tokens(), &TestClock::new()).await;
        let response = gateway.call("GET", "/v1/models", &[], "").await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (429, "slow down"));
        assert_eq!((response.header("retry-after"), response.header("x-own")), ("7", ""));
        assert_eq!(response.header("content-type"), "text/plain");
    });
}
