//! Several agents with one Lease: one of them writes, and another one takes over.

use serde_json::json;
use test_support::http_client::get;
use test_support::log::Log;
use test_support::token_source::token;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth_agent::Config;

use super::api_server::{Fate, LEASE};
use super::{Cluster, LISTEN, on_one_thread};
use crate::common::{ONE, free_port};

#[test]
fn one_of_two_agents_writes_and_asks_for_tokens() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let port = free_port();
        let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
        let _a = cluster.agent("a").await;
        let _b = cluster.agent_with("b", &admin).await;
        cluster.pass(secs(120)).await;
        assert_eq!(
            (cluster.server.holder(), cluster.server.token().as_deref()),
            ("a".into(), Some("t1.fake.0"))
        );
        assert_eq!(cluster.source.started(), 1, "the second agent asks for no token");
        assert_eq!(cluster.server.count("b PATCH"), 0);
        assert_eq!(cluster.server.count("b GET /api/"), 0, "it does not read the Secret either");
        let ready = get(&format!("http://127.0.0.1:{port}/readyz/one"), &[]).await;
        assert_eq!((ready.status.as_u16(), ready.text().as_str()), (200, "one: standby\n"));
        let spec = &cluster.server.object(LEASE)["spec"];
        assert_eq!((&spec["leaseDurationSeconds"], &spec["leaseTransitions"]), (&json!(30), &json!(1)));
        assert_eq!(spec["acquireTime"], "2026-11-24T00:00:00.000000Z");
        let renewed = spec["renewTime"].as_str().unwrap();
        assert!(renewed > "2026-11-24T00:01:54" && renewed.ends_with(".000000Z"), "{renewed}");
    });
}

#[test]
fn when_the_holder_is_gone_another_one_writes_after_the_lease() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let a = cluster.agent("a").await;
        let _b = cluster.agent("b").await;
        cluster.pass(secs(60)).await;
        // As after a crash: nothing is given back.
        drop(a);
        cluster.pass(secs(24)).await;
        assert_eq!(cluster.server.holder(), "a");
        cluster.pass(secs(12)).await;
        assert_eq!(cluster.server.holder(), "b");
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.1"));
        assert_eq!(cluster.server.object(LEASE)["spec"]["leaseTransitions"], 2);
    });
}

#[test]
fn an_agent_that_ends_gives_the_lease_back() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let a = cluster.agent("a").await;
        let _b = cluster.agent("b").await;
        cluster.pass(secs(10)).await;
        a.drain().await;
        let spec = cluster.server.object(LEASE)["spec"].clone();
        assert_eq!((&spec["holderIdentity"], &spec["leaseDurationSeconds"]), (&json!(""), &json!(1)));
        cluster.pass(secs(5)).await;
        assert_eq!(cluster.server.holder(), "b");
    });
}

#[test]
fn an_agent_that_ends_leaves_the_lease_of_another_one_alone() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let a = cluster.agent("a").await;
        let mut lease = cluster.server.object(LEASE);
        lease["spec"]["holderIdentity"] = json!("b_1");
        cluster.server.put(LEASE, lease);
        a.drain().await;
        assert_eq!(cluster.server.holder(), "b");
    });
}

/// The first holder is cut off in the middle of a write that arrives much later: a Lease does not fence.
#[test]
fn a_lease_that_is_lost_in_mid_write_overwrites_nothing() {
    let log = Log::of_target("");
    log.of(|| {
        on_one_thread(async {
            let cluster = Cluster::new();
            let _a = cluster.agent("a").await;
            let _b = cluster.agent("b").await;
            cluster.pass(secs(60)).await;
            let life = 12 * HOUR;
            // The token that the write of the first holder carries ends last, so that its end alone would not stop it.
            cluster
                .source
                .set(move |count| Ok(token(count)?.expiring_in(if count == 1 { 2 * life } else { life })));
            cluster.server.set(|line| match line {
                "a PATCH /api/v1/namespaces/apps/secrets/yc-token" => Fate::Held,
                _ => Fate::Served,
            });
            while cluster.source.started() < 2 {
                cluster.pass(secs(1)).await;
            }
            cluster.server.set(|line| if line.starts_with("a ") { Fate::Held } else { Fate::Served });
            cluster.pass(secs(60)).await;
            let state = (cluster.server.holder(), cluster.server.token());
            assert_eq!(state, ("b".into(), Some("t1.fake.2".into())), "the second agent has taken over");
            cluster.server.release();
            cluster.pass(secs(60)).await;
            assert!(cluster.server.count("a PATCH /api/v1/namespaces/apps/secrets/yc-token 409") > 0);
            let state = (cluster.server.holder(), cluster.server.token());
            assert_eq!(state, ("b".into(), Some("t1.fake.2".into())));
            let lines = log.lines();
            assert_eq!(lines.iter().filter(|line| line.contains("lost the Lease")).count(), 1, "{lines:?}");
            assert_eq!(lines.iter().filter(|line| line.contains("won the Lease")).count(), 2, "{lines:?}");
        });
    });
}

