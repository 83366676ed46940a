//! Token files: their forms, their permissions, and what readers see while they are replaced.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use test_support::http_client::get;
use test_support::token_source::{token, unavailable};
use test_support::wait::{HOUR, on_runtime, secs};
use yandex_cloud_auth::ErrorKind;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth_agent::{Agent, Config};

use crate::common::{Folder, ONE, free_port, of, start, tokens};

fn config(path: &Path, more: &str) -> String {
    format!("{ONE}[[listen]]\nkind = \"token-file\"\npath = \"{}\"\n{more}\n", path.display())
}

/// Waits until the file has this content.
async fn has(path: &Path, content: &str) {
    while fs::read_to_string(path).ok().as_deref() != Some(content) {
        tokio::task::yield_now().await;
    }
}

/// The number of the token in the file.
fn number(path: &Path) -> u32 {
    fs::read_to_string(path).unwrap().rsplit('.').next().unwrap().parse().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn each_form_has_its_content() {
    on_runtime(async {
        let folder = Folder::new();
        let file = folder.join("token");
        for (more, content) in [
            ("", "t1.fake.0"),
            ("format = \"bare\"", "t1.fake.0"),
            ("format = \"header\"", "Authorization: Bearer t1.fake.0\n"),
            ("format = \"dotenv\"", "YC_IAM_TOKEN=t1.fake.0\n"),
            (
                "format = \"pgpass\"\nhost = \"db.example\"\nuser = \"ajefake\"",
                "db.example:*:*:ajefake:t1.fake.0\n",
            ),
        ] {
            let agent = start(&config(&file, more), &tokens(), &TestClock::new()).await;
            has(&file, content).await;
            assert_eq!(mode(&file), 0o600, "{more}");
            drop(agent);
            assert_eq!(fs::read_to_string(&file).unwrap(), content, "the file stays");
        }
        let agent =
            start(&config(&file, "mode = \"0640\"\ngroup = \"0\""), &tokens(), &TestClock::new()).await;
        has(&file, "t1.fake.0").await;
        if rustix::process::geteuid().is_root() {
            assert_eq!((mode(&file), fs::metadata(&file).unwrap().gid()), (0o640, 0));
        }
        drop(agent);
    });
}

#[test]
fn a_reader_always_finds_a_whole_token() {
    on_runtime(async {
        let (folder, clock, source) = (Folder::new(), TestClock::new(), tokens());
        let file = folder.join("token");
        let agent = start(&config(&file, ""), &source, &clock).await;
        has(&file, "t1.fake.0").await;
        let end = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0_u32;
                while !end.load(Ordering::Relaxed) || reads == 0 {
                    let content = fs::read_to_string(&file).expect("the file is there");
                    assert!(content.starts_with("t1.fake.") && content.len() > 8, "{content:?}");
                    reads += 1;
                }
            });
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    // The clock goes on until the file is new: a task may begin its pause after a step.
                    while number(&file) < 20 {
                        clock.advance(secs(1));
                        tokio::task::yield_now().await;
                    }
                });
            });
            end.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        drop(agent);
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    });
}

#[test]
fn after_its_end_the_token_stays_and_the_probe_says_so() {
    on_runtime(async {
        let (folder, clock, source) = (Folder::new(), TestClock::new(), tokens());
        let (file, port) = (folder.join("token"), free_port());
        let admin = format!("[[listen]]\nkind = \"admin\"\naddress = \"127.0.0.1:{port}\"\n");
        let _agent = start(&(config(&file, "") + &admin), &source, &clock).await;
        has(&file, "t1.fake.0").await;
        let ready = format!("http://127.0.0.1:{port}/readyz/one");
        assert_eq!(get(&ready, &[]).await.status, 200);
        source.set(|_| Err(unavailable()));
        clock.advance(13 * HOUR);
        let response = get(&ready, &[]).await;
        assert_eq!((response.status.as_u16(), response.text().as_str()), (503, "one: no token\n"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "t1.fake.0");
        source.set(|count| Ok(token(count)?.expiring_in(12 * HOUR)));
        while fs::read_to_string(&file).unwrap() == "t1.fake.0" {
            clock.advance(secs(1));
            tokio::task::yield_now().await;
        }
        assert_eq!(get(&ready, &[]).await.status, 200);
    });
}

#[test]
fn a_place_that_is_not_free_is_refused() {
    on_runtime(async {
        let folder = Folder::new();
        let file = folder.join("token");
        let refused = async |path: &Path, more: &str| {
            let config = Config::parse(&config(path, more)).unwrap();
            let error =
                Agent::start(config, of(&tokens(), &TestClock::new())).await.expect_err("it is refused");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            error.to_string()
        };
        let agent = start(&config(&file, ""), &tokens(), &TestClock::new()).await;
        assert!(refused(&file, "").await.contains("another agent"));
        drop(agent);
        let link = folder.join("link");
        symlink(&file, &link).unwrap();
        assert!(refused(&link, "").await.contains("not a regular file"));
        assert!(refused(folder.path(), "").await.contains("not a regular file"));
        assert!(refused(&folder.join("missing/token"), "").await.contains("the folder does not exist"));
        assert!(refused(&folder.join("other"), "group = \"no-such-group-here\"").await.contains("no group"));
    });
}
