//! Where the token of the service account goes, over real sockets: to the API server of the cluster and nowhere else.

use test_support::http_server::{Reply, Server};
use test_support::log::Log;
use test_support::raw_server::{Authority, RawServer};
use test_support::system::isolated_system;
use test_support::wait::on_runtime;
use yandex_cloud_auth::system::SystemFiles;
use yandex_cloud_auth::testing::{TestClock, TestEnvironment};
use yandex_cloud_auth::{Credentials, System};
use yandex_cloud_auth_agent::{Agent, Config};

use super::api_server::ApiServer;
use super::{LISTEN, on_one_thread};
use crate::common::{Folder, ONE, tokens};

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The folder of a service account.
fn account(authority: &Authority) -> Folder {
    let folder = Folder::new();
    std::fs::write(folder.join("token"), ApiServer::account_token("a")).unwrap();
    std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    folder
}

/// A system with real sockets and files, and these variables.
fn system(variables: &[(&str, &str)], clock: &TestClock) -> System {
    isolated_system()
        .with_environment(TestEnvironment::new(variables.iter().copied()))
        .with_files(SystemFiles)
        .with_clock(clock.clone())
}

async fn agent(address: &str, account: &Folder, system: &System) -> Agent {
    let folder = account.path().display();
    let config = format!("{ONE}{LISTEN}api_server = \"{address}\"\nservice_account = \"{folder}\"\n");
    let credentials = Credentials::from_source(tokens()).with_system(system.clone());
    Agent::start(Config::parse(&config).unwrap(), |_| Ok(credentials.clone())).await.unwrap()
}

/// Waits until the log has a warning.
async fn warning(log: &Log) -> String {
    loop {
        if let Some(line) = log.warnings().into_iter().next() {
            return line;
        }
        tokio::task::yield_now().await;
    }
}

fn logged(log: &Log, work: impl Future<Output = ()>) {
    log.of(|| on_one_thread(work));
}

#[test]
fn an_api_server_with_a_certificate_of_the_cluster_gets_the_token() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    logged(&log, async {
        let authority = Authority::new("the cluster");
        let server = RawServer::tls(&authority.certify("127.0.0.1"), NOT_FOUND);
        let (clock, account) = (TestClock::new(), account(&authority));
        let address = format!("https://{}", server.address);
        let _agent = agent(&address, &account, &system(&[], &clock)).await;
        assert!(warning(&log).await.contains("HTTP 404"));
        let request = server.request().to_lowercase();
        assert!(
            request.starts_with("get /apis/coordination.k8s.io/v1/namespaces/apps/leases/yc-token "),
            "{request}"
        );
        assert!(request.contains("authorization: bearer fake-account-token-of-a\r\n"), "{request}");
    });
}

/// The authorities of the machine, here those of `SSL_CERT_FILE`, do not count.
#[test]
fn an_api_server_with_another_certificate_gets_nothing() {
    for expired in [false, true] {
        let log = Log::of_target("yandex_cloud_auth_agent");
        logged(&log, async {
            let (cluster, stranger) = (Authority::new("the cluster"), Authority::new("a public authority"));
            let identity = match expired {
                true => cluster.certify_expired("127.0.0.1"),
                false => stranger.certify("127.0.0.1"),
            };
            let server = RawServer::tls(&identity, NOT_FOUND);
            let (clock, account) = (TestClock::new(), account(&cluster));
            let trusted = account.join("public.pem");
            std::fs::write(&trusted, stranger.pem()).unwrap();
            let variables = [("SSL_CERT_FILE", trusted.to_str().unwrap())];
            let address = format!("https://{}", server.address);
            let _agent = agent(&address, &account, &system(&variables, &clock)).await;
            let line = warning(&log).await;
            assert!(line.contains("certificate") && line.contains("ca.crt"), "{line}");
            assert!(!server.received_request());
        });
    }
}

#[test]
fn a_proxy_and_a_redirect_get_nothing() {
    let log = Log::of_target("yandex_cloud_auth_agent");
    logged(&log, async {
        let authority = Authority::new("the cluster");
        let (clock, account) = (TestClock::new(), account(&authority));
        let proxy = RawServer::replying(NOT_FOUND);
        let proxied = format!("http://{}", proxy.address);
        let system = system(&[("HTTPS_PROXY", &proxied), ("ALL_PROXY", &proxied)], &clock);
        let _agent = agent("https://api-server.invalid:6443", &account, &system).await;
        assert!(warning(&log).await.contains("api-server.invalid"));
        assert!(!proxy.received_request());

        log.clear();
        let stranger = Server::always(Reply::status(200));
        let server = Server::always(Reply::redirect(&stranger.at("/")));
        let _agent = agent(&server.url(), &account, &system).await;
        assert!(warning(&log).await.contains("HTTP 307"));
        assert_eq!(
            (server.authorizations()[0].as_str(), stranger.connections()),
            ("Bearer fake-account-token-of-a", 0)
        );
    });
}

/// As behind `kubectl proxy`.
#[test]
fn a_token_is_written_over_plain_http_on_loopback() {
    on_runtime(async {
        let objects = ApiServer::new();
        let answered = objects.clone();
        let server = Server::start(move |request, _| {
            let (method, path) = request.line().split_once(' ').unwrap();
            let content = request.header("content-type").unwrap_or_default();
            let method = method.parse().unwrap();
            let (status, object) =
                answered.answer(&method, path, content, request.authorization(), &request.body);
            Reply::json(&object).with_status(status)
        });
        let (clock, account) = (TestClock::new(), account(&Authority::new("the cluster")));
        let agent = agent(&server.url(), &account, &system(&[], &clock)).await;
        while objects.token().is_none() {
            clock.advance(std::time::Duration::from_millis(200));
            tokio::task::yield_now().await;
        }
        assert_eq!(objects.token().as_deref(), Some("t1.fake.0"));
        agent.drain().await;
        assert_eq!(objects.holder(), "");
    });
}
