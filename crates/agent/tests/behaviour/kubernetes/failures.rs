//! An API server that is down or refuses, and a configuration that cannot work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use test_support::http_client::get;
use test_support::log::Log;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles};
use yandex_cloud_auth::{Credentials, ErrorKind, Token};
use yandex_cloud_auth_agent::{Agent, Config};

use super::api_server::{ApiServer, Fate, LEASE, SECRET};
use super::{ACCOUNT, Cluster, LISTEN, on_one_thread};
use crate::common::{ONE, free_port};

#[test]
fn what_the_api_server_refuses_is_told_once_with_what_to_do() {
    for (what, status, state, help) in [
        ("leases", 404, "one: no lease\n", "create the object once"),
        ("leases", 403, "one: no lease\n", "a Role with `get` and `patch`"),
        ("secrets", 404, "one: the Secret is not written\n", "create the object once"),
        ("secrets", 403, "one: the Secret is not written\n", "a Role with `get` and `patch`"),
        (
            "secrets",
            401,
            "one: the Secret is not written\n",
            "does not know the token of the service account",
        ),
        ("secrets", 302, "one: the Secret is not written\n", "HTTP 302"),
        ("secrets", 503, "one: the Secret is not written\n", "HTTP 503: no"),
    ] {
        let log = Log::of_target("yandex_cloud_auth_agent");
        log.of(|| {
            on_one_thread(async {
                let (cluster, port) = (Cluster::new(), free_port());
                let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
                cluster.server.set(
                    move |line| {
                        if line.contains(what) { Fate::Refused(status) } else { Fate::Served }
                    },
                );
                let _a = cluster.agent_with("a", &admin).await;
                cluster.pass(secs(60)).await;
                let ready = || async { get(&format!("http://127.0.0.1:{port}/readyz/one"), &[]).await };
                assert_eq!((ready().await.status.as_u16(), ready().await.text().as_str()), (503, state));
                let warned = log.warnings();
                assert_eq!(warned.len(), 1, "{what} {status}: {warned:?}");
                assert!(warned[0].contains(help) && warned[0].contains(what), "{what} {status}: {warned:?}");
                assert_eq!(cluster.server.token(), None);
                cluster.server.serve_all();
                cluster.pass(secs(10)).await;
                assert_eq!(
                    (ready().await.text().as_str(), cluster.server.token().as_deref()),
                    ("one: ready\n", Some("t1.fake.0"))
                );
                // The same again is told again.
                cluster.server.set(
                    move |line| {
                        if line.contains(what) { Fate::Refused(status) } else { Fate::Served }
                    },
                );
                cluster.pass(secs(120)).await;
                assert_eq!(log.warnings().len(), 2, "{what} {status}: {:?}", log.warnings());
            });
        });
    }
}

#[test]
fn a_secret_that_somebody_else_changes_is_read_again_in_the_next_turn() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    log.of(|| {
        on_one_thread(async {
            let cluster = Cluster::new();
            cluster.server.set(|line| {
                if line.starts_with("a PATCH /api/") { Fate::Refused(409) } else { Fate::Served }
            });
            let _a = cluster.agent("a").await;
            cluster.pass(secs(10)).await;
            assert!(log.warnings()[0].contains("somebody else has changed the Secret"), "{:?}", log.lines());
            cluster.server.serve_all();
            cluster.pass(secs(5)).await;
            assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
        });
    });
}

#[test]
fn a_lease_that_always_conflicts_is_told_once() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    log.of(|| {
        on_one_thread(async {
            let cluster = Cluster::new();
            let mut is_first = true;
            cluster.server.set(move |line| {
                let is_claim = line.starts_with("a PATCH /apis/");
                if is_claim && std::mem::take(&mut is_first) { Fate::Refused(409) } else { Fate::Served }
            });
            let agent = cluster.agent("a").await;
            cluster.pass(secs(10)).await;
            assert_eq!(
                (log.warnings(), cluster.server.holder().as_str()),
                (vec![], "a"),
                "one conflict is usual"
            );
            agent.drain().await;

            cluster.server.set(|line| {
                if line.starts_with("b PATCH /apis/") { Fate::Refused(409) } else { Fate::Served }
            });
            let _b = cluster.agent("b").await;
            cluster.pass(secs(120)).await;
            let warned = log.warnings();
            assert_eq!(warned.len(), 1, "{warned:?}");
            for told in ["cannot renew the Lease", LEASE, "HTTP 409", "managedFields"] {
                assert!(warned[0].contains(told), "{told}: {warned:?}");
            }
            cluster.server.serve_all();
            cluster.pass(secs(10)).await;
            assert_eq!(cluster.server.holder(), "b");
        });
    });
}

