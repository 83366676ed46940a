//! Without a file descriptor or a thread, a call is an error with the system's reason: no panic, no abort, no output.

use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use test_support::own_process::in_own_process;
use test_support::token_source::{Source, first_failure, try_header};
use test_support::wait::HOUR;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{
    Credentials, Endpoints, Error, ErrorKind, MetadataAuth, OAuthTokenAuth, System, TokenFileAuth,
    YandexCloudCliAuth,
};

/// A port of this machine without a listener.
const CLOSED_PORT: &str = "127.0.0.1:1";

fn limit(resource: Resource, current: u64) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: Some(current), maximum }).unwrap();
}

/// The real system, without variables. Its clock stands still, so that each call makes one attempt.
fn real_system() -> System {
    System::real()
        .with_clock(TestClock::new())
        .with_environment(TestEnvironment::new([("PATH", "/usr/bin:/bin")]))
}

/// Credentials of each kind of source: plain HTTP, TLS to a name, a file, a program.
fn all() -> Vec<(&'static str, Credentials)> {
    let endpoints = Endpoints::new().api("localhost:1").iam("localhost:1");
    let metadata = MetadataAuth::builder().address(CLOSED_PORT).build();
    let yc = YandexCloudCliAuth::builder().program("/bin/true").build();
    vec![
        ("metadata", Credentials::from(metadata).with_system(real_system())),
        (
            "TLS",
            Credentials::from(OAuthTokenAuth::new("y0_FAKE-token").unwrap())
                .with_system(real_system().with_endpoints(endpoints)),
        ),
        ("file", Credentials::from(TokenFileAuth::new("/etc/passwd")).with_system(real_system())),
        ("program", Credentials::from(yc).with_system(real_system())),
    ]
}

fn errors() -> Vec<(&'static str, Error)> {
    all().into_iter().map(|(name, credentials)| (name, first_failure(&credentials))).collect()
}

/// No test of this file may panic on a thread of the library: the panic would be printed, and can end the process.
#[allow(clippy::print_stdout, reason = "the test that runs this process shows the text")]
fn panics_end_the_process() {
    std::panic::set_hook(Box::new(|panic| {
        println!("{panic}");
        std::process::exit(99);
    }));
}

#[test]
fn without_file_descriptors() {
    in_own_process("limits::without_file_descriptors", no_descriptors);
}

fn no_descriptors() {
    panics_end_the_process();
    let open = || std::fs::read_dir("/proc/self/fd").map_or(64, |entries| entries.count() as u64);
    let before = open();
    let mut told = std::collections::BTreeSet::new();
    for more in 0..24 {
        limit(Resource::Nofile, before - 1 + more);
        for (name, error) in errors() {
            let is_told = error.to_string().contains("Too many open files (os error 24)");
            assert!(more > 0 || is_told, "{name}: {error}");
            if is_told {
                told.insert(name);
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}: {error}");
                assert!(error.help().is_some(), "{name}: {error}");
            }
        }
    }
    assert_eq!(told.len(), all().len(), "{told:?}");
    for (name, error) in errors() {
        assert!(!error.to_string().contains("os error 24"), "{name}: {error}");
    }
}

#[test]
fn without_threads() {
    in_own_process("limits::without_threads", no_threads);
}

/// A new thread needs more memory than what is left; all else fits.
fn allow_no_thread() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    limit(Resource::As, (kib + 1500) << 10);
}

fn no_threads() {
    panics_end_the_process();
    allow_no_thread();
    for (name, error) in errors() {
        let expected = "no thread could be started: Resource temporarily unavailable (os error 11)";
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn without_threads_beside_the_one_of_the_library() {
    in_own_process("limits::without_threads_beside_the_one_of_the_library", no_more_threads);
}

fn no_more_threads() {
    panics_end_the_process();
    let source = Source::living(HOUR);
    try_header(&source.on_clock(&TestClock::new())).unwrap();
    allow_no_thread();
    for (name, error) in errors() {
        assert_eq!(
            error.to_string().contains("Resource temporarily unavailable (os error 11)"),
            matches!(name, "TLS" | "file"),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_file_that_hangs_costs_one_thread_for_all_looks() {
    in_own_process("limits::a_file_that_hangs_costs_one_thread_for_all_looks", one_thread);
}

fn one_thread() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let pipe: PathBuf = std::env::temp_dir().join(format!("limits-{}-pipe", std::process::id()));
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let clock = TestClock::new();
    let before = threads();
    for _ in 0..20 {
        let system = real_system().with_clock(clock.clone());
        let credentials = Credentials::from(TokenFileAuth::new(&pipe)).with_system(system);
        credentials.prewarm();
        clock.wait_for_sleepers(1);
        clock.advance(HOUR);
        assert_eq!(try_header(&credentials).unwrap_err().kind(), ErrorKind::Unavailable);
    }
    // The thread of the library, and the one that hangs.
    assert!(threads() <= before + 2, "{} threads more", threads() - before);
    std::fs::remove_file(&pipe).unwrap();
}
