//! The locks of the shared cache where a process forks: a child holds the same file open.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use test_support::forked::fork;
use test_support::own_process::in_own_process;
use yandex_cloud_auth::system::{CacheFolder, CacheStore};

#[test]
fn a_child_that_was_forked_under_a_lock_does_not_keep_it() {
    in_own_process("cache_locks::a_child_that_was_forked_under_a_lock_does_not_keep_it", || {
        let folder = std::env::temp_dir().join(format!("cache-locks-{}", std::process::id()));
        let store = CacheFolder::new(&folder);
        let name = "0".repeat(64);
        let held = store.try_lock(&name, "note", &|_| false).unwrap().unwrap();
        let (mut of_parent, mut of_child) = UnixStream::pair().unwrap();
        let child = fork(|| {
            // Alive, with its copy of the open file, until the parent says so.
            of_child.read_exact(&mut [0]).unwrap();
        });
        assert!(store.try_lock(&name, "", &|_| false).unwrap().is_none());
        drop(held);
        let again = store.try_lock(&name, "", &|_| false).unwrap();
        assert!(again.is_some(), "the child holds the lock of its parent");
        of_parent.write_all(&[1]).unwrap();
        child.passes();
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
