//! What is written to the Secret, and what is left as it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::http_client::get;
use test_support::log::Log;
use test_support::token_source::{token, unavailable};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::{ApiKeyAuth, Credentials, Token};
use yandex_cloud_auth_agent::{Agent, Config};

use super::api_server::{Fate, SECRET};
use super::{Cluster, LISTEN, on_one_thread};
use crate::common::{ONE, free_port};

/// A Secret with a token that ends at this time.
fn with_token(text: &str, end: &str) -> Value {
    let annotations = json!({ "yc-auth/expires-at": end });
    json!({
        "metadata": { "name": "yc-token", "annotations": annotations },
        "data": { "token": STANDARD.encode(text) },
    })
}

#[test]
fn the_secret_has_the_token_and_the_annotations_its_life_and_end() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let other =
            json!({ "metadata": { "annotations": { "owner": "team" } }, "data": { "other": "eA==" } });
        cluster.server.put(SECRET, other);
        let _a = cluster.agent("a").await;
        cluster.pass(secs(2)).await;
        let server = &cluster.server;
        assert_eq!(server.token().as_deref(), Some("t1.fake.0"));
        assert_eq!(server.annotation("yc-auth/expires-at"), "2026-11-24T12:00:01Z");
        let life: u64 = server.annotation("yc-auth/lifetime-seconds").parse().unwrap();
        assert!((43_190..=43_200).contains(&life), "{life}");
        assert_eq!(
            (server.annotation("owner").as_str(), &server.object(SECRET)["data"]["other"]),
            ("team", &json!("eA=="))
        );
        // One token is written once.
        cluster.pass(secs(300)).await;
        assert_eq!(cluster.server.count("a PATCH /api/"), 1);
        assert!(cluster.server.requests().iter().all(|request| request.ends_with(" 200")));
    });
}

#[test]
fn each_new_token_is_written_once() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let _a = cluster.agent("a").await;
        cluster.pass(3 * HOUR + secs(10)).await;
        assert_eq!((cluster.source.started(), cluster.server.count("a PATCH /api/")), (4, 4));
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.3"));
    });
}

#[test]
fn only_a_token_that_ends_later_is_written() {
    for (end, is_written) in [
        ("2026-11-24T12:00:00Z", true),
        ("2026-11-24T12:00:01Z", false),
        ("2026-11-24T15:00:01.5+03:00", false),
        ("2026-11-24T12:00:02Z", false),
        ("2027-01-01T00:00:00Z", false),
        ("whenever", true),
    ] {
        on_one_thread(async {
            let cluster = Cluster::new();
            cluster.server.put(SECRET, with_token("t1.fake.other", end));
            let _a = cluster.agent("a").await;
            cluster.pass(secs(120)).await;
            let expected = if is_written { "t1.fake.0" } else { "t1.fake.other" };
            assert_eq!(cluster.server.token().as_deref(), Some(expected), "{end}");
            assert_eq!(cluster.server.count("a PATCH /api/"), usize::from(is_written), "{end}");
        });
    }
}

#[test]
fn a_change_between_reading_and_writing_is_read_again() {
    for (end, expected, patches) in
        [("2026-11-24T10:00:00Z", "t1.fake.0", 2), ("2026-11-24T13:00:00Z", "t1.fake.other", 1)]
    {
        on_one_thread(async {
            let cluster = Cluster::new();
            let (server, mut is_first) = (cluster.server.clone(), true);
            let other = server.clone();
            server.set(move |line| {
                if line.starts_with("a PATCH /api/") && std::mem::take(&mut is_first) {
                    // The rule runs while the server is locked.
                    let other = other.clone();
                    let object = with_token("t1.fake.other", end);
                    std::thread::spawn(move || other.put(SECRET, object));
                    return Fate::Held;
                }
                Fate::Served
            });
            let _a = cluster.agent("a").await;
            cluster.pass(secs(2)).await;
            while cluster.server.token().is_none() {
                cluster.settle().await;
            }
            cluster.server.release();
            cluster.pass(secs(6)).await;
            assert_eq!(cluster.server.token().as_deref(), Some(expected), "{end}");
            assert_eq!(cluster.server.count("a PATCH /api/"), patches, "{end}");
        });
    }
}

#[test]
fn a_secret_that_somebody_put_back_is_written_again() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let _a = cluster.agent("a").await;
        cluster.pass(secs(2)).await;
        cluster.server.put(SECRET, json!({ "metadata": { "name": "yc-token" } }));
        cluster.pass(secs(70)).await;
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
        assert_eq!(cluster.source.started(), 1);
    });
}

