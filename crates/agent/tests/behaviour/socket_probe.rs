//! A Unix socket that clients do not find any more: the probe and the log tell.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;

use test_support::http_client::get;
use test_support::log::Log;
use test_support::wait::on_runtime;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config, Sockets};

use crate::common::{Folder, ONE, of, tokens};
use crate::envoy::{config, socket};

/// A listener for Envoy, and both kinds of probes at ports that stay the same.
fn with_probes(folder: &Folder) -> (Config, [SocketAddr; 2]) {
    let ports = [crate::common::free_port(), crate::common::free_port()];
    let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let listen = |kind, address| format!("[[listen]]\nkind = \"{kind}\"\naddress = \"{address}\"\n");
    let probes = listen("admin", addresses[0]) + &listen("probes", addresses[1]);
    (Config::parse(&(config(folder, ONE, "") + &probes)).unwrap(), addresses)
}

/// What the probes say: the text of one, and the status of both. The identity has its token already.
async fn readiness([admin, probes]: [SocketAddr; 2]) -> (u16, String) {
    while get(&format!("http://{admin}/readyz/one"), &[]).await.status != 200 {}
    let found = get(&format!("http://{admin}/readyz"), &[]).await;
    let bare = get(&format!("http://{probes}/readyz"), &[]).await;
    assert_eq!((bare.status, bare.body.len()), (found.status, 0));
    (found.status.as_u16(), found.text())
}

fn good() -> (u16, String) {
    (200, "one: ready\n".to_owned())
}

fn lost(folder: &Folder) -> (u16, String) {
    let path = socket(folder);
    let line = format!("unix:{}: somebody has removed or replaced the socket\n", path.display());
    (503, good().1 + &line)
}

#[test]
fn an_agent_whose_socket_is_removed_or_replaced_is_not_ready_until_a_reload() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log.of(|| {
        runtime.block_on(async {
            let folder = Folder::new();
            let (config, probes) = with_probes(&folder);
            let (source, clock) = (tokens(), TestClock::new());
            let mut agent = Agent::start(config.clone(), of(&source, &clock)).await.unwrap();
            assert_eq!(readiness(probes).await, good());
            for is_replaced in [false, true] {
                fs::remove_file(socket(&folder)).unwrap();
                // Of a process that is gone: a reload takes its place.
                is_replaced.then(|| drop(UnixListener::bind(socket(&folder)).unwrap()));
                for _ in 0..3 {
                    assert_eq!(readiness(probes).await, lost(&folder), "{is_replaced}");
                }
                agent.reload(config.clone(), of(&source, &clock)).await.unwrap();
                assert_eq!(readiness(probes).await, good(), "{is_replaced}");
            }
            // The agent itself removes the socket.
            let without = config.listen.iter().skip(1).cloned().collect();
            let without = Config { listen: without, ..config.clone() };
            agent.reload(without, of(&source, &clock)).await.unwrap();
            assert!(!socket(&folder).exists());
            assert_eq!(readiness(probes).await, good());
        });
    });
    let told = log.lines().into_iter().filter(|line| line.contains("clients do not find it"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 2, "one for each loss: {told:?}");
    assert!(told.iter().all(|line| line.contains("sds.sock") && line.contains("SIGHUP")), "{told:?}");
}

#[test]
fn a_socket_that_comes_back_by_itself_is_found_again() {
    on_runtime(async {
        let folder = Folder::new();
        let (config, probes) = with_probes(&folder);
        let _agent = Agent::start(config, of(&tokens(), &TestClock::new())).await.unwrap();
        fs::rename(socket(&folder), folder.join("aside")).unwrap();
        assert_eq!(readiness(probes).await, lost(&folder));
        fs::rename(folder.join("aside"), socket(&folder)).unwrap();
        assert_eq!(readiness(probes).await, good());
    });
}

#[test]
fn a_socket_of_the_service_manager_is_missed_too() {
    on_runtime(async {
        let folder = Folder::new();
        let (config, probes) = with_probes(&folder);
        let passed = UnixListener::bind(socket(&folder)).unwrap();
        let sockets = Sockets::default().with_unix([passed]).unwrap();
        let _agent = Agent::start_with(config, sockets, of(&tokens(), &TestClock::new())).await.unwrap();
        assert_eq!(readiness(probes).await, good());
        fs::remove_file(socket(&folder)).unwrap();
        assert_eq!(readiness(probes).await, lost(&folder));
    });
}
