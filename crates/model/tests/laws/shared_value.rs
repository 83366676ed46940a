//! A value that is found once and kept: one search, whose outcome all callers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::{block_on, yield_now};
use shuttle::thread;
use yandex_cloud_auth_model::sdk_internals::SharedValue;

use crate::support::explore::{at_random, exhaustively};
use crate::support::source::{HOUR, token};
use crate::support::world::World;

type Value = Arc<SharedValue<usize, &'static str>>;

/// A caller whose search finds the number of searches so far.
fn get(world: &World, value: &Value, searches: &Arc<AtomicUsize>) -> impl FnOnce() -> usize + Send + use<> {
    let (system, value, searches) = (world.system(), Arc::clone(value), Arc::clone(searches));
    move || {
        let search = || async move {
            let number = searches.fetch_add(1, Ordering::SeqCst) + 1;
            yield_now().await;
            Ok(number)
        };
        block_on(value.get(&system, search)).unwrap()
    }
}

fn one_search(callers: usize) {
    let world = World::new(&[token(HOUR)]);
    let (value, searches): (Value, _) = (Arc::new(SharedValue::new(|| "dropped")), Arc::default());
    let threads: Vec<_> = (0..callers).map(|_| thread::spawn(get(&world, &value, &searches))).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1));
    assert_eq!((searches.load(Ordering::SeqCst), value.peek()), (1, Some(1)));
    drop(value);
    world.tasks.join();
}

#[test]
fn callers_share_one_search() {
    at_random("callers share one search", || one_search(3));
    exhaustively("two callers share one search", 2, || one_search(2));
}

/// A value that needs no search comes while a search is under way: everybody gets a value, and the kept one stays.
#[test]
fn a_value_that_is_kept_meanwhile_stays() {
    fn model() {
        let world = World::new(&[token(HOUR)]);
        let (value, searches): (Value, _) = (Arc::new(SharedValue::new(|| "dropped")), Arc::default());
        let first = thread::spawn(get(&world, &value, &searches));
        let kept = Arc::clone(&value);
        let keeper = thread::spawn(move || kept.keep(100));
        let second = thread::spawn(get(&world, &value, &searches));
        let found = [first.join().unwrap(), second.join().unwrap()];
        keeper.join().unwrap();
        assert!(found.iter().all(|found| [1, 100].contains(found)), "{found:?}");
        world.tasks.join();
        assert_eq!(value.peek(), Some(100), "a search has replaced the value that came later");
        assert!(searches.load(Ordering::SeqCst) <= 1);
    }
    at_random("a value that is kept meanwhile stays", model);
    exhaustively("a value that is kept meanwhile stays", 1, model);
}
