//! Law 5: the last drop stops the fetch and leaves nothing: no work, no timer, no subscriber that waits, no fetch that
//! begins later.

use shuttle::future::block_on;
use shuttle::thread;
use yandex_cloud_auth_model::HeaderOptions;

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{DOWN, HOUR, secs, token};
use crate::support::world::{World, on_threads};

/// Without a clock that moves, a fetch of an hour ends only where it is dropped.
fn the_fetch_is_dropped() {
    let world = World::new(&[token(HOUR).after(secs(20))]);
    let credentials = world.credentials();
    let prewarmed = {
        let credentials = credentials.clone();
        thread::spawn(move || credentials.prewarm())
    };
    let dropped = thread::spawn(move || drop(credentials));
    prewarmed.join().unwrap();
    dropped.join().unwrap();
    let (fetches, polls) = (world.source.fetches(), world.tasks.polls());
    world.tasks.join();
    // A poll that was under way may begin the fetch, and drops it. No later poll begins one.
    assert!(fetches == world.source.fetches() || polls > 0, "law 5: a fetch began after the last drop");
    assert_eq!(world.source.under_way(), 0, "law 5: a fetch is left");
    assert_eq!(world.source.cancelled(), world.source.fetches());
    assert_eq!(world.clock.sleepers(), 0, "law 5: a timer is left");
}

#[test]
fn the_last_drop_stops_the_fetch() {
    at_random("the last drop stops the fetch", the_fetch_is_dropped);
    exhaustively("the last drop stops the fetch", 2, the_fetch_is_dropped);
}

/// Callers with deadlines come and go, a stale token is refreshed, and the credentials are dropped in the middle.
#[test]
fn the_last_drop_leaves_nothing() {
    fn model() {
        let world = World::new(&[token(HOUR), DOWN, token(HOUR).after(secs(2))]);
        let credentials = world.ready();
        let mut subscription = credentials.subscribe();
        let subscriber = thread::spawn(move || {
            let mut changes = 0;
            while block_on(subscription.changed()).is_some() {
                changes += 1;
            }
            changes
        });
        world.clock.advance(HOUR - secs(8));
        let limited = HeaderOptions::new().deadline(secs(3)).min_ttl(secs(60));
        let callers = vec![
            world.leaving_caller(&credentials, limited, 2),
            world.leaving_caller(&credentials, limited, 3),
            world.leaving_caller(&credentials, HeaderOptions::new(), 2),
        ];
        on_threads(callers);
        let before = world.source.fetches();
        drop(credentials);
        // Ends: the subscriber learns that nothing will follow.
        let changes: i32 = subscriber.join().unwrap();
        assert!(changes <= 1, "{changes} changes");
        world.tasks.join();
        assert!(world.source.fetches() <= before + 1);
        assert_eq!((world.source.under_way(), world.clock.sleepers()), (0, 0), "law 5: something is left");
    }
    at_random("the last drop leaves nothing", model);
}

/// The drop comes between two attempts, while the flight sleeps.
#[test]
fn the_last_drop_ends_a_flight_between_two_attempts() {
    fn model() {
        let world = World::new(&[DOWN]);
        let credentials = world.credentials();
        let call = world.leaving_caller(&credentials, HeaderOptions::new(), 4);
        let caller = thread::spawn(call);
        let dropped = thread::spawn(move || drop(credentials));
        dropped.join().unwrap();
        drop(caller.join().unwrap());
        world.tasks.join();
        assert_eq!((world.source.under_way(), world.clock.sleepers()), (0, 0), "law 5: something is left");
        assert!(world.source.fetches() <= 1, "law 5: an attempt that nobody waits for");
    }
    at_random("the last drop between two attempts", model);
}
