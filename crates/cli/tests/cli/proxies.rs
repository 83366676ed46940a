//! Proxies: a wrong variable is told without its value, and a refusal with its status.

use test_support::proxy::ProxyOptions;

use super::run::{Run, yc_auth};

/// Asks for a token at an address of this computer that is not loopback, and where nobody listens.
fn run(proxy: &str) -> Run {
    yc_auth(["token", "--timeout", "5"])
        .env("YC_API_ENDPOINT", "0.0.0.0:1")
        .env("HTTPS_PROXY", proxy)
        .secret("YC_OAUTH_TOKEN", "y0_fake-oauth")
}

#[test]
fn a_password_that_is_not_encoded_is_refused_and_not_shown() {
    for proxy in
        ["http://user:12#hidden@proxy:3128", "http://user:12/hidden@proxy:3128", "user:12?hidden@proxy"]
    {
        let outcome = run(proxy).done();
        assert_eq!(outcome.status, 4, "{outcome:?}");
        let told = outcome.stderr;
        assert!(told.contains("HTTPS_PROXY has `/`, `?` or `#` in the user or password"), "{told}");
        assert!(
            told.contains("`#` as %23") && !told.contains("hidden") && !told.contains("user:12"),
            "{told}"
        );

        let outcome = run(proxy).env("NO_PROXY", "\"*\"").done();
        assert_eq!(outcome.status, 5, "{outcome:?}");
        assert!(outcome.stderr.contains("cannot connect: connection refused"), "{outcome:?}");
    }
}

#[test]
fn a_refusal_of_the_proxy_has_its_status() {
    let nowhere = ([127, 0, 0, 1], 1).into();
    for (options, reason, help) in [
        (ProxyOptions::http().refusal(403), "HTTP 403", "check HTTPS_PROXY"),
        (
            ProxyOptions::http().credentials("user", "other"),
            "HTTP 407: the proxy requires a user and a password",
            "http://user:password@host:port",
        ),
    ] {
        let proxy = options.start(nowhere);
        let outcome = run(&proxy.url("http", "")).done();
        assert_eq!(outcome.status, 5, "{outcome:?}");
        let told = outcome.stderr;
        assert!(told.contains(&format!("no tunnel through the proxy {}: {reason}", proxy.address)), "{told}");
        assert!(told.contains(help), "{told}");
        assert_eq!(proxy.tunnels(), ["0.0.0.0:1"], "asked once");
    }
}
