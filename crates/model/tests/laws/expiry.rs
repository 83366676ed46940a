//! Law 1: no token past its end is sent, however long the fetch and the callers take. `World` checks each token against
//! the source: its life begins when the source is asked.

use std::time::Duration;

use shuttle::thread;
use yandex_cloud_auth_model::HeaderOptions;

use crate::support::explore::at_random;
use crate::support::source::{DOWN, same, secs, token};
use crate::support::world::{World, on_threads};

#[test]
fn no_token_is_sent_past_its_end() {
    fn model() {
        let script = [token(secs(20)).after(secs(6)), DOWN.after(secs(1)), token(secs(20)).after(secs(9))];
        let world = World::new(&script);
        let credentials = world.credentials();
        let mut threads: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        for calls in [3, 4] {
            let (world, credentials) = (world.clone(), credentials.clone());
            threads.push(Box::new(move || {
                for _ in 0..calls {
                    let _ = world.get(&credentials, HeaderOptions::new().deadline(secs(15)));
                    let _ = world.get_at_once(&credentials);
                }
            }));
        }
        let clock = world.clock.clone();
        threads.push(Box::new(move || {
            for step in [1, 4, 2, 7, 3, 5] {
                clock.advance(secs(step));
                thread::yield_now();
            }
        }));
        world.while_time_passes(|| on_threads(threads));
        world.end(credentials);
    }
    at_random("no token is sent past its end", model);
}

/// A token that comes when its life is over is an error and no token: the clock of the fetch counts, not that of its end.
#[test]
fn a_token_that_comes_after_its_end_is_not_taken() {
    fn model() {
        let world = World::new(&[token(secs(4)).after(secs(5)), token(secs(60)).after(secs(1))]);
        let credentials = world.credentials();
        let callers = vec![
            world.caller(&credentials, HeaderOptions::new()),
            world.caller(&credentials, HeaderOptions::new()),
        ];
        world.while_waits_pass(|| on_threads(callers));
        if let Some(snapshot) = world.get_at_once(&credentials) {
            assert_eq!(snapshot.generation(), 1, "the first token never counted");
        }
        world.end(credentials);
    }
    at_random("a token that comes after its end", model);
}

/// A source that gives the same token again does not make it live longer than the source says.
#[test]
fn a_token_that_is_given_again_is_asked_for_again_before_its_end() {
    fn model() {
        let world = World::new(&[token(secs(40)), same(secs(22)), token(secs(40))]);
        let credentials = world.ready();
        for wait in [secs(36), secs(3), Duration::from_millis(1200)] {
            world.clock.advance(wait);
            let (first, second) = (
                world.caller(&credentials, HeaderOptions::new()),
                world.caller(&credentials, HeaderOptions::new()),
            );
            for outcome in on_threads(vec![first, second]) {
                assert!(outcome.unwrap().generation() <= 2);
            }
            world.tasks.join();
        }
        world.end(credentials);
    }
    at_random("a token that is given again", model);
}
