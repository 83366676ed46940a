//! A machine for each test: environment, transport, programs, files, clock and log of its own.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a failure is a panic"
)]

use std::fmt::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Metadata, Subscriber};
use yandex_cloud_auth::system::{BoxFuture, Command, HttpOptions, Spawner};
use yandex_cloud_auth::testing::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
use yandex_cloud_auth::{Automatic, Credentials, Endpoints, System};

pub(crate) const IAM_TOKEN: &str = "t1.FAKE-body.FAKE-signature";
pub(crate) const OAUTH_TOKEN: &str = "y0_FAKE-oauth-token";
pub(crate) const API_KEY: &str = "AQVN-FAKE-api-key";

/// What the metadata service gives.
pub(crate) const METADATA_TOKEN: &str = "t1.FAKE-metadata.FAKE-signature";
pub(crate) const METADATA_ANSWER: &str =
    r#"{"access_token":"t1.FAKE-metadata.FAKE-signature","expires_in":42617,"token_type":"Bearer"}"#;
pub(crate) const METADATA_URL: &str =
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token";

/// What yc prints.
pub(crate) const YC_TOKEN: &str = "t1.FAKE-yc.FAKE-signature";
pub(crate) const YC: &str = "/opt/yandex-cloud/bin/yc";

/// A machine where nothing is set, nobody answers and no program is installed, until a test says otherwise.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) environment: TestEnvironment,
    pub(crate) clock: TestClock,
    pub(crate) http: TestHttp,
    pub(crate) processes: TestProcesses,
    pub(crate) files: TestFiles,
    pub(crate) log: Log,
    pub(crate) endpoints: Endpoints,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            environment: TestEnvironment::empty(),
            clock: TestClock::new(),
            http: TestHttp::nobody(),
            processes: TestProcesses::new(|_| TestRun::Fail(std::io::ErrorKind::NotFound)),
            files: TestFiles::default(),
            log: Log::default(),
            endpoints: Endpoints::new(),
        }
    }

    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.environment.set(name, value);
        self
    }

    /// With endpoints that are given in code.
    pub(crate) fn at(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// Whoever is asked over HTTP answers by `rule`.
    pub(crate) fn answering(
        mut self,
        rule: impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static,
    ) -> Self {
        self.http = TestHttp::new(rule);
        self
    }

    /// Whoever is asked over HTTP answers the same.
    pub(crate) fn always(self, reply: TestReply) -> Self {
        self.answering(move |_, _| reply.clone())
    }

    /// As [`answering`](Self::answering), with a look at the options of the exchange.
    pub(crate) fn answering_with_options(
        mut self,
        rule: impl Fn(&http::Request<Vec<u8>>, HttpOptions, usize) -> TestReply + Send + Sync + 'static,
    ) -> Self {
        self.http = TestHttp::with_options(move |request, options, count| {
            std::future::ready(rule(request, options, count))
        });
        self
    }

    /// A yc on PATH that behaves by `rule`, and a person at the terminal.
    pub(crate) fn with_yc(mut self, rule: impl Fn(&Command) -> TestRun + Send + Sync + 'static) -> Self {
        self.files = TestFiles::new([(YC, "")]);
        self.processes = TestProcesses::new(rule);
        self.environment = self.environment.with_terminal();
        self.set("PATH", "/usr/bin:/opt/yandex-cloud/bin")
    }

    pub(crate) fn system(&self) -> System {
        System::real()
            .with_environment(self.environment.clone())
            .with_clock(self.clock.clone())
            .with_http(self.http.clone())
            .with_processes(self.processes.clone())
            .with_files(self.files.clone())
            .with_spawner(self.log.clone())
            .with_endpoints(self.endpoints.clone())
    }

    pub(crate) fn automatic(&self) -> Credentials {
        Automatic::new().with_system(self.system()).build()
    }

    pub(crate) fn with(&self, credentials: impl Into<Credentials>) -> Credentials {
        credentials.into().with_system(self.system())
    }
}

/// The header of credentials, as text.
pub(crate) fn header(credentials: &Credentials) -> String {
    let header = credentials.blocking().header().unwrap().unwrap();
    assert!(header.is_sensitive());
    header.to_str().unwrap().to_owned()
}

/// A yc that is logged in at the default endpoint.
pub(crate) fn logged_in(command: &Command) -> TestRun {
    match words(command).as_slice() {
        ["config", ..] => TestRun::prints("api.cloud.yandex.net:443\n"),
        _ => TestRun::prints(format!("{YC_TOKEN}\n")),
    }
}

pub(crate) fn words(command: &Command) -> Vec<&str> {
    command.arguments.iter().map(|word| word.to_str().unwrap()).collect()
}

/// Discovery at the public endpoint, and an IAM that answers `iam` to the exchange.
pub(crate) fn cloud(iam: TestReply) -> impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync {
    move |request, _| match request.uri().path() {
        "/endpoints" => {
            TestReply::status(200, r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#)
        }
        "/iam/v1/tokens" => iam.clone(),
        _ => TestReply::status(404, ""),
    }
}

pub(crate) fn exchanged() -> TestReply {
    TestReply::status(200, format!(r#"{{"iamToken":"{IAM_TOKEN}","expiresAt":"2026-11-24T12:00:00Z"}}"#))
}

/// What a thread came to; fails after ten seconds, where it would never end.
pub(crate) fn joined<T>(thread: JoinHandle<T>) -> T {
    let start = Instant::now();
    while !thread.is_finished() {
        assert!(start.elapsed() < secs(10), "a thread was waited for in vain");
        std::thread::yield_now();
    }
    thread.join().unwrap()
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the library has logged: on the fetch threads of one machine, and in [`Log::of`].
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The warnings alone.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.starts_with("WARN")).collect()
    }

    /// Runs `work` here with this log.
    pub(crate) fn of<T>(&self, work: impl FnOnce() -> T) -> T {
        // While there is but one log in the process, tracing asks that of the thread where an event first occurs
        // whether it is wanted, and holds to the answer: with none, the event would be lost to all others.
        static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [Dispatch::new(Self::default()), Dispatch::new(Self::default())]);
        tracing::dispatcher::with_default(&Dispatch::new(self.clone()), work)
    }
}

impl Spawner for Log {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        let log = self.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            log.of(|| runtime.block_on(work));
        });
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("yandex_cloud_auth")
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
