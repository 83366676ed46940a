//! Calls through a proxy: by the variables and the rules of the credentials, with the reason of a refusal.

use std::error::Error as _;

use test_support::proxy::ProxyOptions;
use test_support::raw_server::{Authority, RawServer};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, Error, ErrorKind, RetryPolicy, Verify};

use crate::fixture::{sdk_mapped, test_system};

const MODELS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{\"object\":\"list\",\"data\":[]}";

/// This computer by an address that is not loopback.
const ANY: &str = "0.0.0.0";

/// An SDK whose calls go to `https://gate.example`, or to another URL.
fn sdk(url: &str, authority: &Authority, variables: &[(&str, &str)]) -> AiStudioBuilder {
    sdk_mapped(url)
        .system(test_system(variables.iter().copied()))
        .verify(Verify::pem(authority.pem()))
        .retry_policy(RetryPolicy::none())
}

async fn failure(sdk: AiStudio) -> Error {
    let error = sdk.chat().models().await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.source());
    assert!(!shown.contains("hidden") && !shown.contains("hid#den"), "{shown}");
    error
}

#[tokio::test]
async fn calls_go_through_each_kind_of_proxy() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("gate.example"), MODELS);
    let https = || ProxyOptions::https(&authority.certify("127.0.0.1"));
    let (user, word, given) = ("us@er", "p/a?s#s:%", "us%40er:p%2Fa%3Fs%23s%3A%25@");
    for (options, scheme, given) in [
        (ProxyOptions::http(), "http", ""),
        (ProxyOptions::http().credentials(user, word), "http", given),
        (https(), "https", ""),
        (https().credentials(user, word), "https", given),
        (ProxyOptions::socks5(), "socks", ""),
        (ProxyOptions::socks5(), "socks5h", ""),
        (ProxyOptions::socks5().credentials(user, word), "socks5h", given),
    ] {
        let proxy = options.start(server.address);
        let variables = [("HTTPS_PROXY", proxy.url(scheme, given))];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let sdk = sdk("https://gate.example", &authority, &variables).build().unwrap();
        sdk.chat().models().await.unwrap();
        assert_eq!(proxy.tunnels(), ["gate.example:443"], "{scheme}");
        assert!(!server.request().to_lowercase().contains("proxy"));
    }
}

#[tokio::test]
async fn a_socks5_proxy_gets_an_address() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify("192.0.2.7"), MODELS);
    let proxy = ProxyOptions::socks5().start(server.address);
    let variables = [("ALL_PROXY", &*proxy.url("socks5", ""))];
    sdk("https://192.0.2.7:8443", &authority, &variables).build().unwrap().chat().models().await.unwrap();
    assert_eq!(proxy.tunnels(), ["192.0.2.7:8443"]);
}

#[tokio::test]
async fn a_refusal_of_the_proxy_is_told_with_its_status() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (connect, socks) = (ProxyOptions::http, ProxyOptions::socks5);
    let refused = "the proxy did not accept the user and the password";
    for (options, scheme, user, reason, help) in [
        (connect().refusal(302), "http", "", "HTTP 302", "check HTTPS_PROXY"),
        (connect().refusal(403), "http", "", "HTTP 403", "check HTTPS_PROXY"),
        (connect().refusal(502), "http", "", "HTTP 502", "check HTTPS_PROXY"),
        (
            connect().credentials("user", "other"),
            "http",
            "user:hidden@",
            &*format!("HTTP 407: {refused}"),
            "user:password@host:port",
        ),
        (socks().credentials("user", "other"), "socks5h", "user:hidden@", refused, "user:password@host:port"),
        (socks().refusal(2), "socks5h", "", "connection not allowed", "check HTTPS_PROXY"),
        (
            ProxyOptions::https(&theirs.certify("127.0.0.1")),
            "https",
            "",
            "the server's certificate comes from an unknown issuer",
            "SSL_CERT_FILE",
        ),
    ] {
        let proxy = options.start(([127, 0, 0, 1], 1).into());
        let variables = [("HTTPS_PROXY", &*proxy.url(scheme, user))];
        let error = failure(sdk("https://gate.example", &ours, &variables).build().unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let expected = format!("no tunnel through the proxy {}: {reason}", proxy.address);
        assert!(error.to_string().contains(&expected), "{error}");
        assert!(error.help().unwrap().contains(help), "{:?}", error.help());
    }
}

#[tokio::test]
async fn a_failure_behind_the_proxy_is_not_blamed_on_it() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = RawServer::tls(&theirs.certify("gate.example"), MODELS);
    let proxy = ProxyOptions::http().start(server.address);
    let variables = [("HTTPS_PROXY", &*proxy.url("http", ""))];
    let error = failure(sdk("https://gate.example", &ours, &variables).build().unwrap()).await;
    assert!(error.to_string().contains("TLS failed"), "{error}");
}

#[tokio::test]
async fn an_unusable_proxy_fails_the_calls_that_need_it() {
    let authority = Authority::new("ours");
    let server = RawServer::tls(&authority.certify(ANY), MODELS);
    let url = format!("https://{ANY}:{}", server.address.port());
    let broken = ("HTTPS_PROXY", "http://user:hid#den@proxy:3128");
    sdk(&url, &authority, &[broken, ("NO_PROXY", "0.0.0.0/8")])
        .build()
        .unwrap()
        .chat()
        .models()
        .await
        .unwrap();

    let sdk = sdk(&url, &authority, &[broken, ("NO_PROXY", "10.0.0.0/8")]).build().unwrap();
    let error = failure(sdk.clone()).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("HTTPS_PROXY has `/`, `?` or `#` in the user or password"), "{error}");
    assert!(error.help().unwrap().contains("%23") && !error.is_transient());

    // The client for the user's own requests gives the same reason.
    let http = sdk.http().await.unwrap();
    let error = http.send(http.get_ref().get(&url)).await.unwrap_err();
    assert!(format!("{error:?}").contains("in the user or password"), "{error:?}");
    assert!(server.received_request() && !server.received_request(), "only the first call was sent");
}
