//! `token-file`: a file that another program keeps fresh, read in parallel to the calls.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::{fs, io};

use test_support::system::empty_system;
use test_support::token_source::{InStep, header};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::system::{Files, SystemFiles};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles};
use yandex_cloud_auth::{
    Automatic, Credentials, Error, ErrorKind, HeaderOptions, Method, Outcome, System, TokenFileAuth,
};

const FILE: &str = "/run/secrets/iam-token";
const FIRST: &str = "t1.FAKE-first.x";
const SECOND: &str = "t1.FAKE-second.x";

/// A token of the whole documented shape.
fn whole(name: &str) -> String {
    format!("t1.FAKE-{name}.{}", "s".repeat(86))
}

struct TestSystem {
    clock: TestClock,
    files: TestFiles,
    environment: TestEnvironment,
}

impl TestSystem {
    fn holding(content: &str) -> Self {
        Self {
            clock: TestClock::new(),
            files: TestFiles::new([(FILE, content)]),
            environment: TestEnvironment::new([("YC_IAM_TOKEN_FILE", FILE)]),
        }
    }

    /// A read ends before the call that started it returns, so a test is a sequence.
    fn system(&self) -> System {
        empty_system(&self.clock)
            .with_files(self.files.clone())
            .with_environment(self.environment.clone())
            .with_spawner(InStep)
    }

    fn credentials(&self) -> Credentials {
        Credentials::from(TokenFileAuth::from_env()).with_system(self.system())
    }

    /// Credentials with the path in code, with the variable, and by selection.
    fn each(&self) -> [Credentials; 3] {
        [
            Credentials::from(TokenFileAuth::new(FILE)).with_system(self.system()),
            self.credentials(),
            Automatic::new().with_system(self.system()).build(),
        ]
    }

    fn failure(&self) -> Error {
        self.credentials().blocking().header().unwrap_err()
    }
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

#[test]
fn a_configured_file_that_is_missing_ends_the_selection() {
    let test_system = TestSystem::holding(FIRST);
    test_system.environment.set("YC_TOKEN", "t1.FAKE-another-identity.x");
    test_system.files.remove(FILE);
    for automatic in [Automatic::new(), Automatic::new().lenient()] {
        let credentials = automatic.with_system(test_system.system()).build();
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(FILE)));
        let report = error.report().unwrap();
        let slot = report.attempts().iter().find(|slot| slot.method == Method::TokenFile).unwrap();
        assert_eq!((slot.outcome, &*slot.source), (Outcome::Broken, "YC_IAM_TOKEN_FILE"));

        // The sidecar starts later.
        test_system.files.write(FILE, FIRST);
        test_system.clock.advance(secs(5));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
        test_system.files.remove(FILE);
    }
}

#[test]
fn without_the_variable_the_slot_is_absent_and_the_explicit_method_is_not_configured() {
    let test_system = TestSystem::holding(FIRST);
    test_system.environment.set("YC_IAM_TOKEN_FILE", "");
    test_system.environment.set("YC_TOKEN", SECOND);
    let error = test_system.failure();
    assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("YC_IAM_TOKEN_FILE")));
    let automatic = Automatic::new().with_system(test_system.system()).build();
    assert_eq!(header(&automatic), format!("Bearer {SECOND}"));
}

#[test]
fn the_path_is_read_once() {
    let test_system = TestSystem::holding(FIRST);
    let credentials = test_system.credentials();
    header(&credentials);
    test_system.files.write("/run/other", SECOND);
    test_system.environment.set("YC_IAM_TOKEN_FILE", "/run/other");
    for _ in 0..3 {
        test_system.clock.advance(secs(30));
        assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
    }
}

#[test]
fn the_error_for_other_content_names_its_kind_and_does_not_show_it() {
    let key =
        "PLEASE DO NOT REMOVE THIS LINE\n-----BEGIN PRIVATE KEY-----\nFAKE\n-----END PRIVATE KEY-----\n";
    // content -> words of the reason, words of the help
    for (content, reason, help) in [
        ("y0_FAKE-oauth", "an OAuth token", "YC_OAUTH_TOKEN"),
        ("AQVNFAKE-key", "an API key", "YC_API_KEY"),
        ("{\"id\":\"FAKE\"}", "JSON", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("{\"iamToken\":\"t1.FAKE.x\"}", "a response with an IAM token", "the token only"),
        (key, "PEM", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("eyJFAKE.eyJFAKE.FAKE", "a JWT", "workload-identity"),
        ("t1.FAKE.x\nt1.FAKE.y", "a line break", "on one line"),
        ("Bearer t1.FAKE.x", "a scheme", "without the scheme"),
        ("t1.FAKE x", "a space", "as it was issued"),
        ("t1.FAKE-ключ", "outside ASCII", "as it was issued"),
        ("t1.FAKE\0.x", "a control character", "as it was issued"),
        ("", "empty", "rename"),
        (&"t1.FAKE".repeat(2000), "longer than 8192", "as it was issued"),
        (&"t1.FAKE".repeat(3000), "larger than 16 KiB", "check the path"),
    ] {
        let error = TestSystem::holding(content).failure();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Invalid, Some(Method::TokenFile)), "{error}");
        assert_eq!(error.location(), Some(FILE));
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.help().unwrap().contains(help), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
    }
    let test_system = TestSystem::holding("");
    test_system.files.write(FILE, b"t1.FAKE\xff".to_vec());
    assert!(test_system.failure().reason().contains("not UTF-8"));
}

