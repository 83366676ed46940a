//! Law 3 between processes: with the shared cache one process of a machine fetches at a time, and the others take its
//! token, or its failure. A process that ends or stops in the middle costs the others time, and no token.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;
use yandex_cloud_auth_model::inside::{SHARED_TIMEOUT, Shared};
use yandex_cloud_auth_model::sync::become_process;
use yandex_cloud_auth_model::system::Clock;
use yandex_cloud_auth_model::{Credentials, Error, ErrorKind, HeaderOptions, Snapshot};

use crate::support::explore::at_random;
use crate::support::source::{HOUR, REFUSED, Response, token};
use crate::support::store::Store;
use crate::support::world::{World, on_threads, text};

const TENTH: Duration = Duration::from_millis(100);

/// The processes of one machine: one clock, one store, one source.
#[derive(Clone)]
struct Machine {
    world: World,
    store: Store,
}

/// What a call returned, and how long it took.
type Outcome = (Result<Snapshot, Error>, Duration);

impl Machine {
    fn new(script: &[Response]) -> Self {
        Self { world: World::new(script), store: Store::default() }
    }

    fn credentials(&self) -> Credentials {
        let system = self.world.system().with_shared_cache(self.store.clone());
        Credentials::from_source(Shared(self.world.source.clone())).with_system(system)
    }

    /// One call of a process with credentials of its own.
    fn process(&self, number: u32) -> Box<dyn FnOnce() -> Outcome + Send> {
        let (machine, credentials) = (self.clone(), self.credentials());
        let call = self.world.activity.of(Box::pin(async move {
            let began = machine.world.clock.now().monotonic;
            let outcome = credentials.get(HeaderOptions::new()).await;
            let took = machine.world.clock.now().monotonic - began;
            drop(credentials);
            (outcome, took)
        }));
        let tasks = self.world.tasks.clone();
        Box::new(move || {
            become_process(number);
            let outcome = block_on(call);
            tasks.join();
            outcome
        })
    }

    fn end(&self) {
        assert_eq!(self.store.held_locks(), 0, "a lock is left");
        assert_eq!(self.world.clock.sleepers(), 0, "a timer is left");
    }
}

fn share_one_token(fetch: Response) {
    let machine = Machine::new(&[fetch]);
    let processes = (1..=3).map(|number| machine.process(number)).collect();
    for (outcome, took) in machine.world.while_waits_pass(|| on_threads(processes)) {
        assert_eq!(text(&outcome.unwrap()), "t1.fake.1");
        assert!(took <= 2 * TENTH, "a process slept for {took:?}");
    }
    assert_eq!(machine.world.source.fetches(), 1);
    machine.end();
}

#[test]
fn processes_share_one_token() {
    at_random("processes share one token", || share_one_token(token(HOUR).after(TENTH)));
    // The fetch may end between the look of another process and its lock.
    at_random("processes share the token of a fast fetch", || share_one_token(token(HOUR)));
}

#[test]
fn processes_that_wait_share_one_failure() {
    fn model() {
        let machine = Machine::new(&[REFUSED.after(TENTH)]);
        let processes = (1..=3).map(|number| machine.process(number)).collect();
        for (outcome, _) in machine.world.while_waits_pass(|| on_threads(processes)) {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused);
        }
        assert_eq!((machine.world.source.fetches(), machine.world.source.most_under_way()), (1, 1));
        machine.end();
    }
    at_random("processes that wait share one failure", model);
}

/// A process is killed at any moment, or stopped as by a debugger.
fn a_process_is_lost(ends: bool) {
    let machine = Machine::new(&[token(HOUR).after(TENTH)]);
    let first = machine.credentials();
    first.prewarm();
    let lost = {
        let machine = machine.clone();
        thread::spawn(move || {
            machine.world.tasks.stop(1);
            if ends {
                machine.store.release_locks_of(1);
            }
        })
    };
    let processes = vec![machine.process(2), machine.process(3)];
    let outcomes = machine.world.while_waits_pass(|| {
        let outcomes = on_threads(processes);
        lost.join().unwrap();
        outcomes
    });
    for (outcome, took) in outcomes {
        assert!(outcome.is_ok(), "the next process has no token");
        let limit = if ends { 5 * TENTH } else { SHARED_TIMEOUT / 2 + 2 * TENTH };
        assert!(took <= limit, "a process waited for {took:?}");
    }
    let fetches = machine.world.source.fetches();
    assert!(fetches <= if ends { 2 } else { 3 }, "{fetches} fetches");
    become_process(4);
    drop(first);
}

