//! A system for each test: its own environment, transport, programs, files, clock and log.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a failure is a panic"
)]

use test_support::http_server::{Reply, Server};
use test_support::log::Log;
use test_support::system::{isolated_system, no_programs};
use test_support::token_source::Source;
use test_support::virtual_time::VirtualTime;
use test_support::wait::HOUR;
use yandex_cloud_auth::system::{Command, HttpOptions};
use yandex_cloud_auth::testing::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
use yandex_cloud_auth::{Automatic, Credentials, Endpoints, Error, System};

pub(crate) const IAM_TOKEN: &str = "t1.FAKE-body.FAKE-signature";
pub(crate) const OAUTH_TOKEN: &str = "y0_FAKE-oauth-token";
pub(crate) const API_KEY: &str = "AQVN-FAKE-api-key";

/// The token of the metadata service, and its response.
pub(crate) const METADATA_TOKEN: &str = "t1.FAKE-metadata.FAKE-signature";
pub(crate) const METADATA_ANSWER: &str =
    r#"{"access_token":"t1.FAKE-metadata.FAKE-signature","expires_in":42617,"token_type":"Bearer"}"#;
pub(crate) const METADATA_URL: &str =
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token";

/// The token that yc prints.
pub(crate) const YC_TOKEN: &str = "t1.FAKE-yc.FAKE-signature";
pub(crate) const YC: &str = "/opt/yandex-cloud/bin/yc";

/// A system without variables, network, files and programs, until a test adds them.
#[derive(Clone)]
pub(crate) struct TestSystem {
    pub(crate) environment: TestEnvironment,
    pub(crate) clock: TestClock,
    /// The time of the clock, for calls that wait.
    pub(crate) time: VirtualTime,
    pub(crate) http: TestHttp,
    pub(crate) processes: TestProcesses,
    pub(crate) files: TestFiles,
    pub(crate) log: Log,
    pub(crate) endpoints: Endpoints,
}

impl TestSystem {
    pub(crate) fn new() -> Self {
        let time = VirtualTime::new(0.0);
        Self {
            environment: TestEnvironment::empty(),
            clock: time.clock.clone(),
            time,
            http: TestHttp::unreachable(),
            processes: no_programs(),
            files: TestFiles::default(),
            log: Log::of_target("yandex_cloud_auth"),
            endpoints: Endpoints::new(),
        }
    }

    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Sets the endpoints, as code does.
    pub(crate) fn at(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// Every HTTP request gets the reply that `rule` computes.
    pub(crate) fn answering(
        mut self,
        rule: impl Fn(&http::Request<Vec<u8>>, usize) -> TestReply + Send + Sync + 'static,
    ) -> Self {
        self.http = TestHttp::new(rule);
        self
    }

    /// Every HTTP request gets the same reply.
    pub(crate) fn always(self, reply: TestReply) -> Self {
        self.answering(move |_, _| reply.clone())
    }

    /// As [`answering`](Self::answering). The rule also receives the options of the request.
    pub(crate) fn answering_with_options(
        mut self,
        rule: impl Fn(&http::Request<Vec<u8>>, HttpOptions, usize) -> TestReply + Send + Sync + 'static,
    ) -> Self {
        self.http = TestHttp::with_options(move |request, options, count| {
            std::future::ready(rule(request, options, count))
        });
        self
    }

    /// A yc on PATH that behaves as `rule` says, and an interactive terminal.
    pub(crate) fn with_yc(mut self, rule: impl Fn(&Command) -> TestRun + Send + Sync + 'static) -> Self {
        self.files = TestFiles::new([(YC, "")]);
        self.processes = TestProcesses::new(rule);
        self.environment = self.environment.with_terminal();
        self.set("PATH", "/usr/bin:/opt/yandex-cloud/bin")
    }

    pub(crate) fn system(&self) -> System {
        isolated_system()
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

    /// Credentials on this system, and their header: the time passes while the call waits.
    pub(crate) fn patient_header(
        &self,
        credentials: impl Into<Credentials>,
    ) -> (Credentials, Result<String, Error>) {
        let system = self.system().with_spawner(self.time.clone());
        let credentials = credentials.into().with_system(system);
        let header = self.log.of(|| self.time.run(credentials.header()));
        let header = header.map(|header| header.unwrap().to_str().unwrap().to_owned());
        (credentials, header)
    }

    pub(crate) fn with(&self, credentials: impl Into<Credentials>) -> Credentials {
        credentials.into().with_system(self.system())
    }
}

/// A yc that is logged in, with the default endpoint.
pub(crate) fn logged_in(command: &Command) -> TestRun {
    match words(command).as_slice() {
        ["config", ..] => TestRun::prints("api.cloud.yandex.net:443\n"),
        _ => TestRun::prints(format!("{YC_TOKEN}\n")),
    }
}

pub(crate) fn words(command: &Command) -> Vec<&str> {
    command.arguments.iter().map(|word| word.to_str().unwrap()).collect()
}

/// Discovery at the public endpoint, and an IAM that replies `iam` to a token exchange.
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

/// A reqwest client for servers on loopback.
pub(crate) fn loopback_client() -> reqwest::Client {
    // The provider can be installed once in a process. Another test may have installed the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A source of tokens that are valid for an hour, and credentials with this source.
pub(crate) fn fetched() -> (Source, Credentials) {
    let source = Source::living(HOUR);
    let credentials = source.on_clock(&TestClock::new());
    (source, credentials)
}

/// A server that refuses the first token of a source.
pub(crate) fn refusing_first_token() -> Server {
    Server::start(|request, _| {
        let refused = request.authorization() == "Bearer t1.fake.0";
        Reply::status(if refused { 401 } else { 200 })
    })
}
