//! A Secret of Kubernetes that one of several agents writes: at an API server of the tests, and on a test clock.

mod api_server;
mod connection;
mod failures;
mod fleet;
mod holders;
mod writes;

use std::time::Duration;

use test_support::system::empty_system;
use test_support::token_source::{InStep, Source};
use test_support::wait::secs;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment, TestFiles};
use yandex_cloud_auth::{Credentials, Error, System};
use yandex_cloud_auth_agent::{Agent, Config, IdentityConfig};

use self::api_server::ApiServer;
use crate::common::{ONE, tokens};

/// How long a test may take in real time. Only a test that fails takes that long.
const LIMIT: Duration = Duration::from_secs(120);

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The listener of most tests.
const LISTEN: &str = "[[listen]]\nkind = \"kubernetes-secret\"\nnamespace = \"apps\"\nname = \"yc-token\"\n";

/// A cluster, a source of tokens, and a clock for all of them. Clones share them.
#[derive(Clone)]
pub(crate) struct Cluster {
    server: ApiServer,
    source: Source,
    clock: TestClock,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self { server: ApiServer::new(), source: tokens(), clock: TestClock::new() }
    }

    /// The system of a pod.
    fn system(&self, pod: &str) -> System {
        let environment = TestEnvironment::new([
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("HOSTNAME", pod),
        ]);
        empty_system(&self.clock)
            .with_environment(environment)
            .with_files(TestFiles::new([(ACCOUNT, ApiServer::account_token(pod) + "\n")]))
            .with_http(self.server.clone())
            .with_spawner(InStep)
    }

    /// The credentials of an agent in a pod.
    fn credentials(&self, pod: &str) -> impl Fn(&IdentityConfig) -> Result<Credentials, Error> {
        let (source, system) = (self.source.clone(), self.system(pod));
        move |_| Ok(Credentials::from_source(source.clone()).with_system(system.clone()))
    }

    /// An agent in a pod.
    async fn agent(&self, pod: &str) -> Agent {
        self.agent_with(pod, "").await
    }

    pub(crate) async fn agent_with(&self, pod: &str, more: &str) -> Agent {
        let config = Config::parse(&format!("{ONE}{LISTEN}{more}")).unwrap();
        let agent = Agent::start(config, self.credentials(pod)).await.unwrap();
        self.settle().await;
        agent
    }

    /// Lets every task do what it can do now. There is one thread, and nothing waits for a socket.
    async fn settle(&self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass. The agents look at the Lease every 5 s.
    pub(crate) async fn pass(&self, duration: Duration) {
        let step = secs(1);
        let mut left = duration;
        while !left.is_zero() {
            self.clock.advance(step.min(left));
            left = left.saturating_sub(step);
            self.settle().await;
        }
    }
}

/// Runs a test on one thread, so that every run has the same order.
pub(crate) fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, work).await.expect("the test ends in time") })
}
