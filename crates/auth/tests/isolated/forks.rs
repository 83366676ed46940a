//! A child that a fork made is served, whatever its parent was doing, and leaves the work of its parent alone.
//!
//! A fork copies the locks, the work and the sockets of the parent, but not the threads that use them.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use test_support::forked::fork;
use test_support::own_process::in_own_process;
use test_support::raw_server::{RawServer, read_request};
use test_support::system::{empty_system, isolated_system};
use test_support::token_source::{Source, header};
use test_support::wait::{HOUR, until};
use yandex_cloud_auth::system::{SystemFiles, SystemProcesses};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{
    Credentials, MetadataAuth, OAuthTokenAuth, System, TokenFileAuth, YandexCloudCliAuth,
};
use yandex_cloud_emulator::Emulator;

use crate::support::IAM_TOKEN;

/// A folder of one test, removed after it. A child that exits does not remove it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("forks-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A pipe: who opens it waits for the other side.
    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The writing side of a pipe, once a thread of this process waits for the content of the pipe.
fn writer_of_waiting_reader(pipe: &Path) -> File {
    let mut writer = None;
    until("a thread waits for the pipe", || {
        // Refused until there is a reader.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        writer = rustix::fs::open(pipe, flags, Mode::empty()).ok().map(File::from);
        writer.is_some()
    });
    writer.unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn while_the_tls_setup_of_the_parent_hangs() {
    in_own_process("forks::while_the_tls_setup_of_the_parent_hangs", tls_setup);
}

fn tls_setup() {
    let folder = Folder::new("tls");
    let cloud = Emulator::builder().tls(true).start_in_thread().unwrap();
    let certificates = folder.file("ca.pem", cloud.ca_pem().unwrap());
    let pipe = folder.pipe("pipe");
    let environment = TestEnvironment::new([
        ("YC_API_ENDPOINT", cloud.api_url().as_str()),
        ("YC_OAUTH_TOKEN", cloud.oauth_token()),
        ("SSL_CERT_FILE", path(&pipe)),
    ]);
    let credentials = Credentials::from(OAuthTokenAuth::from_env())
        .with_system(isolated_system().with_environment(environment.clone()));
    credentials.prewarm();
    let mut writer = writer_of_waiting_reader(&pipe);
    let children: Vec<_> = (0..3)
        .map(|_| {
            fork(|| {
                environment.set("SSL_CERT_FILE", path(&certificates));
                assert!(header(&credentials).starts_with("Bearer t1."));
                drop(credentials.clone());
            })
        })
        .collect();
    children.into_iter().for_each(test_support::forked::Forked::passes);
    // The parent goes on, too.
    writer.write_all(cloud.ca_pem().unwrap().as_bytes()).unwrap();
    drop(writer);
    assert!(header(&credentials).starts_with("Bearer t1."));
}

#[test]
fn while_a_response_for_the_parent_is_on_its_way() {
    in_own_process("forks::while_a_response_for_the_parent_is_on_its_way", response);
}

fn response() {
    let (asked, asks) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let mut held = Some(held);
    let server = RawServer::start(move |mut stream, _| {
        read_request(&mut stream);
        let (held, asked) = (held.take(), asked.clone());
        std::thread::spawn(move || {
            asked.send(()).unwrap();
            let body = format!("{{\"access_token\":\"{IAM_TOKEN}\",\"expires_in\":3600}}");
            if let Some(held) = held {
                held.recv().unwrap();
            }
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        });
    });
    let address = server.address.to_string();
    let credentials = Credentials::from(MetadataAuth::builder().address(address).build())
        .with_system(isolated_system().with_clock(TestClock::new()));
    credentials.prewarm();
    asks.recv().unwrap();
    let credentials = Some(credentials);
    fork(|| {
        let credentials = credentials.clone();
        assert!(header(credentials.as_ref().unwrap()).ends_with(IAM_TOKEN));
    })
    .passes();
    // The last handle of a child that does not fetch.
    let mut last = credentials;
    fork(|| drop(last.take())).passes();
    release.send(()).unwrap();
    assert!(header(last.as_ref().unwrap()).ends_with(IAM_TOKEN));
    assert_eq!(asks.try_iter().count(), 1, "the parent has asked once, and one child");
}

#[test]
fn while_yc_runs_for_the_parent() {
    in_own_process("forks::while_yc_runs_for_the_parent", yc);
}

fn yc() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("yc");
    let (started, go) = (folder.pipe("started"), folder.pipe("go"));
    let script = format!(
        "#!/bin/sh\necho up > {}\nread line < {}\necho {IAM_TOKEN}\n",
        started.display(),
        go.display()
    );
    let program = folder.file("yc", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let auth = YandexCloudCliAuth::builder().program(&program).build();
    let system = System::real()
        .with_environment(TestEnvironment::new([("PATH", "/usr/bin:/bin")]))
        .with_files(SystemFiles)
        .with_processes(SystemProcesses);
    let mut credentials = Some(Credentials::from(auth).with_system(system));
    credentials.as_ref().unwrap().prewarm();
    assert_eq!(std::fs::read_to_string(&started).unwrap(), "up\n");
    let mut writer = writer_of_waiting_reader(&go);
    // The child drops the last handle that it has.
    fork(|| drop(credentials.take())).passes();
    writer.write_all(b"go\n").unwrap();
    assert!(header(credentials.as_ref().unwrap()).ends_with(IAM_TOKEN));
    assert_eq!(credentials.unwrap().counters().fetches, 1);
}

#[test]
fn while_the_thread_of_the_parent_is_idle() {
    in_own_process("forks::while_the_thread_of_the_parent_is_idle", idle);
}

fn idle() {
    let source = Source::living(HOUR);
    let clock = TestClock::new();
    let credentials = source.on_clock(&clock);
    header(&credentials);
    fork(|| {
        clock.advance(HOUR);
        header(&credentials);
        assert_eq!(credentials.counters().fetches, 2);
    })
    .passes();
}

#[test]
fn while_the_parent_waits_for_a_file() {
    in_own_process("forks::while_the_parent_waits_for_a_file", file);
}

fn file() {
    let folder = Folder::new("file");
    let pipe = folder.pipe("token");
    let clock = TestClock::new();
    let system = empty_system(&clock).with_files(SystemFiles);
    let credentials = Credentials::from(TokenFileAuth::new(&pipe)).with_system(system);
    credentials.prewarm();
    let _writer = writer_of_waiting_reader(&pipe);
    fork(|| {
        std::fs::rename(folder.file("new", IAM_TOKEN), &pipe).unwrap();
        assert!(header(&credentials).ends_with(IAM_TOKEN));
    })
    .passes();
}

#[test]
fn parent_and_child_have_different_jitter() {
    in_own_process("forks::parent_and_child_have_different_jitter", jitter);
}

fn jitter() {
    use yandex_cloud_auth::system::{Clock, SystemClock};
    let folder = Folder::new("jitter");
    let clock = SystemClock::new();
    clock.random();
    let numbers = |count: usize| (0..count).map(|_| clock.random().to_string()).collect::<Vec<_>>();
    fork(|| drop(folder.file("child", &numbers(3).join("\n")))).passes();
    let of_child = std::fs::read_to_string(folder.0.join("child")).unwrap();
    assert_eq!(of_child.lines().count(), 3);
    assert!(numbers(3).iter().all(|number| !of_child.contains(number)), "{of_child}");
}
