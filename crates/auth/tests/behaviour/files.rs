//! Files are read no further than their limit.

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