/// A server may repeat what it was sent.
#[test]
fn no_secret_is_in_the_log() {
    let log = Log::of_target("");
    log.of(|| {
        on_one_thread(async {
            let cluster = Cluster::new();
            let (account, token) =
                (ApiServer::account_token("a"), "t1.9euelZqFAKEFAKE.fake_signature_of_a_token");
            cluster.source.set(move |_| Ok(Token::new(token)?.expiring_in(HOUR)));
            let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJmYWtlIjoiZmFrZSJ9.FAKE-signature-of-a-fake-token";
            let mut count = 0;
            cluster.server.set(move |line| {
                count += 1;
                match count % 5 {
                    _ if count > 40 => Fate::Served,
                    0 => Fate::Says(403, format!("{{\"message\":\"{account} {token} {jwt}\"}}")),
                    1 if line.contains("secrets") => Fate::Says(200, format!("{{\"{account}\": {token}}}")),
                    2 => Fate::Says(500, format!("{account} {token} {jwt}")),
                    _ => Fate::Served,
                }
            });
            let agent = cluster.agent("a").await;
            cluster.pass(secs(120)).await;
            agent.drain().await;
            let lines = log.lines();
            for told in [
                "cannot renew the Lease",
                "cannot write the Secret",
                "wrote the token",
                "gave the Lease back",
            ] {
                assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:?}");
            }
            for secret in ["fake-account-token", "eyJmYWtl", "FAKE-signature", "9euelZq", "fake_signature"] {
                assert!(!lines.iter().any(|line| line.contains(secret)), "{secret}: {lines:?}");
            }
        });
    });
}

/// As an admission webhook can. The life of the token, and so the text, is another one each time.
#[test]
fn a_refusal_that_repeats_the_secret_is_told_once_and_without_the_token() {
    let log = Log::of_target("");
    log.of(|| {
        on_one_thread(async {
            let cluster = Cluster::new();
            let token = "t1.9euelZqFAKEFAKE.fake_signature_of_a_token";
            cluster.source.set(move |_| Ok(Token::new(token)?.expiring_in(HOUR)));
            cluster.server.set(|line| {
                if line.starts_with("a PATCH /api/") { Fate::Repeats(422) } else { Fate::Served }
            });
            let _a = cluster.agent("a").await;
            cluster.pass(secs(60)).await;
            let warned = log.warnings();
            assert_eq!(warned.len(), 1, "{warned:?}");
            for told in ["HTTP 422: a webhook denied the request", "yc-auth/lifetime-seconds", "***"] {
                assert!(warned[0].contains(told), "{told}: {warned:?}");
            }
            let encoded = STANDARD.encode(token);
            for part in [&token[8..20], &encoded[..12], &encoded[24..36]] {
                assert!(!log.lines().iter().any(|line| line.contains(part)), "{part}: {:?}", log.lines());
            }
            // Another refusal is told.
            cluster.server.set(|line| {
                if line.starts_with("a PATCH /api/") { Fate::Repeats(500) } else { Fate::Served }
            });
            cluster.pass(secs(60)).await;
            assert_eq!(log.warnings().len(), 2, "{:?}", log.warnings());
        });
    });
}

#[test]
fn objects_that_are_missing_are_not_created_but_found_once_they_are_there() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let (secret, lease) = (cluster.server.object(SECRET), cluster.server.object(LEASE));
        cluster.server.remove(SECRET);
        cluster.server.remove(LEASE);
        let _a = cluster.agent("a").await;
        cluster.pass(secs(60)).await;
        let requests = cluster.server.requests();
        assert!(!requests.is_empty() && requests.iter().all(|line| line == &format!("a GET {LEASE} 404")));
        cluster.server.put(LEASE, lease);
        cluster.server.put(SECRET, secret);
        cluster.pass(secs(10)).await;
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
    });
}

#[test]
fn an_api_server_that_is_down_costs_the_lease_and_no_token() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let _a = cluster.agent("a").await;
        let _b = cluster.agent("b").await;
        cluster.pass(secs(10)).await;
        cluster.server.set(|_| Fate::Unreachable);
        cluster.pass(2 * HOUR).await;
        assert_eq!(cluster.source.started(), 1, "nobody leads, so nobody asks for a token");
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
        cluster.server.serve_all();
        cluster.pass(secs(60)).await;
        assert_ne!(cluster.server.holder(), "");
        assert_ne!(cluster.server.token().as_deref(), Some("t1.fake.0"));
    });
}

