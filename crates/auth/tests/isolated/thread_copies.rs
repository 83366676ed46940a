//! The copies of a header that threads keep: few, wiped, and gone with the next call of the thread or with its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use test_support::own_process::in_own_process;
use test_support::system::isolated_system;
use test_support::wait::joined;
use yandex_cloud_auth::{ApiKeyAuth, Credentials, HeaderOptions, Token};

use crate::memory::{NEEDLE, SecretFile, copies};

/// A thread that makes calls when it is told to.
struct Caller {
    orders: Sender<Credentials>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Caller {
    fn start() -> Self {
        let ((orders, ordered), (finished, done)) = (channel::<Credentials>(), channel());
        let thread = std::thread::spawn(move || {
            for credentials in ordered {
                call(&credentials);
                drop(credentials);
                finished.send(()).unwrap();
            }
        });
        Self { orders, done, thread }
    }

    fn call(&self, credentials: &Credentials) {
        self.orders.send(credentials.clone()).unwrap();
        self.done.recv().unwrap();
    }

    fn end(self) {
        drop(self.orders);
        joined(self.thread);
    }
}

/// More calls than a thread makes before it has a copy.
fn call(credentials: &Credentials) {
    for _ in 0..3 {
        assert!(credentials.blocking().header().unwrap().is_some());
    }
}

/// Credentials with a key in which the text that is searched for stands once.
fn with_key(file: &SecretFile) -> Credentials {
    Credentials::from(ApiKeyAuth::new(&**file.read()).unwrap()).with_system(isolated_system())
}

fn key_file(name: &str) -> SecretFile {
    SecretFile::new(name, "AQVN", 4 + NEEDLE.len())
}

#[test]
fn a_thread_keeps_four_copies_and_wipes_them_at_its_end() {
    in_own_process("thread_copies::a_thread_keeps_four_copies_and_wipes_them_at_its_end", in_one_thread);
}

fn in_one_thread() {
    let file = key_file("one-thread");
    let credentials: Vec<_> = (0..10).map(|_| with_key(&file)).collect();
    let shared = copies();
    assert!(shared > 10, "the search finds what is there");
    let caller = Caller::start();
    credentials.iter().for_each(|credentials| caller.call(credentials));
    assert_eq!(copies(), shared + 4);
    caller.end();
    assert_eq!(copies(), shared);
}

#[test]
fn a_process_keeps_256_copies() {
    in_own_process("thread_copies::a_process_keeps_256_copies", in_many_threads);
}

fn in_many_threads() {
    let file = key_file("many-threads");
    let credentials = with_key(&file);
    let shared = copies();
    let callers: Vec<_> = (0..270).map(|_| Caller::start()).collect();
    callers.iter().for_each(|caller| caller.call(&credentials));
    assert_eq!(copies(), shared + 256);
    callers.into_iter().for_each(Caller::end);
    assert_eq!(copies(), shared);
    // The places of the threads that ended are free again.
    let caller = Caller::start();
    caller.call(&credentials);
    assert_eq!(copies(), shared + 1);
    caller.end();
}

#[test]
fn a_call_or_two_leave_no_copy() {
    in_own_process("thread_copies::a_call_or_two_leave_no_copy", one_call);
}

fn one_call() {
    let file = key_file("one-call");
    let credentials = with_key(&file);
    let shared = copies();
    drop(credentials.blocking().header());
    assert_eq!(copies(), shared);
}

#[test]
fn a_replaced_token_is_gone_with_the_next_call_of_the_thread() {
    in_own_process("thread_copies::a_replaced_token_is_gone_with_the_next_call_of_the_thread", replaced);
}

fn replaced() {
    static FETCHES: AtomicUsize = AtomicUsize::new(0);
    let file = SecretFile::new("replaced", "t1.", 3 + NEEDLE.len());
    let credentials = Credentials::from_fn(move || {
        let secret = file.read();
        let first = FETCHES.fetch_add(1, Ordering::SeqCst) == 0;
        async move { Token::new(if first { secret.as_str() } else { "t1.fake.new" }) }
    })
    .with_system(isolated_system());
    let other = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap()).with_system(isolated_system());
    let (idle, caller) = (Caller::start(), Caller::start());
    idle.call(&credentials);
    caller.call(&credentials);
    let refused = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert!(credentials.invalidate(&refused));
    drop(refused);
    assert_eq!(credentials.blocking().header().unwrap().unwrap(), "Bearer t1.fake.new");
    assert_eq!(copies(), 2, "each thread still has its copy");
    // A call for any credentials will do.
    caller.call(&other);
    assert_eq!(copies(), 1);
    idle.end();
    assert_eq!(copies(), 0);
    caller.end();
}

#[test]
fn the_copies_of_dropped_credentials_are_gone_with_the_next_call_of_the_thread() {
    let name = "thread_copies::the_copies_of_dropped_credentials_are_gone_with_the_next_call_of_the_thread";
    in_own_process(name, dropped);
}

fn dropped() {
    let file = key_file("dropped");
    let credentials = with_key(&file);
    let other = Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap()).with_system(isolated_system());
    let caller = Caller::start();
    caller.call(&credentials);
    drop(credentials);
    assert_eq!(copies(), 1);
    caller.call(&other);
    assert_eq!(copies(), 0);
    caller.end();
}

#[test]
fn credentials_that_are_used_once_end_no_copy() {
    in_own_process("thread_copies::credentials_that_are_used_once_end_no_copy", used_once);
}

fn used_once() {
    let [hot, once, twice] = ["AQVN-fake-hot", "AQVN-fake-once", "AQVN-fake-twice"]
        .map(|key| Credentials::from(ApiKeyAuth::new(key).unwrap()).with_system(isolated_system()));
    let allocations = || allocation_counter::measure(|| drop(hot.try_header())).count_total;
    call(&hot);
    assert_eq!(allocations(), 0);
    drop(once.try_header());
    drop(once);
    assert_eq!(allocations(), 0);
    call(&twice);
    drop(twice);
    assert!(allocations() > 0, "the thread makes its copy again");
    assert_eq!(allocations(), 0);
}
