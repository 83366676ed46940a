//! The folder of the shared cache: who may use it, and the locks of its entries.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use yandex_cloud_auth::ErrorKind as Kind;
use yandex_cloud_auth::system::{CacheFolder, CacheStore};
use yandex_cloud_auth::testing::TestEnvironment;

const NAME: &str = "00000000000000000000000000000000000000000000000000000000000000ff.entry";

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cache-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn an_entry_is_replaced_whole_and_is_private() {
    let folder = Folder::new();
    let path = folder.0.join("yc-auth");
    let store = CacheFolder::new(&path);
    assert!(store.read(NAME).unwrap().is_none() && store.names().unwrap().is_empty());
    assert!(!path.exists(), "a look made the folder");
    for content in ["one", "the second content"] {
        store.write(NAME, content.as_bytes()).unwrap();
        assert_eq!(store.read(NAME).unwrap().unwrap().as_slice(), content.as_bytes());
    }
    assert_eq!(store.names().unwrap(), [NAME]);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&path), mode(&path.join(NAME))), (0o700, 0o600));
    store.remove(NAME).unwrap();
    store.remove(NAME).unwrap();
    assert!(store.read(NAME).unwrap().is_none());
}

#[test]
fn a_folder_that_others_can_change_is_refused() {
    let folder = Folder::new();
    let link = folder.0.join("link");
    fs::create_dir(folder.0.join("target")).unwrap();
    symlink(folder.0.join("target"), &link).unwrap();
    let open = folder.0.join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    for path in [link, open, file] {
        let store = CacheFolder::new(&path);
        assert_eq!(store.read(NAME).unwrap_err().kind(), ErrorKind::PermissionDenied, "{}", path.display());
        assert!(store.write(NAME, b"x").is_err(), "{}", path.display());
        assert!(store.try_lock(NAME, "", &|_| true).is_err(), "{}", path.display());
    }
    assert!(fs::read_dir(folder.0.join("target")).unwrap().next().is_none());
}

#[test]
fn the_folder_of_another_user_is_refused() {
    let folder = Folder::new();
    let path = folder.0.join("of-nobody");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    // Only root can give a folder away.
    if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
        eprintln!("passed over: this user cannot change the owner of a folder");
        return;
    }
    let store = CacheFolder::new(&path);
    assert_eq!(store.read(NAME).unwrap_err().to_string(), "the folder belongs to another user");
    assert!(store.write(NAME, b"x").is_err());
}

#[test]
fn a_folder_that_disappears_is_made_again() {
    let folder = Folder::new();
    let path = folder.0.join("yc-auth");
    let store = CacheFolder::new(&path);
    store.write(NAME, b"one").unwrap();
    let held = store.try_lock(NAME, "", &|_| false).unwrap().unwrap();
    fs::remove_dir_all(&path).unwrap();
    assert!(store.read(NAME).unwrap().is_none());
    // The lock of the removed file excludes nobody.
    assert!(store.try_lock(NAME, "", &|_| false).unwrap().is_some());
    store.write(NAME, b"two").unwrap();
    drop(held);
    assert_eq!(store.read(NAME).unwrap().unwrap().as_slice(), b"two");
}

#[test]
fn what_stands_under_the_name_of_an_entry_is_not_followed_and_does_not_block() {
    let folder = Folder::new();
    let (store, path) = (CacheFolder::new(&folder.0), folder.0.join(NAME));
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert!(store.read(NAME).is_err());
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(store.read(NAME).unwrap().unwrap().as_slice(), b"");
    for name in ["", "../x", "a/b", ".hidden", "UPPER"] {
        assert_eq!(store.write(name, b"x").unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
    }
}

#[test]
fn a_lock_has_one_holder_until_it_is_dropped() {
    let folder = Folder::new();
    let store = CacheFolder::new(folder.0.join("yc-auth"));
    let held = store.try_lock(NAME, "note", &|_| false).unwrap().unwrap();
    assert!(store.try_lock(NAME, "", &|note| panic_unless(note)).unwrap().is_none());
    drop(held);
    assert!(store.try_lock(NAME, "", &|_| false).unwrap().is_some());
}

fn panic_unless(note: &str) -> bool {
    assert_eq!(note, "note");
    false
}

#[test]
fn a_lock_whose_time_is_over_is_taken_over_by_one_process() {
    let folder = Folder::new();
    let store = CacheFolder::new(folder.0.join("yc-auth"));
    let stopped = store.try_lock(NAME, "old", &|_| false).unwrap().unwrap();
    let is_over = |note: &str| note == "old";
    let new = store.try_lock(NAME, "new", &is_over).unwrap().unwrap();
    assert!(store.try_lock(NAME, "third", &is_over).unwrap().is_none());
    // The stopped holder goes on, and ends. The lock of the new holder stays.
    drop(stopped);
    assert!(store.try_lock(NAME, "third", &is_over).unwrap().is_none());
    drop(new);
    assert!(store.try_lock(NAME, "third", &is_over).unwrap().is_some());
}

#[test]
fn the_variables_choose_the_folder() {
    let folder = |variables: &[(&str, &str)]| {
        let environment = TestEnvironment::new(variables.iter().copied());
        CacheFolder::from_env(&environment).map(|folder| folder.map(|folder| folder.path().to_owned()))
    };
    for (variables, expected) in [
        (&[("YC_AUTH_CACHE_DIR", "/x/y"), ("XDG_RUNTIME_DIR", "/run/user/7")][..], Some("/x/y")),
        (&[("XDG_RUNTIME_DIR", "/run/user/7"), ("HOME", "/home/f")], Some("/run/user/7/yc-auth")),
        (&[("XDG_CACHE_HOME", "/c"), ("HOME", "/home/f"), ("YC_AUTH_CACHE", "on")], Some("/c/yc-auth")),
        (&[("HOME", "/home/f"), ("XDG_RUNTIME_DIR", "relative")], Some("/home/f/.cache/yc-auth")),
        (&[("XDG_RUNTIME_DIR", "/run/user/7"), ("YC_AUTH_CACHE", "off")], None),
        (&[], None),
    ] {
        assert_eq!(folder(variables).unwrap(), expected.map(PathBuf::from), "{variables:?}");
    }
    for variables in [[("YC_AUTH_CACHE", "yes")], [("YC_AUTH_CACHE_DIR", "relative")]] {
        let error = folder(&variables).unwrap_err();
        assert_eq!((error.kind(), error.location()), (Kind::Invalid, Some(variables[0].0)));
    }
}
