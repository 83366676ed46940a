//! Once a revocation is recorded, no call that begins later sends the token, and no fetch brings it back.

use shuttle::thread;
use yandex_cloud_auth_model::inside::record_revocation;
use yandex_cloud_auth_model::sync::locks_taken;
use yandex_cloud_auth_model::{ErrorKind, HeaderOptions};

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{HOUR, same, secs, token};
use crate::support::world::{World, on_threads, text};

fn is_not_sent(calls: usize) {
    let world = World::new(&[token(HOUR)]);
    let credentials = world.ready();
    let revokes = {
        let (world, credentials) = (world.clone(), credentials.clone());
        thread::spawn(move || {
            record_revocation("t1.fake.1");
            assert_eq!(text(&world.get(&credentials, HeaderOptions::new()).unwrap()), "t1.fake.2");
        })
    };
    let reads = {
        let (world, credentials) = (world.clone(), credentials.clone());
        thread::spawn(move || {
            let mut newest = 0;
            for _ in 0..calls {
                // The revoked token may be returned until its revocation is recorded, and never again after that.
                let generation = world.get(&credentials, HeaderOptions::new()).unwrap().generation();
                assert!(generation >= newest, "a revoked token came back");
                newest = generation;
            }
        })
    };
    revokes.join().unwrap();
    reads.join().unwrap();
    let snapshot = world.get_at_once(&credentials).unwrap();
    assert_eq!((text(&snapshot), world.source.fetches()), ("t1.fake.2", 2));
    world.end(credentials);
}

#[test]
fn a_revoked_token_is_not_sent() {
    at_random("a revoked token is not sent", || is_not_sent(3));
    exhaustively("a revocation beside one call", 2, || is_not_sent(1));
}

/// The token is revoked while a fetch is about to bring the same one again.
#[test]
fn a_fetch_does_not_bring_a_revoked_token_back() {
    fn model() {
        let world = World::new(&[token(HOUR), same(HOUR)]);
        let credentials = world.ready();
        world.clock.advance(HOUR - secs(240));
        let revoke = thread::spawn(|| record_revocation("t1.fake.1"));
        let reads = {
            let (world, credentials) = (world.clone(), credentials.clone());
            thread::spawn(move || {
                let _ = credentials.try_header();
                let _ = world.get(&credentials, HeaderOptions::new());
            })
        };
        world.while_waits_pass(|| {
            revoke.join().unwrap();
            reads.join().unwrap();
            world.tasks.join();
        });
        assert!(credentials.snapshot().is_none(), "a revoked token came back");
        let error = world.get(&credentials, HeaderOptions::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        world.end(credentials);
    }
    at_random("a fetch does not bring a revoked token back", model);
}

/// Other holders look their own token up after a revocation, and take no lock until there is another one.
#[test]
fn a_revocation_costs_other_credentials_a_look() {
    fn model() {
        let world = World::new(&[token(HOUR)]);
        let credentials = world.ready();
        let read = |calls: usize| -> Box<dyn FnOnce() -> u64 + Send> {
            let credentials = credentials.clone();
            Box::new(move || {
                let before = locks_taken();
                for _ in 0..calls {
                    assert!(credentials.try_header().is_some_and(|header| header.is_ok()));
                }
                locks_taken() - before
            })
        };
        let revoke: Box<dyn FnOnce() -> u64 + Send> = Box::new(|| {
            record_revocation("t1.fake.of-another");
            0
        });
        on_threads(vec![read(2), revoke, read(2)]);
        assert!(read(1)() <= 1);
        assert_eq!(read(4)(), 0, "law 6: a call took a lock without a new revocation");
        world.end(credentials);
    }
    at_random("a revocation costs other credentials a look", model);
}