#[test]
fn a_process_that_ends_holds_nobody_up() {
    at_random("a process that ends holds nobody up", || a_process_is_lost(true));
}

#[test]
fn a_process_that_is_stopped_costs_half_of_the_time_of_a_call() {
    at_random("a process that is stopped", || a_process_is_lost(false));
}

/// A holder that is stopped for longer than its own fetch may take: one process takes the lock over, and fetches alone.
#[test]
fn one_process_takes_over_the_lock_of_a_holder_whose_time_is_over() {
    fn model() {
        let machine = Machine::new(&[token(HOUR).after(TENTH)]);
        let first = machine.credentials();
        first.prewarm();
        while machine.world.source.under_way() == 0 {
            thread::yield_now();
        }
        machine.world.tasks.stop(1);
        machine.world.clock.advance(SHARED_TIMEOUT + TENTH);
        let processes = (2..=4).map(|number| machine.process(number)).collect();
        for (outcome, took) in machine.world.while_waits_pass(|| on_threads(processes)) {
            assert_eq!(text(&outcome.unwrap()), "t1.fake.1");
            assert!(took <= 5 * TENTH, "a process waited for {took:?}");
        }
        assert_eq!(machine.world.source.fetches(), 2, "the stopped process, and one of the others");
        become_process(5);
        drop(first);
        assert_eq!(machine.store.held_locks(), 0);
    }
    at_random("one process takes the lock over", model);
}

/// A server refuses the token. Until another one is there, no process takes the refused one; then all take the new one.
#[test]
fn a_refused_token_is_replaced_once_for_all_processes() {
    fn model() {
        let machine = Machine::new(&[token(HOUR).after(TENTH)]);
        let refused: Vec<_> = (1..=2)
            .map(|number| -> Box<dyn FnOnce() -> Outcome + Send> {
                let (machine, credentials) = (machine.clone(), machine.credentials());
                let tasks = machine.world.tasks.clone();
                let call = machine.clone().world.activity.of(Box::pin(async move {
                    let began = machine.world.clock.now().monotonic;
                    let first = credentials.get(HeaderOptions::new()).await.unwrap();
                    if text(&first) == "t1.fake.1" {
                        credentials.invalidate(&first);
                    }
                    let second = credentials.get(HeaderOptions::new()).await;
                    drop(credentials);
                    (second, machine.world.clock.now().monotonic - began)
                }));
                Box::new(move || {
                    become_process(number);
                    let outcome = block_on(call);
                    tasks.join();
                    outcome
                })
            })
            .collect();
        for (outcome, _) in machine.world.while_waits_pass(|| on_threads(refused)) {
            assert_eq!(text(&outcome.unwrap()), "t1.fake.2", "a refused token was given out");
        }
        let next = machine.process(3);
        assert_eq!(text(&next().0.unwrap()), "t1.fake.2");
        assert_eq!((machine.world.source.fetches(), machine.world.source.most_under_way()), (2, 1));
        machine.end();
    }
    at_random("a refused token is replaced once", model);
}

/// A process begins while another one gets a token in the place of a refused one.
#[test]
fn a_process_that_begins_after_a_refusal_waits_for_the_new_token() {
    fn model() {
        let machine = Machine::new(&[token(HOUR), token(HOUR).after(TENTH)]);
        let credentials = machine.credentials();
        let first = machine.world.get(&credentials, HeaderOptions::new()).unwrap();
        credentials.invalidate(&first);
        credentials.prewarm();
        while machine.world.source.fetches() < 2 {
            thread::yield_now();
        }
        let next = vec![machine.process(2), machine.process(3)];
        for (outcome, _) in machine.world.while_waits_pass(|| on_threads(next)) {
            assert_eq!(text(&outcome.unwrap()), "t1.fake.2", "a refused token was given out");
        }
        assert_eq!(machine.world.source.fetches(), 2);
        machine.world.tasks.join();
        machine.end();
        drop(credentials);
    }
    at_random("a process begins after a refusal", model);
}
