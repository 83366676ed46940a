//! The metadata service, as its clients ask.

use test_support::http_client::{call, get, raw};
use test_support::token_source::Source;
use test_support::wait::{on_runtime, secs};
use yandex_cloud_auth::testing::TestClock;

use crate::common::{FLAVOR, ONE, TOKEN, ask, listening, start, tokens};

#[test]
fn a_client_gets_the_token_and_the_rest_of_its_life() {
    on_runtime(async {
        let clock = TestClock::new();
        let (_agent, address) = listening("metadata", "", &tokens(), &clock).await;
        for path in [TOKEN, &format!("{TOKEN}?scopes=a,b&alt=json"), &TOKEN.replace("default", "one")] {
            let token = ask(address, path).await;
            assert_eq!(token.status, 200, "{path}");
            assert_eq!(token.header("content-type"), "application/json");
            assert_eq!(
                (token.header("metadata-flavor"), token.header("cache-control")),
                ("Google", "no-store")
            );
            let body = token.json();
            assert_eq!(
                (body["access_token"].as_str(), body["token_type"].as_str()),
                (Some("t1.fake.0"), Some("Bearer"))
            );
            assert_eq!(body["expires_in"], 12 * 3600);
        }
        clock.advance(secs(600));
        assert_eq!(ask(address, TOKEN).await.json()["expires_in"], 12 * 3600 - 600);
    });
}

#[test]
fn a_path_that_needs_the_folder_says_so() {
    on_runtime(async {
        let config =
            "[[identity]]\nname = \"one\"\n[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n";
        let agent = start(config, &tokens(), &TestClock::new()).await;
        for path in ["project/project-id", "instance/vendor/folder-id", "yandex/folder-id"] {
            let response = ask(agent.addresses()[0], &format!("/computeMetadata/v1/{path}")).await;
            assert_eq!(response.status, 404, "{path}");
            assert!(response.text().contains("the folder is not known"), "{path}");
        }
    });
}

#[test]
fn a_life_that_is_nearly_over_is_never_shown_as_zero() {
    on_runtime(async {
        let clock = TestClock::new();
        let source = Source::living(std::time::Duration::from_millis(1500));
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        ask(address, TOKEN).await;
        source.hold();
        clock.advance(secs(1));
        assert_eq!(ask(address, TOKEN).await.json()["expires_in"], 1);
    });
}

#[test]
fn clients_of_google_find_the_service_the_account_and_the_project() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        // google-auth's ping has no path.
        let ping = get(&format!("http://{address}/"), &[]).await;
        assert_eq!((ping.status.as_u16(), ping.header("metadata-flavor")), (200, "Google"));
        for (path, expected) in [
            ("project/project-id", "b1gfakefolder"),
            ("project/numeric-project-id", "0"),
            ("yandex/folder-id", "b1gfakefolder"),
            ("instance/vendor/folder-id", "b1gfakefolder"),
            ("instance/service-accounts/default/email", "one"),
            ("instance/service-accounts/", "default/\none/\n"),
            ("instance", "service-accounts/\nvendor/\n"),
            ("instance/service-accounts/default/", "aliases\nemail\nscopes\ntoken\n"),
        ] {
            let response = ask(address, &format!("/computeMetadata/v1/{path}")).await;
            assert_eq!((response.status.as_u16(), response.text().as_str()), (200, expected), "{path}");
            assert_eq!(response.header("metadata-flavor"), "Google");
        }
        let account = "/computeMetadata/v1/instance/service-accounts/default/?recursive=true";
        let account = ask(address, account).await;
        assert_eq!(account.header("content-type"), "application/json");
        assert_eq!(account.json()["email"], "one");
        assert_eq!(account.json()["aliases"][0], "default");
        let all = ask(address, "/computeMetadata/v1/?recursive=true").await;
        assert_eq!(all.json()["instance"]["serviceAccounts"]["default"]["email"], "one");
        assert!(!all.text().contains("t1."), "{}", all.text());
        for missing in ["universe/universe-domain", "instance/id", "instance/service-accounts/other/token"] {
            let response = ask(address, &format!("/computeMetadata/v1/{missing}")).await;
            assert_eq!(
                (response.status.as_u16(), response.header("metadata-flavor")),
                (404, "Google"),
                "{missing}"
            );
        }
    });
}

