//! What file systems do: renames, links, folders, forbidden files, and a read that never ends.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::{fs, io};

use super::{FILE, FIRST, SECOND};
use test_support::system::empty_system;
use test_support::token_source::{InStep, header};
use test_support::wait::{HOUR, secs};
use yandex_cloud_auth::system::{Files, SystemFiles};
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, ErrorKind, Method, TokenFileAuth};

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
