//! Callers without an executor: `blocking()` in front of a client that blocks starts no thread per call.
#![cfg(target_os = "linux")]

use std::thread;
use test_support::own_process::in_own_process;

use http::header::AUTHORIZATION;
use test_support::wait::until;
use yandex_cloud_auth::testing::TestEnvironment;
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_emulator::{Emulator, Service};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

// The only test of its process: all threads belong to it.
#[test]
fn calls_from_many_threads_start_no_thread_and_share_one_fetch() {
    in_own_process(
        "blocking_client::calls_from_many_threads_start_no_thread_and_share_one_fetch",
        share_one_fetch,
    );
}

fn share_one_fetch() {
    const CALLS: u64 = 50;
    let cloud = Emulator::start_in_thread().unwrap();
    let environment = TestEnvironment::new([("YC_METADATA_ADDR", cloud.metadata_addr().to_string())]);
    let credentials =
        Credentials::automatic().with_system(System::real().with_environment(environment)).blocking();
    let url = format!("{}/v1/models", cloud.api_url());
    let agent = ureq::Agent::new_with_defaults();
    let call = || {
        let header = credentials.header().unwrap().unwrap();
        assert_eq!(agent.get(&url).header(AUTHORIZATION, header).call().unwrap().status(), 200);
    };
    call();
    let before = threads();
    for _ in 0..CALLS {
        call();
        assert!(threads() <= before);
    }
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..CALLS).for_each(|_| call()))).collect();
        while !callers.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!(threads() <= before + callers.len());
            thread::yield_now();
        }
    });
    until("the callers have ended", || threads() <= before);
    assert_eq!(
        (cloud.counters().requests(Service::Ai), cloud.counters().tokens_issued()),
        (1 + 9 * CALLS, 1)
    );
}
