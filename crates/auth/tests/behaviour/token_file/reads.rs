//! When the file is read, and which content replaces the token.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{FILE, FIRST, SECOND, TestSystem};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::Files;
use yandex_cloud_auth::testing::TestFiles;
use yandex_cloud_auth::{Credentials, HeaderOptions, Method, TokenFileAuth};

/// A token of the whole documented shape.
fn whole(name: &str) -> String {
    format!("t1.FAKE-{name}.{}", "s".repeat(86))
}

#[test]
fn the_token_in_the_file_is_sent_and_has_no_known_expiry() {
    for content in [FIRST.to_owned(), format!("{FIRST}\n"), format!("\u{feff} {FIRST}\r\n\n")] {
        let test_system = TestSystem::holding(&content);
        for credentials in test_system.each() {
            assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
            let snapshot = credentials.snapshot().unwrap();
            assert_eq!((snapshot.method(), snapshot.expires_at()), (Method::TokenFile, None));
            assert_eq!(credentials.counters().fetches, 1, "the token of the selection is the first token");
        }
    }
}

#[test]
fn a_changed_file_is_read_within_the_interval_and_no_call_waits_for_the_read() {
    let test_system = TestSystem::holding(FIRST);
    for credentials in test_system.each() {
        test_system.files.write(FILE, FIRST);
        header(&credentials);
        // Reading the same token many times must not make the reads less frequent.
        for _ in 0..20 {
            test_system.clock.advance(secs(30));
            assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
        }
        let first = credentials.blocking().get(HeaderOptions::new()).unwrap();
        assert_eq!(first.generation(), 1, "the token did not change");

        test_system.files.write(FILE, SECOND);
        test_system.clock.advance(secs(29));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"), "the file is not read yet");
        test_system.clock.advance(secs(1));
        assert_eq!(
            header(&credentials),
            format!("Bearer {FIRST}"),
            "the file is read in parallel to this call"
        );
        assert_eq!(header(&credentials), format!("Bearer {SECOND}"));
        assert_eq!(credentials.snapshot().unwrap().generation(), 2);
        assert_eq!(credentials.counters().waited, 1, "only the call for the first token waited");
    }
}

#[test]
fn the_interval_can_be_set() {
    let test_system = TestSystem::holding(FIRST);
    let auth = TokenFileAuth::builder_from_env().max_age(secs(300)).build();
    let credentials = Credentials::from(auth).with_system(test_system.system());
    header(&credentials);
    test_system.files.write(FILE, SECOND);
    for (step, token) in [(299, FIRST), (1, FIRST), (0, SECOND)] {
        test_system.clock.advance(secs(step));
        assert_eq!(header(&credentials), format!("Bearer {token}"), "{step}");
    }
}

/// Files that count how often they are read.
#[derive(Clone, Default)]
struct Counting(TestFiles, Arc<AtomicUsize>);

impl Files for Counting {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.read(path, limit)
    }

    fn is_executable(&self, _path: &Path) -> bool {
        false
    }
}

#[test]
fn a_call_between_two_reads_does_not_read_the_file() {
    let test_system = TestSystem::holding(FIRST);
    let files = Counting(test_system.files.clone(), Arc::default());
    let credentials = Credentials::from(TokenFileAuth::from_env())
        .with_system(test_system.system().with_files(files.clone()));
    for _ in 0..100 {
        header(&credentials);
        test_system.clock.advance(secs(3));
    }
    let reads = files.1.load(Ordering::SeqCst);
    assert_eq!(reads, 10, "the file is read every 30 s");
}

#[test]
fn a_refused_token_is_replaced_at_once() {
    let test_system = TestSystem::holding(FIRST);
    for credentials in test_system.each() {
        test_system.files.write(FILE, FIRST);
        let refused = credentials.blocking().get(HeaderOptions::new()).unwrap();
        test_system.files.write(FILE, SECOND);
        assert!(credentials.invalidate(&refused));
        assert_eq!(header(&credentials), format!("Bearer {SECOND}"));
    }
}

#[test]
fn a_refused_token_that_stays_in_the_file_does_not_make_the_reads_less_frequent() {
    let test_system = TestSystem::holding(FIRST);
    test_system.clock.set_random(0.999);
    let credentials = test_system.credentials();
    for _ in 0..8 {
        let refused = credentials.blocking().get(HeaderOptions::new()).unwrap();
        credentials.invalidate(&refused);
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"), "the file has no other token");
        test_system.clock.advance(secs(30));
        header(&credentials);
    }
    test_system.files.write(FILE, SECOND);
    test_system.clock.advance(secs(30));
    header(&credentials);
    assert_eq!(header(&credentials), format!("Bearer {SECOND}"));
}

#[test]
fn a_half_written_or_removed_file_does_not_replace_the_token() {
    let (old, new) = (whole("old"), whole("new"));
    for broken in ["", "\n", "t1.FAKE-ne", &new[..60], "{", "two\nlines", "y0_FAKE"] {
        let test_system = TestSystem::holding(&old);
        let credentials = test_system.credentials();
        header(&credentials);
        test_system.files.write(FILE, broken);
        test_system.clock.advance(secs(30));
        assert_eq!(header(&credentials), format!("Bearer {old}"), "{broken:?}");
        assert_eq!(header(&credentials), format!("Bearer {old}"), "{broken:?}");
        assert_eq!(credentials.counters().failures, 1, "{broken:?}: only the read failed");
        // After a failure the file is read again within seconds.
        test_system.files.write(FILE, &*new);
        test_system.clock.advance(secs(5));
        header(&credentials);
        assert_eq!(header(&credentials), format!("Bearer {new}"), "{broken:?}");
    }
    let test_system = TestSystem::holding(&old);
    let credentials = test_system.credentials();
    header(&credentials);
    test_system.files.remove(FILE);
    for _ in 0..100 {
        test_system.clock.advance(secs(300));
        assert_eq!(header(&credentials), format!("Bearer {old}"), "the file is removed");
    }
}

#[test]
fn a_cut_token_is_never_used() {
    let old = whole("old");
    for cut in ["t", "t1.", &whole("new")[..60]] {
        let test_system = TestSystem::holding(&old);
        let credentials = test_system.credentials();
        header(&credentials);
        test_system.files.write(FILE, cut);
        for _ in 0..20 {
            test_system.clock.advance(secs(30));
            assert_eq!(header(&credentials), format!("Bearer {old}"), "{cut}");
        }
    }
}

#[test]
fn a_token_of_another_shape_is_used_after_a_second_read() {
    let test_system = TestSystem::holding(&whole("old"));
    let credentials = test_system.credentials();
    header(&credentials);
    test_system.files.write(FILE, "t2.FAKE-of-a-later-shape");
    for _ in 0..2 {
        test_system.clock.advance(secs(30));
        assert_eq!(header(&credentials), format!("Bearer {}", whole("old")));
    }
    assert_eq!(header(&credentials), "Bearer t2.FAKE-of-a-later-shape");
}
