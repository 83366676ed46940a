//! The hosts that receive the header (law 8): Yandex Cloud's hosts and hosts in code, over TLS, and loopback hosts that are
//! configured. The environment adds no other host.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::fixture::{API_KEY, FOLDER, model_list, sdk_at, sdk_mapped, test_system};
use test_support::http_server::{Reply, Server};
use test_support::raw_server::RawServer;
use yandex_ai_studio_sdk::auth::system::HyperTransport;
use yandex_ai_studio_sdk::auth::testing::TestEnvironment;
use yandex_ai_studio_sdk::auth::{self, NoAuth, System};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, Error, ErrorKind, RetryPolicy, Verify};
use yandex_cloud_emulator::{Emulator, Service};

/// An emulator under the names `gate.example` and `llm.gate.example`, and the only proxy to it.
struct Gate {
    emulator: Emulator,
    proxy: RawServer,
}

impl Gate {
    async fn open() -> Self {
        let emulator = Emulator::builder()
            .tls(true)
            .host_name("gate.example")
            .host_name("llm.gate.example")
            .folder_id(FOLDER)
            .start()
            .await
            .unwrap();
        let proxy = RawServer::tunnel_to(emulator.api_addr());
        Self { emulator, proxy }
    }

    /// An SDK that uses the proxy, and trusts the certificate authority of the emulator.
    fn sdk(&self, variables: &[(&str, &str)]) -> AiStudioBuilder {
        let proxy = self.proxy.url("");
        let variables = variables.iter().copied().chain([("HTTPS_PROXY", proxy.as_str())]);
        AiStudio::builder()
            .system(test_system(variables))
            .verify(Verify::pem(self.emulator.ca_pem().unwrap()))
            .folder_id(FOLDER)
            .auth(self.emulator.api_key())
            .retry_policy(RetryPolicy::none())
    }

    fn requests(&self) -> u64 {
        [Service::Ai, Service::Endpoints, Service::Iam, Service::Other]
            .into_iter()
            .map(|service| self.emulator.counters().requests(service))
            .sum()
    }
}

fn assert_blocked(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{error}");
    assert!(error.help().is_some() && !error.is_transient());
}

#[tokio::test]
async fn a_foreign_endpoint_in_the_environment_receives_no_byte() {
    let gate = Gate::open().await;
    let sdk = gate.sdk(&[("YC_API_ENDPOINT", "gate.example:443")]).build().unwrap();
    assert_blocked(&sdk.chat().models().await.unwrap_err());
    assert_blocked(&sdk.models().completions("yandexgpt").run("hello").await.unwrap_err());
    assert_blocked(&sdk.chat().completions("yandexgpt").run_stream("hello").await.unwrap_err());
    assert_blocked(&sdk.channel("ai-foundation-models").await.unwrap_err());
    assert_blocked(&sdk.responses().await.unwrap_err());
    assert_eq!((gate.proxy.tunnels().len(), gate.requests()), (0, 0));

    let http = sdk.http().await.unwrap();
    let request = http.get_ref().get("https://gate.example/v1/models");
    let error = http.send(request).await.unwrap_err();
    assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked);
    assert_eq!((gate.proxy.tunnels().len(), gate.requests()), (0, 0));
}

#[tokio::test]
async fn a_foreign_endpoint_in_code_and_its_subdomains_receive_the_header_over_tls() {
    let gate = Gate::open().await;
    let sdk = gate.sdk(&[]).endpoint("gate.example:443").build().unwrap();
    sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    assert_eq!(gate.proxy.tunnels()[0], "gate.example:443", "discovery");
    assert!(gate.proxy.tunnels().iter().all(|host| host.starts_with("gate.example:")));

    let http = sdk.http().await.unwrap();
    let get = |url: &str| http.send(http.get_ref().get(url));
    assert_eq!(get("https://llm.gate.example/v1/models").await.unwrap().status(), 200);
    let tunnels = gate.proxy.tunnels();
    for url in ["https://gate.example.evil.example/", "http://gate.example/", "https://example/"] {
        let error = get(url).await.unwrap_err();
        assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{url}");
    }
    assert_eq!(gate.proxy.tunnels(), tunnels);
}

#[tokio::test]
async fn a_foreign_host_in_the_service_map_receives_the_header_and_its_subdomains_do_not() {
    let gate = Gate::open().await;
    let map = [("http_completions", "https://gate.example/v1")];
    let sdk = gate.sdk(&[("YC_API_ENDPOINT", "other.example")]).service_map(map).build().unwrap();
    sdk.chat().models().await.unwrap();
    assert_eq!(gate.proxy.tunnels(), ["gate.example:443"]);

    let http = sdk.http().await.unwrap();
    let below = http.send(http.get_ref().get("https://llm.gate.example/v1/models")).await;
    assert_eq!(below.unwrap_err().auth().unwrap().kind(), auth::ErrorKind::Blocked);
    assert_blocked(&sdk.models().completions("yandexgpt").run("hello").await.unwrap_err());
    assert_eq!(gate.proxy.tunnels(), ["gate.example:443"]);
}

