//! A child that a fork made has a runtime of its own: that of its parent is driven by a thread that the child has not.

use std::sync::mpsc;
use std::time::Duration;

use test_support::forked::fork;
use test_support::own_process::in_own_process;
use yandex_ai_studio_sdk::{AiStudio, Error};

#[test]
fn while_a_thread_of_the_parent_is_in_a_blocking_call() {
    in_own_process("forks::while_a_thread_of_the_parent_is_in_a_blocking_call", blocking_call);
}

fn blocking_call() {
    let sdk = AiStudio::builder().folder_id("b1gexample").auth("AQVN-fake").build().unwrap();
    let blocking = sdk.blocking().unwrap();
    let (started, start) = mpsc::channel();
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let parent = std::thread::spawn(move || {
        blocking.wait(async {
            started.send(()).unwrap();
            let _ = held.await;
            Ok::<_, Error>(7)
        })
    });
    start.recv().unwrap();
    fork(|| {
        // A timer needs the thread that drives the runtime.
        let call = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, Error>(8)
        };
        assert_eq!(sdk.blocking().unwrap().wait(call).unwrap(), 8);
    })
    .passes();
    release.send(()).unwrap();
    assert_eq!(parent.join().unwrap().unwrap(), 7);
}
