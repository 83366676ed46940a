//! An agent whose tokens a test controls.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use test_support::http_client::{Response, call, get};
use test_support::token_source::Source;
use test_support::wait::secs;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Error};
use yandex_cloud_auth_agent::{Agent, Config, IdentityConfig};

/// The header of every request to a metadata service.
pub(crate) const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");
pub(crate) const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// One identity, as most tests have it.
pub(crate) const ONE: &str = "[[identity]]\nname = \"one\"\nfolder = \"b1gfakefolder\"\n";

/// Tokens of 12 h.
pub(crate) fn tokens() -> Source {
    Source::living(secs(12 * 3600))
}

/// The credentials of every identity: those of a source, on a clock that a test moves.
pub(crate) fn of(
    source: &Source,
    clock: &TestClock,
) -> impl Fn(&IdentityConfig) -> Result<Credentials, Error> + use<> {
    let (source, clock) = (source.clone(), clock.clone());
    move |_| Ok(source.on_clock(&clock))
}

/// An agent with this configuration.
pub(crate) async fn start(config: &str, source: &Source, clock: &TestClock) -> Agent {
    let config = Config::parse(config).unwrap();
    Agent::start(config, of(source, clock)).await.unwrap()
}

/// An end of the agent that waits for clients longer than a test may last.
pub(crate) const LONG_DRAIN: &str = "drain_seconds = 3600\n";

/// An agent of one identity with a listener at a port that the system chooses, and the listener's address.
pub(crate) async fn listening(
    kind: &str,
    more: &str,
    source: &Source,
    clock: &TestClock,
) -> (Agent, SocketAddr) {
    let config =
        format!("{LONG_DRAIN}{ONE}[[listen]]\nkind = \"{kind}\"\naddress = \"127.0.0.1:0\"\n{more}\n");
    let agent = start(&config, source, clock).await;
    let address = agent.addresses()[0];
    (agent, address)
}

/// A request to a metadata service.
pub(crate) async fn ask(address: SocketAddr, path: &str) -> Response {
    get(&format!("http://{address}{path}"), &[FLAVOR]).await
}

/// The output of a future that waits for a token. The clock moves meanwhile.
pub(crate) async fn passing<T>(clock: &TestClock, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            output = work.as_mut() => return output,
            () = tokio::task::yield_now() => clock.advance(Duration::from_millis(10)),
        }
    }
}

/// A port of loopback that nobody uses now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A new folder, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("yc-auth-agent-{}-{count}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // A process of this number was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A service of a gateway in its configuration.
pub(crate) fn upstream(service: &str, prefix: &str) -> String {
    format!("[[listen.upstream]]\nhost = \"{service}\"\nprefix = \"{prefix}\"\n")
}

/// A gateway in front of a service on loopback.
pub(crate) struct Gateway {
    pub(crate) agent: Agent,
    pub(crate) address: SocketAddr,
    /// The key of the clients.
    pub(crate) key: String,
    _folder: Folder,
}

impl Gateway {
    /// A gateway that forwards `/v1/` to `service`, with more keys of the listener.
    pub(crate) async fn to(service: &str, more: &str, source: &Source, clock: &TestClock) -> Self {
        Self::with_credentials(service, more, of(source, clock)).await
    }

    /// As [`to`](Self::to), with these credentials.
    pub(crate) async fn with_credentials(
        service: &str,
        more: &str,
        credentials: impl Fn(&IdentityConfig) -> Result<Credentials, Error>,
    ) -> Self {
        let folder = Folder::new();
        let file = folder.join("gateway.key");
        let config = format!(
            "{ONE}[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.1:0\"\nkeys = [{{ file = \"{}\" }}]\n{more}\n{}",
            file.display(),
            upstream(service, "/v1/"),
        );
        let agent = Agent::start(Config::parse(&config).unwrap(), credentials).await.unwrap();
        let key = std::fs::read_to_string(file).unwrap();
        Self { address: agent.addresses()[0], agent, key, _folder: folder }
    }

    /// The header with the key.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.key)
    }

    /// The head of a request with the key and more header lines, without the empty line at its end.
    pub(crate) fn head(&self, method: &str, path: &str, lines: &str) -> String {
        let Self { address, key, .. } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n{lines}")
    }

    /// A request with the key.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let bearer = self.bearer();
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        call(method, &format!("http://{}{path}", self.address), &headers, body.to_owned()).await
    }

    /// A request with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Response {
        self.call("POST", path, &[("content-type", "application/json")], body).await
    }
}
