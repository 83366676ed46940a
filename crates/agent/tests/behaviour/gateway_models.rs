//! The names of models on their way through the gateway.

use test_support::http_server::{Reply, Server};
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Gateway, tokens, upstream};

/// A service that answers with the body that it got.
fn echo() -> Server {
    Server::start(|request, _| Reply::body(200, request.text()))
}

#[test]
fn a_bare_name_becomes_the_uri_of_the_folder() {
    on_runtime(async {
        let service = echo();
        let more = "models = { \"gpt-4o\" = \"yandexgpt\" }";
        let gateway = Gateway::to(&service.url(), more, &tokens(), &TestClock::new()).await;
        for (path, sent, got) in [
            (
                "/v1/chat/completions",
                r#"{"model":"yandexgpt","n":1}"#,
                r#"{"model":"gpt://b1gfakefolder/yandexgpt/latest","n":1}"#,
            ),
            (
                "/v1/responses",
                r#"{"n":[{}], "model" : "gpt-4o"}"#,
                r#"{"n":[{}], "model" : "gpt://b1gfakefolder/yandexgpt/latest"}"#,
            ),
            (
                "/v1/embeddings",
                r#"{"model":"text-search-doc"}"#,
                r#"{"model":"emb://b1gfakefolder/text-search-doc/latest"}"#,
            ),
            (
                "/v1/chat/completions",
                r#"{"model":"gpt://other/x/latest"}"#,
                r#"{"model":"gpt://other/x/latest"}"#,
            ),
            ("/v1/conversations", r#"{"items":[]}"#, r#"{"items":[]}"#),
            ("/v1/chat/completions", "no json", "no json"),
            ("/v1/chat/completions", "", ""),
        ] {
            let response = gateway.post(path, sent).await;
            assert_eq!((response.status.as_u16(), response.text().as_str()), (200, got), "{path}");
        }
        let stream = r#"{"model":"yandexgpt"}"#;
        let other = gateway.call("POST", "/v1/files", &[("content-type", "application/jsonl")], stream).await;
        assert_eq!(other.text(), stream, "a body that is no JSON is left alone");
        let before = service.requests().len();
        for wrong in [
            r#"{"model":5}"#,
            r#"{"model":null}"#,
            r#"{"model":true}"#,
            r#"{"model":["yandexgpt"]}"#,
            r#"{"model":{"name":"yandexgpt"}}"#,
            r#"{"model":"\ud800"}"#,
            r#"{"model":"a","model":"b"}"#,
        ] {
            let response = gateway.post("/v1/chat/completions", wrong).await;
            assert_eq!(
                (response.status.as_u16(), &response.json()["error"]["code"]),
                (400, &"invalid_model".into()),
                "{wrong}"
            );
        }
        let response = gateway.post("/v1/chat/completions", r#"{"model":5}"#).await;
        assert!(response.text().contains("is not a string: give the name"), "{}", response.text());
        assert_eq!(service.requests().len(), before);
    });
}

#[test]
fn a_name_for_a_service_outside_v1_stays() {
    on_runtime(async {
        let service = echo();
        let more = upstream(&service.url(), "/own/");
        let gateway = Gateway::to(&service.url(), &more, &tokens(), &TestClock::new()).await;
        let body = r#"{"model":"yandexgpt"}"#;
        assert_eq!(gateway.post("/own/chat/completions", body).await.text(), body);
        assert_ne!(gateway.post("/v1/chat/completions", body).await.text(), body);
    });
}

#[test]
fn a_long_body_goes_through_if_its_model_is_a_uri_at_its_beginning() {
    on_runtime(async {
        let service = echo();
        let gateway = Gateway::to(&service.url(), "kept_bytes = 1000\n", &tokens(), &TestClock::new()).await;
        let long = "x".repeat(3000);
        let good = format!(r#"{{"model":"gpt://f/m/latest","text":"{long}"}}"#);
        let response = gateway.post("/v1/chat/completions", &good).await;
        assert_eq!((response.status.as_u16(), response.text()), (200, good));
        for (body, reason) in [
            (format!(r#"{{"model":"yandexgpt","text":"{long}"}}"#), "a bare name"),
            (format!(r#"{{"text":"{long}","model":"gpt://f/m/latest"}}"#), "no `model`"),
        ] {
            let response = gateway.post("/v1/chat/completions", &body).await;
            let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
            assert_eq!(response.status, 413, "{message}");
            assert!(message.contains(reason) && message.contains("1000 bytes"), "{message}");
        }
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn a_bare_name_without_a_folder_is_an_error_with_the_fix() {
    on_runtime(async {
        let service = echo();
        let folder = crate::common::Folder::new();
        let config = format!(
            "[[identity]]\nname = \"one\"\n[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:0\"\nkeys = [{{ file = \"{}\" }}]\n[[listen.upstream]]\nhost = \"{}\"\nprefix = \"/v1/\"\n",
            folder.join("key").display(),
            service.url()
        );
        let agent = crate::common::start(&config, &tokens(), &TestClock::new()).await;
        let bearer = format!("Bearer {}", std::fs::read_to_string(folder.join("key")).unwrap());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("http://{}/v1/chat/completions", agent.addresses()[0]);
        let response =
            test_support::http_client::call("POST", &url, &headers, r#"{"model":"yandexgpt"}"#).await;
        assert_eq!(response.status, 400);
        let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("`--folder`") && message.contains("YC_FOLDER_ID"), "{message}");
        let response =
            test_support::http_client::call("POST", &url, &headers, r#"{"model":"gpt://f/m/latest"}"#).await;
        assert_eq!(response.status, 200);
        assert_eq!(service.requests().pop().unwrap().header("openai-project"), None);
    });
}
