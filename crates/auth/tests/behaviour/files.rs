//! The real file system: files are read no further than their limit, and mounts that nobody can change are told apart.

use std::io::ErrorKind;
use std::path::Path;

use yandex_cloud_auth::system::{Files, SystemFiles};

#[test]
fn a_file_is_read_up_to_its_limit_and_no_further() {
    let path = std::env::temp_dir().join(format!("files-{}-large", std::process::id()));
    std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
    for limit in [0, 1, 1024, 100_000] {
        for path in [&path, Path::new("/dev/zero")] {
            let mut read = None;
            let memory = allocation_counter::measure(|| read = Some(SystemFiles.read(path, limit)));
            assert_eq!(read.unwrap().unwrap_err().kind(), ErrorKind::FileTooLarge, "{path:?} {limit}");
            assert!(memory.bytes_max < 400_000, "{path:?} {limit}: {memory:?}");
        }
    }
    std::fs::write(&path, [b'a'; 1024]).unwrap();
    assert_eq!(SystemFiles.read(&path, 1024).unwrap().len(), 1024);
    assert_eq!(SystemFiles.read(&path, 1023).unwrap_err().kind(), ErrorKind::FileTooLarge);
    std::fs::remove_file(&path).unwrap();
}

/// A folder that is removed when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("files-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, "fake").unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_on_a_mount_that_nobody_can_change_is_told_apart() {
    let own = Folder::new("own");
    assert!(!SystemFiles.is_read_only(&own.file("key.json")));
    // A volume of Kubernetes.
    let volume = Folder::new("volume");
    std::fs::create_dir(volume.0.join("..data")).unwrap();
    assert!(SystemFiles.is_read_only(&volume.file("key.json")));
    // A secret of Docker, even if its mount can be written to.
    for path in ["/run/secrets/key.json", "/var/run/secrets/robot/key.json"] {
        assert!(SystemFiles.is_read_only(Path::new(path)), "{path}");
    }
    assert!(!SystemFiles.is_read_only(Path::new("/run/secrets-of-others/key.json")));
}

/// A machine can be without such a mount.
#[cfg(target_os = "linux")]
#[test]
fn a_mount_that_is_read_only_is_told_apart() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    for mount in mounts.lines() {
        let words: Vec<_> = mount.split(' ').collect();
        let path = Path::new(words[1]);
        // What is mounted later can hide this mount.
        let is_hidden = mounts.lines().filter(|other| other.split(' ').nth(1) == Some(words[1])).count() > 1;
        if !is_hidden && path.is_dir() && words[3].split(',').any(|option| option == "ro") {
            assert!(SystemFiles.is_read_only(path), "{mount}");
        }
    }
}
