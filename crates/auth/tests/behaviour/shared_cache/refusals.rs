//! A refused or revoked token, and the shared cache.

use std::io::ErrorKind::StorageFull;
use std::sync::atomic::Ordering;

use super::{FIRST, MINUTE, Machine, SECOND, oauth};
use crate::support::OAUTH_TOKEN;
use test_support::wait::HOUR;
use yandex_cloud_auth::system::{CacheStore, HeldLock};
use yandex_cloud_auth::testing::TestCacheStore;
use yandex_cloud_auth::{Credentials, ErrorKind, IamTokenAuth, RevokeOptions};

#[test]
fn a_refused_token_does_not_come_back() {
    let machine = Machine::new();
    let first = machine.process();
    machine.header(&first).unwrap();
    let second = machine.process();
    machine.header(&second).unwrap();
    assert!(first.invalidate(&first.snapshot().unwrap()));
    assert_eq!(machine.header(&first).unwrap(), SECOND);
    // A new process takes the replacement. So does a process whose server refused the same token.
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    assert!(second.invalidate(&second.snapshot().unwrap()));
    assert_eq!(machine.header(&second).unwrap(), SECOND);
    assert_eq!(machine.exchanges(), 2);
}

#[test]
fn a_refused_token_is_the_last_resort_of_other_processes() {
    let machine = Machine::new();
    let first = machine.process();
    machine.header(&first).unwrap();
    assert!(first.invalidate(&first.snapshot().unwrap()));
    machine.iam_replies(403);
    assert_eq!(machine.header(&first).unwrap_err().kind(), ErrorKind::Refused);
    // Another service may still accept the token.
    assert_eq!(machine.header(&machine.process()).unwrap(), FIRST);
    machine.iam_replies(200);
    let exchanges = machine.exchanges();
    machine.test.clock.advance(MINUTE);
    assert_ne!(machine.header(&machine.process()).unwrap(), FIRST);
    assert_eq!(machine.exchanges(), exchanges + 1);
}

#[test]
fn a_revoked_token_leaves_the_cache() {
    let machine = Machine::new();
    // A token of its own: the list of revoked tokens belongs to the process.
    machine.exchanges.store(700, Ordering::SeqCst);
    let process = machine.process();
    machine.header(&process).unwrap();
    machine.test.time.run(process.revoke(RevokeOptions::new())).unwrap();
    assert!(TestCacheStore::names(&machine.store).iter().all(|name| !name.ends_with(".entry")));
    assert_eq!(machine.header(&machine.process()).unwrap(), "Bearer t1.FAKE-701.FAKE");
}

#[test]
fn a_token_that_is_revoked_by_itself_leaves_the_cache_too() {
    let machine = Machine::new();
    // A token of its own: the list of revoked tokens belongs to the process.
    machine.exchanges.store(800, Ordering::SeqCst);
    machine.header(&machine.process()).unwrap();
    let leaked = IamTokenAuth::new("t1.FAKE-800.FAKE").unwrap();
    let leaked = Credentials::from(leaked).with_system(machine.system());
    machine.test.time.run(leaked.revoke(RevokeOptions::new())).unwrap();
    assert_eq!(machine.header(&machine.process()).unwrap(), "Bearer t1.FAKE-801.FAKE");
}

#[test]
fn a_revocation_leaves_the_tokens_of_other_credentials_in_the_cache() {
    let machine = Machine::new();
    // A token of its own: the list of revoked tokens belongs to the process.
    machine.exchanges.store(950, Ordering::SeqCst);
    let process = machine.process();
    machine.header(&process).unwrap();
    let other = || oauth("y0_FAKE-another-oauth-token").with_system(machine.system());
    assert_eq!(machine.header(&other()).unwrap(), "Bearer t1.FAKE-951.FAKE");
    machine.test.time.run(process.revoke(RevokeOptions::new())).unwrap();
    assert_eq!(machine.header(&other()).unwrap(), "Bearer t1.FAKE-951.FAKE");
    assert_eq!(machine.header(&machine.process()).unwrap(), "Bearer t1.FAKE-952.FAKE");
}

#[test]
fn a_token_that_has_ended_does_not_replace_a_refused_one() {
    let machine = Machine::new();
    let idle = machine.process();
    machine.header(&idle).unwrap();
    let sent = idle.snapshot().unwrap();
    // Another process renews the token. Then no process calls until the new token has ended too.
    machine.test.clock.advance(2 * HOUR);
    let renewing = oauth(OAUTH_TOKEN).with_system(machine.system().renewing_shared_tokens());
    assert_eq!(machine.header(&renewing).unwrap(), SECOND);
    machine.test.clock.advance(12 * HOUR);
    assert!(idle.invalidate(&sent));
    assert_eq!(machine.header(&idle).unwrap(), "Bearer t1.FAKE-2.FAKE");
    assert_eq!(idle.snapshot().unwrap().generation(), 2, "the ended token was taken in between");
}

#[test]
fn a_revoked_token_that_cannot_be_removed_is_told() {
    let machine = Machine::new();
    machine.exchanges.store(900, Ordering::SeqCst);
    let process = machine.process();
    machine.header(&process).unwrap();
    machine.store.fail_writes(StorageFull);
    machine.test.log.of(|| machine.test.time.run(process.revoke(RevokeOptions::new()))).unwrap();
    let warnings = machine.test.log.warnings();
    assert!(
        warnings.iter().any(|warning| warning.contains("the revoked token is still in the shared cache")),
        "{warnings:?}"
    );
}

#[test]
fn a_token_that_iam_does_not_know_any_more_leaves_the_cache() {
    let machine = Machine::new();
    machine.header(&machine.process()).unwrap();
    machine.revoke_status.store(401, Ordering::SeqCst);
    let error = machine.test.time.run(machine.process().revoke(RevokeOptions::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
    // Another failure says nothing about the token.
    machine.revoke_status.store(503, Ordering::SeqCst);
    machine.test.time.run(machine.process().revoke(RevokeOptions::new())).unwrap_err();
    assert_eq!(machine.header(&machine.process()).unwrap(), SECOND);
}

#[test]
fn a_refused_token_goes_where_its_mark_cannot_be_written() {
    let machine = Machine::new();
    let first = machine.process();
    machine.header(&first).unwrap();
    let store = FullDisk(machine.store.clone());
    let of_full_disk = machine.test.system().with_spawner(machine.test.time.clone()).with_shared_cache(store);
    let second = oauth(OAUTH_TOKEN).with_system(of_full_disk);
    assert_eq!(machine.header(&second).unwrap(), FIRST);
    assert!(second.invalidate(&second.snapshot().unwrap()));
    machine.header(&second).unwrap();
    assert_eq!(CacheStore::names(&machine.store).unwrap(), Vec::<String>::new());
}

/// A store without room: entries can be read and removed.
struct FullDisk(TestCacheStore);

impl CacheStore for FullDisk {
    fn may_block(&self) -> bool {
        false
    }

    fn read(&self, name: &str) -> std::io::Result<Option<zeroize::Zeroizing<Vec<u8>>>> {
        self.0.read(name)
    }

    fn write(&self, _name: &str, _content: &[u8]) -> std::io::Result<()> {
        Err(StorageFull.into())
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }

    fn names(&self) -> std::io::Result<Vec<String>> {
        CacheStore::names(&self.0)
    }

    fn try_lock(
        &self,
        _name: &str,
        _note: &str,
        _is_over: &dyn Fn(&str) -> bool,
    ) -> std::io::Result<Option<HeldLock>> {
        Err(StorageFull.into())
    }
}
