//! A server refuses a token: exactly that token is dropped, once, and the next call gets another one.

use shuttle::future::block_on;
use shuttle::thread;
use yandex_cloud_auth_model::{Credentials, HeaderOptions, Snapshot};

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{DOWN, HOUR, same, secs, token};
use crate::support::world::{World, on_threads, text};

/// A caller whose request was refused: drops the token, and asks again.
fn refused(
    world: &World,
    credentials: &Credentials,
    snapshot: &Snapshot,
) -> Box<dyn FnOnce() -> (bool, Snapshot) + Send> {
    let (activity, world) = (world.activity.clone(), world.clone());
    let (credentials, snapshot) = (credentials.clone(), snapshot.clone());
    let call = activity.of(Box::pin(async move {
        let is_dropped = credentials.invalidate(&snapshot);
        let next = world.checked(&credentials, HeaderOptions::new()).await;
        drop(credentials);
        (is_dropped, next.unwrap())
    }));
    Box::new(move || block_on(call))
}

/// A usable token that is stale, while the refresh that a call has started fails. The world, the credentials and the token.
fn with_a_stale_token() -> (World, Credentials, Snapshot) {
    let world = World::new(&[token(HOUR), DOWN, token(HOUR)]);
    let credentials = world.credentials();
    let old = world.get(&credentials, HeaderOptions::new()).unwrap();
    world.clock.advance(HOUR - secs(240));
    assert!(credentials.try_header().is_some());
    (world, credentials, old)
}

fn one_is_dropped(callers: usize) {
    let world = World::new(&[token(HOUR)]);
    let credentials = world.credentials();
    let old = world.get(&credentials, HeaderOptions::new()).unwrap();
    let callers = (0..callers).map(|_| refused(&world, &credentials, &old)).collect();
    let outcomes: Vec<(bool, Snapshot)> = on_threads(callers);
    // A late 401 does not drop the token that came after it.
    assert_eq!(outcomes.iter().filter(|(is_dropped, _)| *is_dropped).count(), 1);
    for (_, snapshot) in &outcomes {
        assert_eq!((text(snapshot), snapshot.generation()), ("t1.fake.2", 2));
    }
    assert_eq!(world.source.fetches(), 2);
    assert!(!credentials.invalidate(&old));
    world.end(credentials);
}

#[test]
fn one_of_many_refusals_drops_the_token() {
    at_random("one of many refusals drops the token", || one_is_dropped(3));
    exhaustively("two refusals of one token", 2, || one_is_dropped(2));
}

/// The refusal comes while a refresh of the same token is under way.
#[test]
fn a_refusal_beside_a_refresh_loses_nothing() {
    fn model() {
        let world = World::new(&[token(HOUR), token(HOUR).after(secs(1))]);
        let credentials = world.credentials();
        let old = world.get(&credentials, HeaderOptions::new()).unwrap();
        world.clock.advance(HOUR - secs(240));
        let reader = {
            let (world, credentials) = (world.clone(), credentials.clone());
            thread::spawn(move || {
                let _ = credentials.try_header();
                world.get(&credentials, HeaderOptions::new()).unwrap()
            })
        };
        let refused = thread::spawn(refused(&world, &credentials, &old));
        let (is_dropped, snapshot) = world.while_waits_pass(|| {
            let read = reader.join().unwrap();
            assert!(matches!(text(&read), "t1.fake.1" | "t1.fake.2"));
            refused.join().unwrap()
        });
        assert_eq!(text(&snapshot), "t1.fake.2", "a refused token was given out, dropped: {is_dropped}");
        assert_eq!(world.source.fetches(), 2, "one fetch replaces a token that is stale and refused");
        world.end(credentials);
    }
    at_random("a refusal beside a refresh", model);
}

/// The source has no other token: the refused one stays in use, and the source is not asked for each refusal.
#[test]
fn a_source_without_another_token_is_not_asked_for_each_refusal() {
    fn model() {
        let world = World::new(&[token(HOUR), same(HOUR)]);
        let credentials = world.credentials();
        let old = world.get(&credentials, HeaderOptions::new()).unwrap();
        let callers = (0..3).map(|_| refused(&world, &credentials, &old)).collect();
        let outcomes: Vec<(bool, Snapshot)> = on_threads(callers);
        for (_, snapshot) in &outcomes {
            assert_eq!((text(snapshot), snapshot.generation()), ("t1.fake.1", 1));
        }
        assert_eq!(outcomes.iter().filter(|(is_dropped, _)| *is_dropped).count(), 1);
        assert_eq!(world.source.fetches(), 2);
        assert!(!credentials.invalidate(&old), "the refusal is known");
        world.end(credentials);
    }
    at_random("a source without another token", model);
}

/// The same, seen by a call that does not wait: a refusal is no reason to return the failure of the refresh before it.
#[test]
fn a_call_after_a_refusal_does_not_return_the_failure_of_a_refresh() {
    fn model() {
        let (world, credentials, old) = with_a_stale_token();
        world.tasks.join();
        let calls = [(); 2].map(|()| {
            let (credentials, old) = (credentials.clone(), old.clone());
            thread::spawn(move || {
                credentials.invalidate(&old);
                let header = credentials.try_header();
                assert!(!matches!(header, Some(Err(_))), "{header:?}");
            })
        });
        for call in calls {
            call.join().unwrap();
        }
        world.tasks.join();
        assert_eq!(text(&world.get_at_once(&credentials).unwrap()), "t1.fake.2");
        assert_eq!(world.source.fetches(), 3);
        world.end(credentials);
    }
    at_random("a call after a refusal", model);
}

/// A failure that was remembered while the token was good does not stop the fetch that a refusal makes necessary.
#[test]
fn a_refusal_is_followed_by_a_fetch_although_a_refresh_has_just_failed() {
    fn model() {
        let (world, credentials, old) = with_a_stale_token();
        let callers = vec![refused(&world, &credentials, &old), refused(&world, &credentials, &old)];
        for (_, snapshot) in world.while_waits_pass(|| on_threads(callers)) {
            assert_eq!(text(&snapshot), "t1.fake.2");
        }
        world.end(credentials);
    }
    at_random("a refusal after a refresh that failed", model);
}
