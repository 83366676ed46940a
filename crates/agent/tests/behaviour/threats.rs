//! The threats in SECURITY.md that no other module tests.

use std::time::Duration;

use test_support::http_client::{get, raw};
use test_support::log::Log;
use test_support::token_source::unavailable;
use test_support::wait::{HOUR, on_runtime, secs};
use tokio::net::TcpStream;
use yandex_cloud_auth::testing::TestClock;

use crate::common::{Folder, TOKEN, ask, listening, start, tokens};

/// A page on the web that names loopback by a name of its own, and one that sends a request to another site.
#[test]
fn no_listener_with_text_answers_a_web_page_or_a_proxy() {
    on_runtime(async {
        let folder = Folder::new();
        let file = format!("client_file = \"{}\"", folder.join("client.json").display());
        for (kind, more, path) in [
            ("metadata", "", TOKEN),
            ("oauth", file.as_str(), "/oauth2/token"),
            ("admin", "", "/metrics"),
            ("admin", "", "/readyz"),
            ("admin", "", "/"),
        ] {
            let (_agent, address) = listening(kind, more, &tokens(), &TestClock::new()).await;
            let own = address.to_string();
            let asked = async |target: &str, host: &str, header: &str| {
                let method = if kind == "oauth" { "POST" } else { "GET" };
                let head =
                    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nMetadata-Flavor: Google\r\n");
                let request = format!("{head}{header}Connection: close\r\nContent-Length: 0\r\n\r\n");
                String::from_utf8(raw(address, request.as_bytes()).await).unwrap()
            };
            let absolute = format!("http://evil.example{path}");
            let mut attacks = vec![(path, "evil.example", ""), (absolute.as_str(), own.as_str(), "")];
            // The page itself is no secret: a browser shows it to a person.
            if path != "/" {
                let headers = ["Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n", "Via: 1.1 proxy\r\n"];
                // A client of the token endpoint is known by its secret, also behind a proxy.
                let count = if kind == "oauth" { 2 } else { 3 };
                attacks.extend(headers.into_iter().take(count).map(|header| (path, own.as_str(), header)));
            }
            for (target, host, header) in attacks {
                let response = asked(target, host, header).await;
                assert!(response.starts_with("HTTP/1.1 403 "), "{kind} {target} {host} {header}: {response}");
                assert!(!response.contains("access-control-"), "{response}");
            }
        }
    });
}

#[test]
fn connections_that_send_nothing_hold_up_nobody() {
    on_runtime(async {
        let (_agent, address) = listening("metadata", "", &tokens(), &TestClock::new()).await;
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(ask(address, TOKEN).await.status, 200);
    });
}

#[test]
fn after_its_end_no_token_is_served() {
    on_runtime(async {
        let (source, clock) = (tokens(), TestClock::new());
        let (_agent, address) = listening("metadata", "", &source, &clock).await;
        assert_eq!(ask(address, TOKEN).await.status, 200);
        source.set(|_| Err(unavailable()));
        clock.advance(12 * HOUR);
        let waiting = tokio::spawn(async move { ask(address, TOKEN).await });
        while !waiting.is_finished() {
            clock.advance(secs(1));
            tokio::task::yield_now().await;
        }
        let response = waiting.await.unwrap();
        assert_eq!(response.status, 503);
        assert!(!response.text().contains("t1."), "{}", response.text());
    });
}

#[test]
fn no_secret_is_in_the_log() {
    let log = Log::of_target("");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let (folder, source, clock) = (Folder::new(), tokens(), TestClock::new());
            let (file, client) = (folder.join("token"), folder.join("client.json"));
            let config = format!(
                "{}[[listen]]\nkind = \"token-file\"\npath = \"{}\"\n[[listen]]\nkind = \"oauth\"\naddress = \"127.0.0.1:0\"\nclient_file = \"{}\"\n",
                crate::common::ONE,
                file.display(),
                client.display(),
            );
            let agent = start(&config, &source, &clock).await;
            while !file.exists() {
                tokio::task::yield_now().await;
            }
            let url = format!("http://{}/oauth2/token", agent.addresses()[0]);
            get(&url, &[("authorization", "Basic eWMtYXV0aDp3cm9uZw==")]).await;
            get(&format!("{url}/t1.fake-in-a-path.fakefakefakefake?token=t1.fake-in-a-query.fake"), &[]).await;
            source.set(|_| Err(unavailable().at("t1.fake.in-an-error")));
            clock.advance(13 * HOUR);
            let has = |text: &str| log.lines().iter().any(|line| line.contains(text));
            while !has("has ended") || !has("there is no token") {
                clock.advance(secs(1));
                tokio::task::yield_now().await;
            }
            let client: serde_json::Value = serde_json::from_slice(&std::fs::read(client).unwrap()).unwrap();
            let lines = log.lines();
            assert!(lines.iter().any(|line| line.contains("wrote the token")), "{lines:?}");
            assert!(lines.iter().any(|line| line.contains("made the OAuth client")), "{lines:?}");
            let asked = |line: &String| line.contains("answered") && line.contains("GET /oauth2/token");
            assert_eq!(lines.iter().filter(|line| asked(line)).count(), 2, "{lines:?}");
            for secret in ["t1.fake", client["client_secret"].as_str().unwrap(), "eWMtYXV0aDp3cm9uZw"] {
                assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}: {lines:?}");
            }
        });
    });
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_file_that_the_agent_writes_is_not_followed() {
    use std::fs;
    use std::os::unix::fs::symlink;
    on_runtime(async {
        let folder = Folder::new();
        let (file, victim) = (folder.join("token"), folder.join("victim"));
        fs::write(&victim, "untouched").unwrap();
        let config = format!(
            "{}[[listen]]\nkind = \"token-file\"\npath = \"{}\"\n",
            crate::common::ONE,
            file.display()
        );
        symlink(&victim, folder.join(".token.tmp")).unwrap();
        let agent = start(&config, &tokens(), &TestClock::new()).await;
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
        drop(agent);
        fs::remove_file(folder.join(".token.lock")).unwrap();
        symlink(folder.join("made"), folder.join(".token.lock")).unwrap();
        let config = yandex_cloud_auth_agent::Config::parse(&config).unwrap();
        let clock = TestClock::new();
        let error = yandex_cloud_auth_agent::Agent::start(config, crate::common::of(&tokens(), &clock)).await;
        assert!(error.unwrap_err().to_string().contains("cannot write here"));
        assert!(!folder.join("made").exists());
    });
}

/// A folder in the place of the temporary file stands for a disk that is full.
#[cfg(unix)]
#[test]
fn a_write_that_fails_leaves_the_last_token_and_is_repeated() {
    use std::fs;
    on_runtime(async {
        let (folder, clock, source) = (Folder::new(), TestClock::new(), tokens());
        let (file, obstacle) = (folder.join("token"), folder.join(".token.tmp"));
        let config = format!(
            "{}[[listen]]\nkind = \"token-file\"\npath = \"{}\"\n",
            crate::common::ONE,
            file.display()
        );
        let _agent = start(&config, &source, &clock).await;
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        fs::create_dir(&obstacle).unwrap();
        while source.started() < 2 {
            clock.advance(secs(60));
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            clock.advance(Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "t1.fake.0");
        fs::remove_dir(&obstacle).unwrap();
        while fs::read_to_string(&file).unwrap() == "t1.fake.0" {
            clock.advance(secs(1));
            tokio::task::yield_now().await;
        }
    });
}
