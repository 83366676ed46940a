//! The twelve hours of a token that stays in the file.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{FILE, FIRST, SECOND, TestSystem};
use test_support::token_source::header;
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::system::Files;
use yandex_cloud_auth::testing::{TestClock, TestFiles};
use yandex_cloud_auth::{ErrorKind, Method};

#[test]
fn the_same_token_is_sent_for_twelve_hours_and_then_expires() {
    let test_system = TestSystem::holding(FIRST);
    for credentials in test_system.each() {
        test_system.files.write(FILE, FIRST);
        header(&credentials);
        for _ in 0..(12 * 60 - 1) {
            test_system.clock.advance(secs(60));
            header(&credentials);
        }
        test_system.clock.advance(secs(60));
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Expired, Some(Method::TokenFile)));
        assert!(error.help().is_some());

        test_system.files.write(FILE, SECOND);
        test_system.clock.advance(secs(5));
        assert_eq!(
            header(&credentials),
            format!("Bearer {SECOND}"),
            "a new token in the file is used after the expiry"
        );
    }
}

/// Files whose next read takes four seconds.
#[derive(Clone)]
struct SlowFiles {
    files: TestFiles,
    clock: TestClock,
    is_slow: Arc<AtomicBool>,
}

impl Files for SlowFiles {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let content = self.files.read(path, limit);
        if self.is_slow.swap(false, Ordering::SeqCst) {
            self.clock.advance(secs(4));
        }
        content
    }

    fn is_executable(&self, _path: &Path) -> bool {
        false
    }
}

#[test]
fn the_twelve_hours_count_from_the_start_of_the_read() {
    let test_system = TestSystem::holding(FIRST);
    let (files, clock) = (test_system.files.clone(), test_system.clock.clone());
    let slow = SlowFiles { files, clock, is_slow: Arc::default() };
    for credentials in test_system.each() {
        let credentials = credentials.with_system(test_system.system().with_files(slow.clone()));
        slow.is_slow.store(true, Ordering::SeqCst);
        header(&credentials);
        assert!(!slow.is_slow.load(Ordering::SeqCst), "the file was read");
        // The token may have been old when the read began.
        test_system.clock.advance(12 * HOUR - secs(5));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
        test_system.clock.advance(secs(1));
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    }
}

#[test]
fn a_token_expires_while_the_machine_is_suspended() {
    let test_system = TestSystem::holding(FIRST);
    let credentials = test_system.credentials();
    header(&credentials);
    test_system.clock.suspend(12 * HOUR);
    assert_eq!(credentials.blocking().header().unwrap_err().kind(), ErrorKind::Expired);
}
