//! Law 3: a caller leaves at its own deadline, and never stops the fetch for the others. Nothing of it is left: no timer,
//! no caller that the flight still counts.

use std::time::Duration;

use shuttle::future::block_on;
use yandex_cloud_auth_model::system::Clock;
use yandex_cloud_auth_model::{Credentials, ErrorKind, HeaderOptions};

use crate::support::explore::at_random;
use crate::support::source::{DOWN, HOUR, secs, token};
use crate::support::world::{World, on_threads};

type Timed = (Result<String, ErrorKind>, Duration);

/// A call, and how long it took.
fn timed(world: &World, credentials: &Credentials, limit: Option<u64>) -> Box<dyn FnOnce() -> Timed + Send> {
    let options = limit.map_or(HeaderOptions::new(), |limit| HeaderOptions::new().deadline(secs(limit)));
    let (clock, credentials) = (world.clock.clone(), credentials.clone());
    let began = clock.now().monotonic;
    let call = world.activity.of(Box::pin(async move {
        let outcome = credentials.get(options).await;
        let outcome = outcome.map(|snapshot| snapshot.expose_secret().unwrap().to_owned());
        (outcome.map_err(|error| error.kind()), clock.now().monotonic - began)
    }));
    Box::new(move || block_on(call))
}

#[test]
fn each_caller_leaves_at_its_own_deadline() {
    fn model() {
        let world = World::new(&[token(HOUR).after(secs(10))]);
        let credentials = world.credentials();
        let callers = [Some(2), None, Some(4)].map(|limit| timed(&world, &credentials, limit)).into();
        let outcomes = world.while_waits_pass(|| on_threads(callers));
        let late = Err(ErrorKind::Unavailable);
        assert_eq!(outcomes[0], (late.clone(), secs(2)));
        assert_eq!(outcomes[1], (Ok("t1.fake.1".to_owned()), secs(10)));
        assert_eq!(outcomes[2], (late, secs(4)));
        world.tasks.join();
        assert_eq!(world.clock.sleepers(), 0, "the timer of a caller that left");
        assert_eq!(world.source.fetches(), 1);
        world.end(credentials);
    }
    at_random("each caller leaves at its own deadline", model);
}

/// All callers leave, and the fetch goes on: its token serves the next caller.
#[test]
fn a_fetch_outlives_its_callers() {
    fn model() {
        let world = World::new(&[token(HOUR).after(secs(10))]);
        let credentials = world.credentials();
        let callers = [Some(2), Some(3)].map(|limit| timed(&world, &credentials, limit)).into();
        world.while_waits_pass(|| {
            let outcomes = on_threads(callers);
            assert!(outcomes.iter().all(|(outcome, _)| *outcome == Err(ErrorKind::Unavailable)));
            world.tasks.join();
        });
        assert!(world.get_at_once(&credentials).is_some());
        assert_eq!(world.source.fetches(), 1);
        world.end(credentials);
    }
    at_random("a fetch outlives its callers", model);
}

/// The source is down for longer than the callers wait. The most patient caller decides how long attempts are made, and
/// no attempt is made for those who have left.
#[test]
fn the_attempts_end_with_the_last_caller() {
    fn model() {
        let world = World::new(&[DOWN]);
        world.clock.set_random(0.5);
        let credentials = world.credentials();
        let callers = [Some(1), Some(3)].map(|limit| timed(&world, &credentials, limit)).into();
        let outcomes = world.while_waits_pass(|| on_threads(callers));
        for ((outcome, took), limit) in outcomes.into_iter().zip([1, 3]) {
            assert_eq!(outcome, Err(ErrorKind::Unavailable));
            assert!(took <= secs(limit), "{took:?} of {limit} s");
        }
        world.while_waits_pass(|| world.tasks.join());
        let attempts = world.source.fetches();
        // 50, 100, 200, 400, 800 ms, and a last attempt inside the third second.
        assert!((4..=7).contains(&attempts), "{attempts} attempts");
        assert_eq!(world.clock.sleepers(), 0);
        world.end(credentials);
    }
    at_random("the attempts end with the last caller", model);
}
