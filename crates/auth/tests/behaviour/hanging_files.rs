//! A folder on a file server that is down: it holds one thread for all looks, and no deadline.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::support::{YC, YC_TOKEN, logged_in};
use test_support::system::isolated_system;
use test_support::token_source::Source;
use test_support::wait::{HOUR, joined, secs, until};
use yandex_cloud_auth::system::Files;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses};
use yandex_cloud_auth::{
    Automatic, Credentials, Error, ErrorKind, HeaderOptions, System, YandexCloudCliAuth,
};

/// A folder of `PATH` before the one that has yc.
const DEAD: &str = "/mnt/dead";

/// Files of which those below [`DEAD`] hang until they are released. Clones share the state.
#[derive(Clone)]
struct HangingFiles {
    files: TestFiles,
    looks: Arc<AtomicUsize>,
    released: Arc<(Mutex<bool>, Condvar)>,
}

impl HangingFiles {
    fn new() -> Self {
        Self { files: TestFiles::new([(YC, "")]), looks: Arc::default(), released: Arc::default() }
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    fn release(&self) {
        *self.released.0.lock().unwrap() = true;
        self.released.1.notify_all();
    }

    fn look_at(&self, path: &Path) {
        if path.starts_with(DEAD) {
            self.looks.fetch_add(1, Ordering::SeqCst);
            let released = self.released.0.lock().unwrap();
            drop(self.released.1.wait_while(released, |released| !*released).unwrap());
        }
    }
}

impl Files for HangingFiles {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        self.look_at(path);
        self.files.read(path, limit)
    }

    fn is_executable(&self, path: &Path) -> bool {
        self.look_at(path);
        self.files.is_executable(path)
    }
}

/// Releases the files where a test fails: the thread of the library may be one that hangs.
struct ReleaseOnDrop(HangingFiles);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// A system on the thread of the library, whose `PATH` has a folder that hangs and then one with yc.
fn system(files: &HangingFiles, clock: &TestClock) -> System {
    let path = format!("{DEAD}:/opt/yandex-cloud/bin");
    isolated_system()
        .with_environment(TestEnvironment::new([("PATH", path)]).with_terminal())
        .with_clock(clock.clone())
        .with_http(TestHttp::unreachable())
        .with_processes(TestProcesses::new(logged_in))
        .with_files(files.clone())
}

/// The outcome of a call that waits for the folder until `time` has passed.
fn outcome_after(
    time: std::time::Duration,
    credentials: &Credentials,
    options: HeaderOptions,
    clock: &TestClock,
) -> Result<String, Error> {
    let waiting = credentials.clone();
    let call = thread::spawn(move || waiting.blocking().header_with(options));
    until("the call waits for the folder", || {
        credentials.waiting_for().is_some_and(|step| step.contains(DEAD))
    });
    clock.wait_for_sleepers(1);
    clock.advance(time);
    joined(call).map(|header| header.unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_folder_of_path_that_hangs_holds_one_thread_and_not_that_of_the_library() {
    let (files, clock) = (HangingFiles::new(), TestClock::new());
    let _release = ReleaseOnDrop(files.clone());
    let yc = Credentials::from(YandexCloudCliAuth::new()).with_system(system(&files, &clock));
    for _ in 0..2 {
        let other = Source::living(HOUR).on_clock(&TestClock::new());
        let (asked, clock_of_yc) = (yc.clone(), clock.clone());
        let call = thread::spawn(move || outcome_after(secs(5), &asked, HeaderOptions::new(), &clock_of_yc));
        until("the folder is looked at", || files.looks() == 1);
        // The thread of the library serves others meanwhile.
        joined(thread::spawn(move || other.blocking().header())).unwrap();
        let error = joined(call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let reason = format!("yc was not found within 5 s; waiting for the program {DEAD}/yc");
        assert_eq!((error.location(), error.reason()), (Some("PATH"), reason.as_str()));
        // The failure is remembered for seconds.
        clock.advance(secs(60));
    }
    assert_eq!(files.looks(), 1, "the second search waits for the first look");
    files.release();
    assert_eq!(yc.blocking().header().unwrap().unwrap(), format!("Bearer {YC_TOKEN}").as_str());
    assert_eq!(yc.report().unwrap().selected().unwrap().source, YC);
}

#[test]
fn a_folder_of_path_that_hangs_holds_no_deadline_of_automatic_selection() {
    let (files, clock) = (HangingFiles::new(), TestClock::new());
    let _release = ReleaseOnDrop(files.clone());
    let automatic = Automatic::new().with_system(system(&files, &clock)).build();
    let one_second = HeaderOptions::new().deadline(secs(1));
    let error = outcome_after(secs(1), &automatic, one_second, &clock).unwrap_err();
    let waiting = "selection was at yandex-cloud-cli (yc), waiting for the program /mnt/dead/yc";
    assert!(error.reason().contains(waiting), "{error}");
}