/// Others change the Lease whenever the agent has read it.
#[test]
fn a_conflict_costs_the_lease_at_once() {
    on_one_thread(async {
        let (cluster, port) = (Cluster::new(), free_port());
        let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
        let _a = cluster.agent_with("a", &admin).await;
        cluster.pass(secs(10)).await;
        let ready = async || get(&format!("http://127.0.0.1:{port}/readyz/one"), &[]).await.text();
        assert_eq!(ready().await, "one: ready\n");
        cluster.server.set(|line| match line {
            "a PATCH /apis/coordination.k8s.io/v1/namespaces/apps/leases/yc-token" => Fate::Refused(409),
            _ => Fate::Served,
        });
        cluster.pass(secs(5)).await;
        assert_eq!(ready().await, "one: no lease\n");
        cluster.server.serve_all();
        cluster.pass(secs(5)).await;
        assert_eq!(ready().await, "one: ready\n");
    });
}

/// The machine is suspended while the agent reads the Secret, and another agent has had the time to take the Lease.
#[test]
fn an_agent_that_was_suspended_does_not_go_on_with_a_write() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let (clock, mut is_first) = (cluster.clock.clone(), true);
        cluster.server.set(move |line| {
            if line.starts_with("a GET /api/") && std::mem::take(&mut is_first) {
                clock.suspend(secs(60));
            }
            Fate::Served
        });
        let _a = cluster.agent("a").await;
        cluster.pass(secs(10)).await;
        assert_eq!(cluster.server.token().as_deref(), Some("t1.fake.0"));
        let requests = cluster.server.requests();
        let read = requests.iter().position(|request| request.starts_with("a GET /api/")).unwrap();
        let next = &requests[read + 1];
        assert!(next.starts_with("a GET /apis/coordination"), "the Lease comes first: {next}");
    });
}

/// Both agents believe that they hold the Lease: the Secret has the token that ends last, in any order of writes.
#[test]
fn of_two_holders_the_token_that_ends_last_stays() {
    on_one_thread(async {
        let cluster = Cluster::new();
        // The second agent's token ends first.
        cluster.source.set(|count| Ok(token(count)?.expiring_in(HOUR * if count == 0 { 12 } else { 11 })));
        let _a = cluster.agent("a").await;
        cluster.pass(secs(2)).await;
        cluster.server.put(LEASE, json!({ "metadata": { "name": "yc-token" } }));
        let _b = cluster.agent("b").await;
        cluster.pass(secs(2)).await;
        assert_eq!((cluster.source.started(), cluster.server.token().as_deref()), (2, Some("t1.fake.0")));
        assert_eq!(cluster.server.count("b PATCH /api/"), 0);
        assert!(cluster.server.count("b GET /api/") > 0);
    });
}

#[test]
fn a_reload_keeps_a_secret_that_is_the_same_and_gives_back_the_lease_of_another() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let mut agent = cluster.agent("a").await;
        let holder = cluster.server.object(LEASE)["spec"]["holderIdentity"].clone();
        let metadata = "[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n";
        let same = Config::parse(&format!("{ONE}{metadata}{LISTEN}")).unwrap();
        agent.reload(same, cluster.credentials("a")).await.unwrap();
        cluster.pass(secs(30)).await;
        let lease = cluster.server.object(LEASE);
        assert_eq!(
            (&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]),
            (&holder, &json!(1))
        );
        let without = Config::parse(&format!("{ONE}{metadata}")).unwrap();
        agent.reload(without, cluster.credentials("a")).await.unwrap();
        cluster.settle().await;
        assert_eq!(cluster.server.holder(), "");
        let before = cluster.server.requests().len();
        cluster.pass(secs(60)).await;
        assert_eq!(cluster.server.requests().len(), before, "the Secret is no more this agent's");
        let again = Config::parse(&format!("{ONE}{LISTEN}key = \"other\"\n")).unwrap();
        agent.reload(again, cluster.credentials("a")).await.unwrap();
        cluster.pass(secs(10)).await;
        assert_eq!(cluster.server.holder(), "a");
        assert!(
            cluster.server.object("/api/v1/namespaces/apps/secrets/yc-token")["data"]["other"].is_string()
        );
    });
}

/// A listener beside the Secret needs the token on every agent.
#[test]
fn an_identity_that_others_use_is_renewed_on_standby_too() {
    on_one_thread(async {
        let cluster = Cluster::new();
        let metadata = "[[listen]]\nkind = \"metadata\"\naddress = \"127.0.0.1:0\"\n";
        let _a = cluster.agent("a").await;
        let _b = cluster.agent_with("b", metadata).await;
        cluster.pass(secs(5)).await;
        assert_eq!((cluster.server.holder(), cluster.source.started()), ("a".into(), 2));
    });
}
