//! Law 5: making credentials does no work, and dropping the last handle leaves no work behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use test_support::token_source::Source;
use test_support::wait::{HOUR, on_runtime, until};
use yandex_cloud_auth::system::{BoxFuture, Spawner};
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestHttp, TestProcesses, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, NoAuth, OAuthTokenAuth,
    YandexCloudCliAuth,
};

#[derive(Clone, Default)]
struct CountingSpawner(Arc<AtomicUsize>);

impl Spawner for CountingSpawner {
    fn spawn(&self, _work: BoxFuture<'static, ()>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn construction_does_no_io_and_needs_no_runtime() {
    let (http, spawner) = (TestHttp::unreachable(), CountingSpawner::default());
    let processes = TestProcesses::new(|_| TestRun::Hang);
    let system = test_support::system::empty_system(&TestClock::new())
        .with_environment(TestEnvironment::new([("YC_OAUTH_TOKEN", "y0_fake")]))
        .with_http(http.clone())
        .with_processes(processes.clone())
        .with_spawner(spawner.clone());
    let all = [
        Automatic::new().with_system(system.clone()).build(),
        Credentials::automatic().with_system(system.clone()),
        Credentials::from(ApiKeyAuth::from_env()).with_system(system.clone()),
        Credentials::from(IamTokenAuth::from_env()).with_system(system.clone()),
        Credentials::from(EnvIamTokenAuth::new()).with_system(system.clone()),
        Credentials::from(OAuthTokenAuth::from_env()).with_system(system.clone()),
        Credentials::from(MetadataAuth::new()).with_system(system.clone()),
        Credentials::from(YandexCloudCliAuth::new()).with_system(system.clone()),
        Credentials::from(NoAuth::new()).with_system(system.clone()),
        Credentials::from_string("AQVN-fake").unwrap().with_system(system.clone()),
    ];
    for credentials in &all {
        let _ = (credentials.clone(), credentials.method(), credentials.report(), credentials.snapshot());
    }
    assert_eq!(spawner.0.load(Ordering::SeqCst), 0);
    assert!(http.requests().is_empty() && processes.commands().is_empty());
}

#[test]
fn method_report_and_snapshot_are_none_before_the_selection() {
    let environment = TestEnvironment::new([("YC_API_KEY", "AQVN-fake")]);
    let credentials = Automatic::new()
        .with_system(test_support::system::empty_system(&TestClock::new()).with_environment(environment))
        .build();
    assert!(
        credentials.method().is_none() && credentials.report().is_none() && credentials.snapshot().is_none()
    );
    let report = credentials.blocking().select().unwrap();
    assert_eq!(credentials.report(), Some(report));
    assert_eq!(credentials.snapshot().unwrap().header().unwrap(), "Api-Key AQVN-fake");
}

#[test]
fn dropping_the_last_handle_drops_the_fetch() {
    let source = Source::living(HOUR);
    source.hold();
    let clock = TestClock::new();
    let credentials = source.on_clock(&clock);
    let clone = credentials.clone();
    credentials.prewarm();
    until("the fetch has begun", || source.started() == 1);
    drop(credentials);
    assert_eq!(source.ended(), 0, "a handle is left");
    // Wait until the fetch is not being polled.
    clock.wait_for_sleepers(1);
    drop(clone);
    assert_eq!(
        source.ended(),
        1,
        "at once: the process may end next, and a child process must not outlive it"
    );
    assert_eq!(clock.sleepers(), 0, "the timer is dropped too");
}

#[test]
fn dropping_the_last_handle_kills_the_child_process() {
    // The future of the double owns the child process, as the real one does. Real processes: processes.rs.
    let processes = TestProcesses::new(|_| TestRun::Hang);
    let clock = TestClock::new();
    let system = test_support::system::empty_system(&clock)
        .with_processes(processes.clone())
        .with_files(yandex_cloud_auth::testing::TestFiles::new([("/opt/yc", "")]));
    let yc = YandexCloudCliAuth::builder().program("/opt/yc").build();
    let credentials = Credentials::from(yc).with_system(system);
    credentials.prewarm();
    until("yc runs", || processes.commands().len() == 1);
    drop(credentials);
    until("its timer is dropped too", || clock.sleepers() == 0);
}

#[test]
fn a_call_keeps_its_credentials_alive_and_an_aborted_call_does_not() {
    let source = Source::living(HOUR);
    source.hold();
    let credentials = source.on_clock(&TestClock::new());
    on_runtime(async {
        let call = tokio::spawn(async move { credentials.header().await });
        until("the fetch has begun", || source.started() == 1);
        call.abort();
        assert!(call.await.is_err());
        until("the fetch is dropped", || source.ended() == 1);
    });
}
