//! A subscriber learns of the newest token, whenever it begins to wait: no change is lost.

use shuttle::future::block_on;
use shuttle::thread;
use yandex_cloud_auth_model::HeaderOptions;

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{HOUR, secs, token};
use crate::support::world::{World, text};

fn learns_of_the_newest(tokens: u64) {
    let world = World::new(&[token(HOUR)]);
    let credentials = world.credentials();
    let subscribers: Vec<_> = (0..2)
        .map(|_| {
            let mut subscription = credentials.subscribe();
            thread::spawn(move || {
                // A change that is lost is a wait for ever, which fails the model.
                let mut newest = 0;
                while newest < tokens {
                    let snapshot = block_on(subscription.changed()).expect("the credentials live");
                    assert!(snapshot.generation() >= newest, "an older token was told later");
                    newest = snapshot.generation();
                }
                newest
            })
        })
        .collect();
    let mut snapshot = world.get(&credentials, HeaderOptions::new()).unwrap();
    for _ in 1..tokens {
        world.clock.advance(secs(120));
        credentials.invalidate(&snapshot);
        snapshot = world.get(&credentials, HeaderOptions::new()).unwrap();
    }
    assert_eq!(text(&snapshot), format!("t1.fake.{tokens}"));
    for subscriber in subscribers {
        assert_eq!(subscriber.join().unwrap(), tokens);
    }
    world.end(credentials);
}

#[test]
fn a_subscriber_learns_of_the_newest_token() {
    at_random("a subscriber learns of the newest token", || learns_of_the_newest(3));
    exhaustively("a subscriber learns of the first token", 1, || learns_of_the_newest(1));
}