#[test]
fn plain_text_to_another_host_is_refused_at_build() {
    for url in ["http://gate.example", "http://10.0.0.1:8080", "http://api.cloud.yandex.net"] {
        assert_blocked(&sdk_at(url).build().unwrap_err());
        assert_blocked(&sdk_mapped(url).build().unwrap_err());
    }
}

#[tokio::test]
async fn plain_text_to_another_host_in_the_environment_is_refused() {
    let system = test_system([("YC_API_ENDPOINT", "http://api.cloud.yandex.net")]);
    let sdk = AiStudio::builder().system(system).folder_id(FOLDER).auth(API_KEY).build().unwrap();
    assert_blocked(&sdk.chat().models().await.unwrap_err());
}

#[tokio::test]
async fn loopback_receives_the_header_where_it_is_configured() {
    let server = Server::always(model_list());
    let variable = test_system([("YC_API_ENDPOINT", server.url().as_str())]);
    let by_variable = AiStudio::builder().system(variable).folder_id(FOLDER).auth(API_KEY);
    for (named, sdk) in [("the map", sdk_mapped(&server.url())), ("the variable", by_variable)] {
        let sdk = sdk.build().unwrap();
        let http = sdk.http().await.unwrap();
        http.send(http.get_ref().get(server.url())).await.unwrap();
        let seen = server.requests();
        let header = seen.last().unwrap().header("authorization").map(str::to_owned);
        assert_eq!(header.unwrap(), format!("Api-Key {API_KEY}"), "{named}");
    }
}

/// A system whose hosts file sends a loopback name to an address that is not loopback. Unlike another one of this kind, it
/// leads to this computer all the same, so that a server sees what a client sends there.
fn with_hosts_file(names: &[&str], addresses: &[Ipv4Addr]) -> System {
    let hosts = names.iter().flat_map(|name| addresses.iter().map(move |ip| (*name, IpAddr::from(*ip))));
    let http = HyperTransport::new(Arc::new(TestEnvironment::empty())).with_hosts(hosts);
    test_system([]).with_http(http)
}

#[tokio::test]
async fn a_hosts_file_that_sends_a_loopback_name_elsewhere_gets_no_secret() {
    let server = Server::always(model_list());
    for name in ["localhost", "ai.localhost"] {
        let url = format!("http://{name}:{}", server.address().port());
        let sdk = |addresses: &[Ipv4Addr]| {
            let sdk = sdk_mapped(&url).system(with_hosts_file(&[name], addresses));
            sdk.retry_policy(RetryPolicy::none()).build().unwrap()
        };
        let elsewhere = sdk(&[Ipv4Addr::UNSPECIFIED]);
        let chat = elsewhere.chat().models().await.unwrap_err();
        let native = elsewhere.models().completions("yandexgpt").run("hello").await.unwrap_err();
        for error in [chat, native] {
            assert_blocked(&error);
            let reason = format!("the name {name} means this computer, but leads to another one");
            assert!(error.to_string().contains(&reason), "{error}");
            assert!(error.help().unwrap().contains("hosts file"), "{error:?}");
        }
        assert_eq!(server.connections(), 0, "{name}");
    }
    let url = format!("http://localhost:{}", server.address().port());
    let system = with_hosts_file(&["localhost"], &[Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST]);
    sdk_mapped(&url).system(system).build().unwrap().chat().models().await.unwrap();
}

#[tokio::test]
async fn loopback_receives_nothing_where_it_is_not_configured() {
    let server = Server::always(model_list());
    let sdk = sdk_at("api.cloud.yandex.net:443").build().unwrap();
    let http = sdk.http().await.unwrap();
    let error = http.send(http.get_ref().get(server.url())).await.unwrap_err();
    assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::always(model_list());
    let server = Server::always(Reply::status(307).with("location", elsewhere.url()));
    let error = sdk_mapped(&server.url()).build().unwrap().chat().models().await.unwrap_err();
    assert!(error.to_string().contains("HTTP 307, a redirect, and the SDK follows no redirect"), "{error}");
    assert_eq!((server.requests().len(), elsewhere.connections()), (1, 0));
}

#[tokio::test]
async fn loopback_is_never_reached_through_a_proxy() {
    let emulator = Emulator::builder().tls(true).folder_id(FOLDER).start().await.unwrap();
    let proxy = RawServer::tunnel_to(emulator.api_addr());
    let url = proxy.url("");
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY", "http_proxy"];
    let sdk = AiStudio::builder()
        .system(test_system(names.map(|name| (name, url.as_str()))))
        .verify(Verify::pem(emulator.ca_pem().unwrap()))
        .folder_id(FOLDER)
        .auth(emulator.api_key())
        .endpoint(emulator.api_url())
        .build()
        .unwrap();
    sdk.chat().models().await.unwrap();
    assert!(proxy.tunnels().is_empty(), "{:?}", proxy.tunnels());
}

#[tokio::test]
async fn no_auth_sends_no_header() {
    let server = Server::always(model_list());
    let sdk = sdk_mapped(&server.url()).auth(NoAuth::new()).build().unwrap();
    sdk.chat().models().await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}
