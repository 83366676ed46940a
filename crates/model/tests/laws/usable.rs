//! Laws 2 and 6: no call fails or waits while a usable token exists, not even for a lock. With a fresh token no call takes
//! a lock; the call that starts a refresh takes those of the work that it makes.

use std::time::Duration;

use shuttle::thread;
use yandex_cloud_auth_model::sync::{lock_waits, locks_taken};
use yandex_cloud_auth_model::{Credentials, HeaderOptions};

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{DOWN, HOUR, REFUSED, Response, secs, token};
use crate::support::world::{World, on_threads, text};

/// Calls that find a usable token, while whatever else happens.
fn callers(world: &World, credentials: &Credentials, calls: usize) -> Vec<Box<dyn FnOnce() + Send>> {
    let caller = || -> Box<dyn FnOnce() + Send> {
        let (world, credentials) = (world.clone(), credentials.clone());
        Box::new(move || {
            for _ in 0..calls {
                let before = lock_waits();
                assert!(
                    credentials.try_header().is_some_and(|header| header.is_ok()),
                    "law 2: a call failed"
                );
                assert!(world.get_at_once(&credentials).is_some(), "law 2: a call waited");
                assert_eq!(lock_waits() - before, 0, "law 6: a call waited for a lock");
            }
        })
    };
    vec![caller(), caller()]
}

#[test]
fn a_fresh_token_costs_no_lock() {
    fn model() {
        let world = World::new(&[token(HOUR)]);
        let credentials = world.ready();
        let reads = || -> Box<dyn FnOnce() -> u64 + Send> {
            let (world, credentials) = (world.clone(), credentials.clone());
            Box::new(move || {
                let before = locks_taken();
                for _ in 0..3 {
                    assert!(credentials.try_header().is_some_and(|header| header.is_ok()));
                    assert!(world.get_at_once(&credentials).is_some() && credentials.generation() == Some(1));
                }
                locks_taken() - before
            })
        };
        assert_eq!(on_threads(vec![reads(), reads()]), [0, 0], "law 6: a call took a lock");
        world.end(credentials);
    }
    at_random("a fresh token costs no lock", model);
}

/// Past the moment of refresh, and far from the end.
fn stale(script: &[Response]) -> (World, Credentials) {
    let world = World::new(script);
    let credentials = world.ready();
    world.clock.advance(HOUR - secs(240));
    (world, credentials)
}

fn one_refresh(calls: usize) {
    let (world, credentials) = stale(&[token(HOUR)]);
    on_threads(callers(&world, &credentials, calls));
    world.tasks.join();
    assert_eq!(world.source.fetches(), 2, "a stale token is refreshed once");
    let snapshot = world.get_at_once(&credentials).unwrap();
    assert_eq!((text(&snapshot), snapshot.generation()), ("t1.fake.2", 2));
    world.end(credentials);
}

#[test]
fn a_stale_token_is_used_and_refreshed_once() {
    at_random("a stale token is used and refreshed once", || one_refresh(2));
    exhaustively("a stale token and two calls", 2, || one_refresh(1));
}

/// The fetch takes longer than the second in which stale calls do not even look whether there is one.
#[test]
fn a_refresh_that_takes_long_is_still_the_only_one() {
    fn model() {
        let (world, credentials) = stale(&[token(HOUR), token(HOUR).after(secs(5))]);
        let mut threads = callers(&world, &credentials, 3);
        let clock = world.clock.clone();
        threads.push(Box::new(move || {
            for _ in 0..3 {
                clock.advance(Duration::from_millis(1500));
                thread::yield_now();
            }
        }));
        on_threads(threads);
        world.while_waits_pass(|| world.tasks.join());
        assert_eq!(world.source.fetches(), 2);
        world.end(credentials);
    }
    at_random("a refresh that takes long is the only one", model);
}

#[test]
fn a_refresh_that_fails_leaves_the_token_in_place() {
    fn model() {
        for failure in [DOWN, REFUSED] {
            let (world, credentials) = stale(&[token(HOUR), failure, token(HOUR)]);
            on_threads(callers(&world, &credentials, 2));
            world.tasks.join();
            assert_eq!(world.source.fetches(), 2, "the failure is remembered");
            assert_eq!(text(&world.get_at_once(&credentials).unwrap()), "t1.fake.1");
            // The pause is a second at least, and with this jitter no more.
            world.clock.advance(secs(1));
            on_threads(callers(&world, &credentials, 1));
            world.tasks.join();
            assert_eq!(world.source.fetches(), 3);
            assert_eq!(text(&world.get_at_once(&credentials).unwrap()), "t1.fake.2");
            world.end(credentials);
        }
    }
    at_random("a refresh that fails leaves the token in place", model);
}

/// One caller asks for a longer life than the token has, the others for a header.
#[test]
fn a_caller_that_needs_a_longer_life_waits_alone() {
    fn model() {
        let (world, credentials) = stale(&[token(HOUR), token(HOUR).after(secs(2))]);
        let longer = world.caller(&credentials, HeaderOptions::new().min_ttl(secs(600)));
        let longer = thread::spawn(longer);
        on_threads(callers(&world, &credentials, 2));
        let snapshot = world.while_waits_pass(|| longer.join().unwrap()).unwrap();
        assert_eq!((text(&snapshot), world.source.fetches()), ("t1.fake.2", 2));
        world.end(credentials);
    }
    at_random("a caller that needs a longer life waits alone", model);
}