#[test]
fn a_server_that_does_not_answer_is_left_after_a_limit() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        cluster.server.set(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Fate::Held
        });
        let _a = cluster.agent("a").await;
        cluster.pass(secs(30)).await;
        assert_eq!((cluster.server.requests().len(), cluster.source.started()), (0, 0));
        assert!(calls.load(Ordering::Relaxed) >= 3, "each call is left after 5 s, and made again after 5 s");
        // What was held is served too late to count, and does no harm.
        cluster.server.release();
        cluster.pass(secs(10)).await;
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
    });
}

#[test]
fn a_response_that_is_no_object_leads_to_no_patch() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let _a = cluster.agent("a").await;
        cluster.server.set(|line| if line.contains("GET") { Fate::Refused(200) } else { Fate::Served });
        cluster.server.put(SECRET, json!({ "metadata": { "name": "yc-token" } }));
        let before = cluster.server.count("a PATCH");
        cluster.pass(secs(120)).await;
        assert_eq!(cluster.server.count("a PATCH"), before);
    });
}

/// Kubernetes replaces the token of a service account within an hour.
#[test]
fn the_token_of_the_service_account_is_read_for_each_call() {
    on_one_thread(async {
        let (cluster, files) = (Cluster::new(), TestFiles::new([(ACCOUNT, ApiServer::account_token("a"))]));
        let system = cluster.system("a").with_files(files.clone());
        let made = |_: &_| Ok(Credentials::from_source(cluster.source.clone()).with_system(system.clone()));
        let config = Config::parse(&format!("{ONE}{LISTEN}")).unwrap();
        let _agent = Agent::start(config, made).await.unwrap();
        cluster.pass(secs(10)).await;
        files.write(ACCOUNT, ApiServer::account_token("replaced"));
        cluster.pass(secs(10)).await;
        let requests = cluster.server.requests();
        let first = requests.iter().position(|request| request.starts_with("replaced ")).unwrap();
        assert!(first > 0 && requests[first..].iter().all(|request| request.starts_with("replaced ")));
        files.remove(ACCOUNT);
        let count = cluster.server.requests().len();
        cluster.pass(secs(30)).await;
        assert_eq!(cluster.server.requests().len(), count, "nothing is asked without a token");
    });
}

#[test]
fn a_start_that_cannot_work_is_refused() {
    let nowhere = TestEnvironment::empty();
    let half = TestEnvironment::new([("KUBERNETES_SERVICE_HOST", "10.96.0.1")]);
    let broken = TestEnvironment::new([
        ("KUBERNETES_SERVICE_HOST", "evil.example/@10.0.0.1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ]);
    let pod = || {
        TestEnvironment::new([("KUBERNETES_SERVICE_HOST", "10.96.0.1"), ("KUBERNETES_SERVICE_PORT", "443")])
    };
    let sixth =
        TestEnvironment::new([("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "443")]);
    let good = "fake-token";
    for (environment, more, token, place) in [
        (nowhere, "", Some(good), Some("KUBERNETES_SERVICE_HOST")),
        (half, "", Some(good), Some("KUBERNETES_SERVICE_PORT")),
        (broken, "", Some(good), Some("KUBERNETES_SERVICE_HOST")),
        (pod(), "", None, Some(ACCOUNT)),
        (pod(), "", Some(" \n"), Some(ACCOUNT)),
        (pod(), "", Some("fake\ntoken"), Some(ACCOUNT)),
        (pod(), "", Some(good), None),
        (sixth, "", Some(good), None),
        (pod(), "api_server = \"http://10.0.0.1:8001\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"http://localhost.evil.example:8001\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"https://user:pass@10.0.0.1\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"https://10.0.0.1/path\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"https://10.0.0.1/?x\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"ftp://10.0.0.1\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"10.0.0.1:6443\"", Some(good), Some("api_server")),
        (pod(), "api_server = \"\"", Some(good), Some("api_server")),
    ] {
        on_one_thread(async {
            let cluster = Cluster::new();
            let files = TestFiles::new(token.map(|token| (ACCOUNT, token)));
            let system = cluster.system("a").with_environment(environment).with_files(files);
            let config = Config::parse(&format!("{ONE}{LISTEN}{more}\n")).unwrap();
            let made =
                |_: &_| Ok(Credentials::from_source(cluster.source.clone()).with_system(system.clone()));
            let started = Agent::start(config, made).await;
            match (place, started) {
                (None, started) => drop(started.unwrap()),
                (Some(place), Ok(_)) => panic!("{place} {more}: it starts"),
                (Some(place), Err(error)) => {
                    assert_eq!(error.location(), Some(format!("apps/yc-token: {place}").as_str()), "{more}");
                    assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Blocked), "{error}");
                    assert!(error.help().is_some() || place == "KUBERNETES_SERVICE_HOST", "{error}");
                    assert!(!error.to_string().contains("user:pass"), "{error}");
                    assert_eq!(cluster.source.started(), 0);
                }
            }
        });
    }
}
