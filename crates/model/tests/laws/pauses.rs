//! Law 4: a failure is remembered for a while, and no longer; after a success the pauses begin anew.

use std::time::Duration;

use yandex_cloud_auth_model::{Credentials, ErrorKind, HeaderOptions};

use crate::support::explore::at_random;
use crate::support::source::{DOWN, HOUR, REFUSED, secs, token};
use crate::support::world::{World, on_threads, text};

/// Two calls that find a stale token, and the end of the refresh that they start.
fn stale_calls(world: &World, credentials: &Credentials) {
    let caller = || -> Box<dyn FnOnce() + Send> {
        let (world, credentials) = (world.clone(), credentials.clone());
        Box::new(move || assert!(world.get_at_once(&credentials).is_some(), "law 2"))
    };
    on_threads(vec![caller(), caller()]);
    world.tasks.join();
}

#[test]
fn the_pauses_of_a_stale_token_grow_and_begin_anew_after_a_success() {
    fn model() {
        let world = World::new(&[token(HOUR), DOWN, DOWN, DOWN, token(HOUR), DOWN, token(HOUR)]);
        let credentials = world.ready();
        world.clock.set_random(0.99);
        world.clock.advance(HOUR - secs(280));
        for pause in [0, 2, 4, 8] {
            world.clock.advance(secs(pause));
            let before = world.source.fetches();
            stale_calls(&world, &credentials);
            assert_eq!(world.source.fetches(), before + 1, "law 4: after {pause} s");
            // Inside the pause nobody asks.
            stale_calls(&world, &credentials);
            assert_eq!(world.source.fetches(), before + 1, "the failure is remembered");
        }
        assert_eq!(text(&world.get_at_once(&credentials).unwrap()), "t1.fake.2");
        world.clock.advance(HOUR - secs(280));
        stale_calls(&world, &credentials);
        world.clock.advance(secs(2));
        stale_calls(&world, &credentials);
        assert_eq!(text(&world.get_at_once(&credentials).unwrap()), "t1.fake.3", "the pauses begin anew");
        world.end(credentials);
    }
    at_random("the pauses grow and begin anew", model);
}

#[test]
fn a_failure_that_callers_were_told_is_remembered_and_then_tried_again() {
    fn model() {
        let world = World::new(&[REFUSED, token(HOUR)]);
        let credentials = world.credentials();
        let callers = |world: &World| {
            on_threads(vec![
                world.caller(&credentials, HeaderOptions::new()),
                world.caller(&credentials, HeaderOptions::new()),
            ])
        };
        for moment in [0, 990] {
            world.clock.advance(Duration::from_millis(moment));
            for outcome in callers(&world) {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
            }
            assert_eq!(world.source.fetches(), 1);
        }
        world.clock.advance(Duration::from_millis(10));
        for outcome in callers(&world) {
            assert_eq!(text(&outcome.unwrap()), "t1.fake.1");
        }
        assert_eq!(world.source.fetches(), 2);
        world.end(credentials);
    }
    at_random("a failure is remembered and then tried again", model);
}
