//! Law 3: one fetch at a time, whose outcome all callers share, an error as well as a token. No wake-up is lost: a caller
//! that nobody wakes is a deadlock, which fails the model.

use std::pin::pin;
use std::time::Duration;

use shuttle::thread;
use yandex_cloud_auth_model::{Credentials, Error, ErrorKind, HeaderOptions, Snapshot};

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{DOWN, HOUR, REFUSED, Response, secs, token};
use crate::support::world::{World, on_threads, poll_once, text};

const TENTH: Duration = Duration::from_millis(100);

fn callers(script: &[Response], are_three: bool) -> (World, Credentials, Vec<Result<Snapshot, Error>>) {
    let world = World::new(script);
    let credentials = world.credentials();
    let mut callers: Vec<_> = [(); 2].map(|()| world.caller(&credentials, HeaderOptions::new())).into();
    if are_three {
        // Not in an exhaustive search: a parked thread may wake without a reason again and again.
        callers.push(world.blocking_caller(&credentials));
    }
    let outcomes = on_threads(callers);
    (world, credentials, outcomes)
}

fn share_a_token(are_three: bool) {
    let (world, credentials, outcomes) = callers(&[token(HOUR)], are_three);
    for outcome in outcomes {
        assert_eq!(text(&outcome.unwrap()), "t1.fake.1");
    }
    assert_eq!(world.source.fetches(), 1);
    let counters = credentials.counters();
    assert_eq!((counters.fetches, counters.failures), (1, 0));
    world.end(credentials);
}

fn share_a_failure(are_three: bool) {
    let (world, credentials, outcomes) = callers(&[REFUSED, token(HOUR)], are_three);
    for outcome in outcomes {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
    }
    assert_eq!((world.source.fetches(), credentials.counters().failures), (1, 1));
    world.end(credentials);
}

#[test]
fn callers_share_one_token() {
    at_random("callers share one token", || share_a_token(true));
    exhaustively("two callers share one token", 2, || share_a_token(false));
}

#[test]
fn callers_share_one_failure() {
    at_random("callers share one failure", || share_a_failure(true));
    exhaustively("two callers share one failure", 2, || share_a_failure(false));
}

#[test]
fn callers_wait_through_an_outage() {
    fn model() {
        let world = World::new(&[DOWN, DOWN.after(TENTH), token(HOUR).after(TENTH)]);
        let credentials = world.credentials();
        let callers = [secs(20), secs(25), secs(30)]
            .map(|limit| world.caller(&credentials, HeaderOptions::new().deadline(limit)))
            .into();
        for outcome in world.while_waits_pass(|| on_threads(callers)) {
            assert_eq!(text(&outcome.unwrap()), "t1.fake.1");
        }
        assert_eq!((world.source.fetches(), credentials.counters().failures), (3, 2));
        world.end(credentials);
    }
    at_random("callers wait through an outage", model);
}

/// A caller that leaves, at any moment, takes nothing from the others.
#[test]
fn a_caller_that_leaves_does_not_stop_the_others() {
    fn model() {
        let world = World::new(&[token(HOUR)]);
        let credentials = world.credentials();
        let outcomes = on_threads(vec![
            world.leaving_caller(&credentials, HeaderOptions::new(), 1),
            world.caller(&credentials, HeaderOptions::new()),
            world.leaving_caller(&credentials, HeaderOptions::new(), 2),
            world.blocking_caller(&credentials),
        ]);
        for outcome in [&outcomes[1], &outcomes[3]] {
            assert_eq!(text(outcome.as_ref().unwrap()), "t1.fake.1");
        }
        assert_eq!(world.source.fetches(), 1);
        world.end(credentials);
    }
    at_random("a caller that leaves does not stop the others", model);
}

/// The flight ends between two attempts when its last caller leaves, and a caller that comes then is served all the same.
#[test]
fn the_next_caller_of_a_flight_that_its_callers_leave_is_served() {
    fn model() {
        let world = World::new(&[DOWN.after(TENTH), token(HOUR).after(TENTH)]);
        let credentials = world.credentials();
        let callers = vec![
            world.leaving_caller(&credentials, HeaderOptions::new(), 3),
            world.leaving_caller(&credentials, HeaderOptions::new().deadline(secs(9)), 5),
            world.caller(&credentials, HeaderOptions::new()),
        ];
        let outcomes = world.while_waits_pass(|| on_threads(callers));
        assert_eq!(text(outcomes[2].as_ref().unwrap()), "t1.fake.1");
        assert_eq!(world.source.fetches(), 2);
        world.end(credentials);
    }
    at_random("a flight that its callers leave", model);
}

/// The first attempt has failed. The caller leaves, and another one comes in the same moment.
#[test]
fn a_caller_that_comes_as_the_last_one_leaves_is_served() {
    fn model() {
        let world = World::new(&[DOWN, token(HOUR).after(TENTH)]);
        let credentials = world.credentials();
        let leaves = {
            let credentials = credentials.clone();
            thread::spawn(move || {
                let mut call = pin!(credentials.get(HeaderOptions::new()));
                let _ = poll_once(call.as_mut());
                while credentials.counters().failures == 0 {
                    thread::yield_now();
                }
            })
        };
        while credentials.counters().failures == 0 {
            thread::yield_now();
        }
        let comes = world.caller(&credentials, HeaderOptions::new());
        let outcome = world.while_waits_pass(comes);
        leaves.join().unwrap();
        assert_eq!((text(&outcome.unwrap()), world.source.fetches()), ("t1.fake.1", 2));
        world.end(credentials);
    }
    at_random("a caller comes as the last one leaves", model);
}

/// Nobody waits for the flight between two attempts: the flight ends, and no timer is left.
#[test]
fn a_flight_without_callers_leaves_no_timer() {
    fn model() {
        let world = World::new(&[DOWN]);
        let credentials = world.credentials();
        let limited = HeaderOptions::new().deadline(secs(5));
        on_threads(vec![
            world.leaving_caller(&credentials, limited, 2),
            world.leaving_caller(&credentials, limited, 4),
        ]);
        // With the credentials alive: no drop of theirs may be what ends the flight.
        world.tasks.join();
        assert_eq!((world.clock.sleepers(), world.source.under_way()), (0, 0));
        assert_eq!(world.source.fetches(), 1, "an attempt that nobody waited for");
        world.end(credentials);
    }
    at_random("a flight without callers leaves no timer", model);
}
