//! Which process fetches, and what the others do meanwhile.

use std::time::Duration;

use super::{FIRST, Machine, SECOND, oauth};
use crate::support::OAUTH_TOKEN;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::shared_cache::clear;
use yandex_cloud_auth::system::{CacheStore, Clock, HeldLock};
use yandex_cloud_auth::testing::TestCacheStore;
use yandex_cloud_auth::{Credentials, ErrorKind};

#[test]
fn processes_that_start_together_make_one_exchange() {
    let machine = Machine::new();
    let processes: Vec<_> = (0..50).map(|_| machine.process()).collect();
    let calls = futures_util::future::join_all(processes.iter().map(Credentials::header));
    let headers = machine.test.time.run(calls);
    assert!(headers.into_iter().all(|header| header.unwrap().unwrap() == FIRST));
    assert_eq!(machine.exchanges(), 1);
    assert_eq!(machine.store.held_locks(), 0);
}

#[test]
fn a_renewal_that_fails_leaves_the_token_and_is_not_repeated_by_each_process() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.test.clock.advance(2 * HOUR);
    machine.iam_replies(503);
    let processes: Vec<_> = (0..20).map(|_| machine.process()).collect();
    for process in &processes {
        assert_eq!(machine.header(process).unwrap(), FIRST);
    }
    machine.work();
    for process in &processes {
        assert_eq!(machine.header(process).unwrap(), FIRST);
        machine.test.time.pass(Duration::from_millis(10));
        assert_eq!(machine.header(process).unwrap(), FIRST);
    }
    assert_eq!(machine.exchanges(), 2, "the failure was not shared");
}

#[test]
fn a_failure_is_told_to_those_who_waited_for_it() {
    let machine = Machine::new();
    machine.iam_replies(403);
    let processes: Vec<_> = (0..20).map(|_| machine.process()).collect();
    let calls = futures_util::future::join_all(processes.iter().map(Credentials::header));
    for outcome in machine.test.time.run(calls) {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("FAKE reason") && error.help().is_some(), "{error}");
    }
    assert_eq!(machine.exchanges(), 1);
    // A process that starts later asks.
    machine.iam_replies(200);
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
}

#[test]
fn a_holder_that_is_stopped_is_passed_over_at_its_own_deadline_or_at_half_of_the_time() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let name = machine.entry();
    let name = name.trim_end_matches(".entry");
    assert_eq!(clear(&machine.store).unwrap(), 1);

    // A note that nobody can read: the waiting process uses half of its time, and fetches for itself.
    let stopped = machine.store.try_lock(name, "", &|_| false).unwrap().unwrap();
    let before = machine.test.time.elapsed();
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    assert_eq!(machine.test.time.elapsed() - before, secs(5));
    drop(stopped);

    // A note of a deadline that has passed: one process takes the lock over, and the others wait for it.
    assert_eq!(clear(&machine.store).unwrap(), 1);
    let note = r#"{"since":{"wall_ms":0,"boot":"boot-1","since_boot_ms":0},"lasts_ms":10000}"#;
    let stopped = machine.store.try_lock(name, note, &|_| false).unwrap().unwrap();
    let (exchanges, before) = (machine.exchanges(), machine.test.time.elapsed());
    let processes: Vec<_> = (0..10).map(|_| machine.process()).collect();
    let calls = futures_util::future::join_all(processes.iter().map(Credentials::header));
    assert!(machine.test.time.run(calls).iter().all(Result::is_ok));
    assert_eq!(machine.exchanges() - exchanges, 1);
    assert!(machine.test.time.elapsed() - before < secs(1));
    drop(stopped);
}

#[test]
fn a_holder_that_is_stopped_keeps_its_lock_up_to_its_deadline() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let name = machine.entry();
    let name = name.trim_end_matches(".entry");
    assert_eq!(clear(&machine.store).unwrap(), 1);

    let clock = &machine.test.clock;
    let (wall, since_boot) = (clock.now().wall.as_millis(), clock.since_boot().unwrap());
    let (boot, elapsed) = (since_boot.boot, since_boot.elapsed.as_millis());
    let note = format!(
        r#"{{"since":{{"wall_ms":{wall},"boot":"{boot}","since_boot_ms":{elapsed}}},"lasts_ms":10000}}"#
    );
    let stopped = machine.store.try_lock(name, &note, &|_| false).unwrap().unwrap();
    clock.advance(secs(10));
    let before = machine.test.time.elapsed();
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    let waited = machine.test.time.elapsed() - before;
    assert!(!waited.is_zero() && waited < secs(1), "{waited:?}");
    drop(stopped);
}

#[test]
fn a_process_that_renews_stale_tokens_takes_a_fresh_one_alone() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let renewing = || oauth(OAUTH_TOKEN).with_system(machine.system().renewing_stale_shared_tokens());
    assert_eq!(machine.header(&renewing()).unwrap(), FIRST);
    machine.test.clock.advance(2 * HOUR);
    assert_eq!(machine.header(&renewing()).unwrap(), SECOND);
    assert_eq!(machine.header(&renewing()).unwrap(), SECOND);
    // Without another token, a stale one is the last resort.
    machine.test.clock.advance(2 * HOUR);
    machine.iam_replies(403);
    assert_eq!(machine.header(&renewing()).unwrap(), SECOND);
}

/// A store in which another process puts an entry at the moment of the lock.
struct EntryBeforeLock {
    store: TestCacheStore,
    name: String,
    content: Vec<u8>,
}

impl CacheStore for EntryBeforeLock {
    fn may_block(&self) -> bool {
        false
    }

    fn read(&self, name: &str) -> std::io::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
        self.store.read(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        self.store.write(name, content)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.store.remove(name)
    }

    fn names(&self) -> std::io::Result<Vec<String>> {
        CacheStore::names(&self.store)
    }

    fn try_lock(
        &self,
        name: &str,
        note: &str,
        is_over: &dyn Fn(&str) -> bool,
    ) -> std::io::Result<Option<HeldLock>> {
        self.store.set(&self.name, self.content.clone());
        self.store.try_lock(name, note, is_over)
    }
}

#[test]
fn a_token_that_came_between_the_look_and_the_lock_is_taken() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    let name = machine.entry();
    let content = machine.store.content(&name).unwrap();
    let store = EntryBeforeLock { store: TestCacheStore::default(), name, content };
    let system = machine.test.system().with_spawner(machine.test.time.clone()).with_shared_cache(store);
    assert_eq!(machine.header(&oauth(OAUTH_TOKEN).with_system(system)).unwrap(), FIRST);
    assert_eq!(machine.exchanges(), 1);
}