/// The annotation with the end stays as it was.
#[test]
fn a_token_that_somebody_changed_is_written_again() {
    for value in ["", "t1.fake.other", "t1.fake.", "garbage"] {
        on_one_thread(async {
            let cluster = Cluster::new();
            let _a = cluster.agent("a").await;
            cluster.pass(secs(2)).await;
            let end = cluster.server.annotation("yc-auth/expires-at");
            cluster.server.put(SECRET, with_token(value, &end));
            cluster.pass(secs(70)).await;
            assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"), "{value:?}");
            assert_eq!(cluster.server.annotation("yc-auth/expires-at"), end, "{value:?}");
            cluster.pass(secs(300)).await;
            assert_eq!(
                (cluster.server.count("a PATCH /api/"), cluster.source.started()),
                (2, 1),
                "{value:?}"
            );
        });
    }
}

/// Another agent took the Lease, and wrote its own token.
#[test]
fn a_token_of_another_agent_is_not_taken_for_a_change() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let _a = cluster.agent("a").await;
        cluster.pass(secs(2)).await;
        cluster.server.put(SECRET, with_token("t1.fake.other", "2026-11-24T12:00:02Z"));
        cluster.pass(secs(300)).await;
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.other"));
        assert_eq!(cluster.server.count("a PATCH /api/"), 1);
    });
}

#[test]
fn metrics_tell_who_leads_and_when_the_token_in_the_secret_ends() {
    on_one_thread(async {
        let (cluster, port) = (Cluster::new(), free_port());
        let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
        let metrics = async || get(&format!("http://127.0.0.1:{port}/metrics"), &[]).await.text();
        let _a = cluster.agent_with("a", &admin).await;
        cluster.pass(secs(2)).await;
        let text = metrics().await;
        for line in [
            "yc_auth_agent_secret_leads{secret=\"apps/yc-token\"} 1",
            "yc_auth_agent_secret_writes_total{secret=\"apps/yc-token\"} 1",
            "yc_auth_agent_secret_failures_total{secret=\"apps/yc-token\"} 0",
            "yc_auth_agent_secret_expires_seconds{secret=\"apps/yc-token\"} 1795521601",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        cluster.server.set(|_| Fate::Unreachable);
        cluster.pass(secs(60)).await;
        let text = metrics().await;
        assert!(text.contains("yc_auth_agent_secret_leads{secret=\"apps/yc-token\"} 0"), "{text}");
        assert!(!text.contains("yc_auth_agent_secret_failures_total{secret=\"apps/yc-token\"} 0"), "{text}");
        assert!(!text.contains("t1."), "{text}");
    });
}

/// Nobody could tell which of two such tokens is newer.
#[test]
fn a_key_and_a_token_without_an_end_are_not_written() {
    for (credentials, reason) in [
        (Credentials::from(ApiKeyAuth::new("AQVN-FAKE-key-of-the-tests").unwrap()), "no IAM token"),
        (
            Credentials::from_fn(|| async { Token::new("t1.fake.endless") }),
            "nobody knows when the token ends",
        ),
    ] {
        let log = Log::of_target("");
        log.of(|| {
            on_one_thread(async {
                let cluster = Cluster::new();
                let system = cluster.system("a");
                let config = Config::parse(&format!("{ONE}{LISTEN}")).unwrap();
                let made = |_: &_| Ok(credentials.clone().with_system(system.clone()));
                let _agent = Agent::start(config, made).await.unwrap();
                cluster.pass(secs(30)).await;
                assert_eq!(cluster.server.token(), None);
                let warned = log.warnings();
                assert_eq!(warned.iter().filter(|line| line.contains(reason)).count(), 1, "{warned:?}");
            });
        });
    }
}

/// The tokens of an identity with a life of its own: none is written past its end.
#[test]
fn a_token_past_its_end_is_not_written() {
    on_one_thread(async {
        let cluster = Cluster::new();
        cluster.source.set(|count| Ok(token(count)?.expiring_in(secs(60))));
        cluster.server.set(|line| if line.contains("secrets") { Fate::Refused(503) } else { Fate::Served });
        let _a = cluster.agent("a").await;
        cluster.source.set(|_| Err(unavailable()));
        cluster.pass(secs(120)).await;
        cluster.server.serve_all();
        cluster.pass(secs(30)).await;
        assert_eq!(cluster.server.token(), None);
    });
}