#[test]
fn an_account_is_never_named_as_the_alias_of_accounts() {
    on_runtime(async {
        let config =
            ONE.replace("one", "default") + "[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n";
        let agent = start(&config, &tokens(), &TestClock::new()).await;
        let accounts = "/computeMetadata/v1/instance/service-accounts/";
        let text = async |path: &str| ask(agent.addresses()[0], &format!("{accounts}{path}")).await.text();
        assert_eq!(text("").await, "default/\nyc-auth/\n");
        assert_eq!(text("default/email").await, "yc-auth");
        assert!(text("yc-auth/token").await.contains("t1."));
    });
}

#[test]
fn requests_of_browsers_and_proxies_are_refused() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let url = format!("http://{address}{TOKEN}");
        for header in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "Origin", "Sec-Fetch-Mode"]
        {
            let refused = get(&url, &[FLAVOR, (header, "x")]).await;
            assert_eq!(refused.status, 403, "{header}");
            assert!(!refused.text().contains("t1."));
        }
        for (flavor, status) in [("Google", 200), ("google", 403), ("Yandex", 403), ("", 403)] {
            assert_eq!(get(&url, &[("Metadata-Flavor", flavor)]).await.status, status, "{flavor}");
        }
        assert_eq!(get(&url, &[]).await.status, 403);
        for host in ["evil.example", "localhost.evil.example", "169.254.169.254", "127.0.0.1:1"] {
            let request = format!(
                "GET {TOKEN} HTTP/1.1\r\nHost: {host}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
            );
            let response = String::from_utf8(raw(address, request.as_bytes()).await).unwrap();
            assert!(response.starts_with("HTTP/1.1 403"), "{host}: {response}");
        }
        let host = format!("localhost:{}", address.port());
        let request = format!(
            "GET {TOKEN} HTTP/1.1\r\nHost: {host}\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
        );
        let response = String::from_utf8(raw(address, request.as_bytes()).await).unwrap();
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    });
}

#[test]
fn only_get_and_head_are_served() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let url = format!("http://{address}{TOKEN}");
        let head = call("HEAD", &url, &[FLAVOR], "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let refused = call(method, &url, &[FLAVOR], "").await;
            assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, HEAD"), "{method}");
        }
    });
}

#[test]
fn an_identity_without_an_iam_token_is_told_so() {
    on_runtime(async {
        let config = yandex_cloud_auth_agent::Config::parse(
            "[[identity]]\nname = \"key\"\n[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n",
        );
        let key = |_: &_| Ok(yandex_cloud_auth::ApiKeyAuth::new("AQVNfake-key")?.into());
        let agent = yandex_cloud_auth_agent::Agent::start(config.unwrap(), key).await.unwrap();
        let response = ask(agent.addresses()[0], TOKEN).await;
        assert_eq!(response.status, 404);
        assert!(
            response.text().contains("API key") && !response.text().contains("AQVN"),
            "{}",
            response.text()
        );
    });
}

#[test]
fn identities_do_not_wait_for_each_other() {
    on_runtime(async {
        let (hanging, good, clock) = (tokens(), tokens(), TestClock::new());
        hanging.hold();
        let listen = |name: &str| {
            format!("[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\nidentity = \"{name}\"\n")
        };
        let config = format!(
            "[[identity]]\nname = \"hanging\"\n[[identity]]\nname = \"good\"\n{}{}",
            listen("hanging"),
            listen("good")
        );
        let config = yandex_cloud_auth_agent::Config::parse(&config).unwrap();
        let credentials = |identity: &yandex_cloud_auth_agent::IdentityConfig| {
            let source = if identity.name == "good" { &good } else { &hanging };
            Ok(source.on_clock(&clock))
        };
        let agent = yandex_cloud_auth_agent::Agent::start(config, credentials).await.unwrap();
        let waiting = tokio::spawn({
            let address = agent.addresses()[0];
            async move { ask(address, TOKEN).await }
        });
        assert_eq!(ask(agent.addresses()[1], TOKEN).await.status, 200);
        assert!(!waiting.is_finished());
        hanging.release();
        assert_eq!(waiting.await.unwrap().status, 200);
    });
}

#[test]
fn a_connection_serves_many_requests() {
    on_runtime(async {
        let clock = TestClock::new();
        let agent = start(
            &format!("{ONE}[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n"),
            &tokens(),
            &clock,
        )
        .await;
        let address = agent.addresses()[0];
        let one = |close: &str| {
            format!("GET {TOKEN} HTTP/1.1\r\nHost: {address}\r\nMetadata-Flavor: Google\r\n{close}\r\n")
        };
        let requests = one("").repeat(9) + &one("Connection: close\r\n");
        let responses = String::from_utf8(raw(address, requests.as_bytes()).await).unwrap();
        assert_eq!(responses.matches("HTTP/1.1 200").count(), 10, "{responses}");
    });
}