#[test]
fn a_secret_in_place_of_the_path_is_an_error_that_does_not_show_it() {
    for value in [FIRST, "y0_FAKE", "{\"id\":\"FAKE\"}", "-----BEGIN FAKE-----", "FAKE/of=no+shape"] {
        let test_system = TestSystem::holding("");
        test_system.environment.set("YC_IAM_TOKEN_FILE", value);
        let error = test_system.failure();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("YC_IAM_TOKEN_FILE")));
        assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
    }
    let shown = format!("{:?}", TokenFileAuth::new("FAKE/of=no+shape"));
    assert!(!shown.contains("FAKE"), "{shown}");
}

/// A real folder, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Credentials on real files and a test clock.
fn on_disk(clock: &TestClock, path: PathBuf) -> Credentials {
    let system = empty_system(clock).with_files(SystemFiles).with_spawner(InStep);
    Credentials::from(TokenFileAuth::new(path)).with_system(system)
}

#[test]
fn a_file_replaced_by_a_rename_is_read() {
    let (clock, folder) = (TestClock::new(), Folder::new("rename"));
    fs::write(folder.file("token"), FIRST).unwrap();
    let credentials = on_disk(&clock, folder.file("token"));
    assert_eq!(header(&credentials), format!("Bearer {FIRST}"));
    fs::write(folder.file("next"), SECOND).unwrap();
    fs::rename(folder.file("next"), folder.file("token")).unwrap();
    clock.advance(secs(30));
    header(&credentials);
    assert_eq!(header(&credentials), format!("Bearer {SECOND}"));
}

/// The volumes of Kubernetes: `token` is a link through `..data`, and a rename replaces `..data`.
#[cfg(unix)]
#[test]
fn a_file_behind_a_changed_link_is_read() {
    use std::os::unix::fs::symlink;
    let (clock, folder) = (TestClock::new(), Folder::new("links"));
    for (version, token) in [("..2026_1", FIRST), ("..2026_2", SECOND)] {
        fs::create_dir(folder.file(version)).unwrap();
        fs::write(folder.file(version).join("token"), token).unwrap();
    }
    symlink("..2026_1", folder.file("..data")).unwrap();
    symlink("..data/token", folder.file("token")).unwrap();
    let credentials = on_disk(&clock, folder.file("token"));
    assert_eq!(header(&credentials), format!("Bearer {FIRST}"));

    symlink("..2026_2", folder.file("..data_tmp")).unwrap();
    fs::rename(folder.file("..data_tmp"), folder.file("..data")).unwrap();
    fs::remove_dir_all(folder.file("..2026_1")).unwrap();
    clock.advance(secs(30));
    header(&credentials);
    assert_eq!(header(&credentials), format!("Bearer {SECOND}"));
}

#[cfg(unix)]
#[test]
fn a_directory_and_a_forbidden_file_are_errors_with_the_reason() {
    struct Forbidden;

    impl Files for Forbidden {
        fn read(&self, _path: &Path, _limit: usize) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::PermissionDenied.into())
        }

        fn is_executable(&self, _path: &Path) -> bool {
            false
        }
    }

    let (clock, folder) = (TestClock::new(), Folder::new("kinds"));
    let error = on_disk(&clock, folder.0.clone()).blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Invalid, "the path is a directory"));
    assert_eq!(error.location(), folder.0.to_str());
    // The test may run as root, which can read every file, so the refusal is injected.
    let system = empty_system(&clock).with_files(Forbidden);
    let error =
        Credentials::from(TokenFileAuth::new(FILE)).with_system(system).blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Invalid, "this process may not read the file"));
    assert!(error.help().unwrap().contains("mode"));
}

/// Opening a pipe without a writer never returns, so a read runs on its own thread and has a time limit.
#[test]
fn a_read_that_never_ends_times_out_and_does_not_block_other_credentials() {
    struct Stuck(Mutex<mpsc::Receiver<()>>);

    impl Files for Stuck {
        fn read(&self, _path: &Path, _limit: usize) -> io::Result<Vec<u8>> {
            let _ = self.0.lock().unwrap().recv();
            Err(io::ErrorKind::Interrupted.into())
        }

        fn is_executable(&self, _path: &Path) -> bool {
            false
        }
    }

    let clock = TestClock::new();
    let (release, stuck) = mpsc::channel();
    let credentials = Credentials::from(TokenFileAuth::new(FILE))
        .with_system(empty_system(&clock).with_files(Stuck(Mutex::new(stuck))));
    let call = std::thread::spawn({
        let credentials = credentials.clone();
        move || credentials.blocking().header().unwrap_err()
    });
    clock.wait_for_sleepers(1);
    let source = test_support::token_source::Source::living(HOUR);
    assert_eq!(
        header(&source.on_clock(&clock)),
        "Bearer t1.fake.0",
        "the thread of the library serves other credentials"
    );
    clock.advance(secs(5));
    let error = call.join().unwrap();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::TokenFile)));
    drop(release);
}
