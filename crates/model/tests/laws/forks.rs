//! A fork copies the state of the engine, and one thread of it. The child waits for no work of the parent, and drops none.
//!
//! The fork comes between two polls: what a fork copies in the middle of one, a lock that is held, is not modelled.

use std::sync::Arc;

use shuttle::thread;
use yandex_cloud_auth_model::HeaderOptions;
use yandex_cloud_auth_model::sdk_internals::PerProcess;
use yandex_cloud_auth_model::sync::{become_process, process_id};

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{HOUR, secs, token};
use crate::support::world::{World, text};

const CHILD: u32 = 2;

/// From here on this task is the one thread of the child.
fn fork(world: &World) {
    world.tasks.stop(process_id());
    become_process(CHILD);
}

fn the_child_fetches_for_itself() {
    let world = World::new(&[token(HOUR)]);
    let credentials = world.credentials();
    credentials.prewarm();
    thread::yield_now();
    fork(&world);
    let snapshot = world.get(&credentials, HeaderOptions::new()).unwrap();
    assert!(matches!(text(&snapshot), "t1.fake.1" | "t1.fake.2"));
    assert_eq!(credentials.counters().waited, credentials.counters().fetches - 1);
    drop(credentials);
    world.tasks.join();
    assert_eq!(world.source.cancelled(), 0, "the child dropped a work of its parent");
}

#[test]
fn a_child_does_not_wait_for_the_fetch_of_its_parent() {
    at_random("a child fetches for itself", the_child_fetches_for_itself);
    exhaustively("a child fetches for itself", 2, the_child_fetches_for_itself);
}

#[test]
fn a_child_does_not_stop_the_work_of_its_parent() {
    fn model() {
        let world = World::new(&[token(HOUR).after(secs(3))]);
        let credentials = world.credentials();
        credentials.prewarm();
        for _ in 0..3 {
            thread::yield_now();
        }
        fork(&world);
        drop(credentials);
        world.tasks.join();
        assert_eq!(world.source.cancelled(), 0, "the child dropped a work of its parent");
    }
    at_random("a child does not stop the work of its parent", model);
}

/// What the library's thread hangs on: each process has a thread of its own, and one.
#[test]
fn each_process_has_a_value_of_its_own() {
    struct OfProcess(u32);
    impl Drop for OfProcess {
        fn drop(&mut self) {
            assert_eq!(self.0, process_id(), "the value of another process was dropped");
        }
    }
    fn model() {
        let value = Arc::new(PerProcess::new(|| OfProcess(process_id())));
        let get = |process| {
            let value = Arc::clone(&value);
            move || {
                become_process(process);
                let got = value.get();
                assert_eq!(got.0, process, "the value of another process");
                assert!(Arc::ptr_eq(&got, &value.get()), "a second value of one process");
                got
            }
        };
        let parents = [(); 2].map(|()| thread::spawn(get(1))).map(|thread| thread.join().unwrap());
        assert!(Arc::ptr_eq(&parents[0], &parents[1]));
        let children = [(); 2].map(|()| thread::spawn(get(CHILD)));
        let children = children.map(|thread| thread.join().unwrap());
        assert!(Arc::ptr_eq(&children[0], &children[1]));
        become_process(CHILD);
        drop(children);
        drop(value);
        become_process(1);
    }
    at_random("each process has a value of its own", model);
    exhaustively("each process has a value of its own", 3, model);
}
