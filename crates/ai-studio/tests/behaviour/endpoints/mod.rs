//! The endpoint of the builder holds for every method. A system records each request and command, at all installations.

mod credentials;
mod methods;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use yandex_ai_studio_sdk::auth::system::Command;
use yandex_ai_studio_sdk::auth::testing::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
use yandex_ai_studio_sdk::auth::{Automatic, Credentials, ImpersonationAuth, OAuthTokenAuth, System};
use yandex_cloud_emulator::Emulator;

const OAUTH_TOKEN: &str = "y0_FAKE-oauth-token";
const OTHER_ACCOUNT: &str = "ajefake0account00002";
const SUBJECT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.FAKE-signature";
const KEY_FILE: &str = "/etc/key.json";
const CONFIG_FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";
const YC: &str = "/opt/yandex-cloud/bin/yc";

static KEY: LazyLock<String> =
    LazyLock::new(|| Emulator::start_in_thread().unwrap().service_account_key().unwrap());

/// Each token is different, because a revoked token is refused in the whole process.
fn new_token() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("t1.FAKE-sdk-endpoints-{}.x", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A system whose every request and command is recorded. All installations respond, so that a request to the wrong one
/// succeeds and shows in the record.
struct Recorder {
    environment: TestEnvironment,
    http: TestHttp,
    processes: TestProcesses,
    files: TestFiles,
}

impl Recorder {
    /// `yc_endpoint` is the endpoint in the configuration of the yc CLI.
    fn new(yc_endpoint: &'static str, variables: &[(&str, &str)]) -> Self {
        let environment = TestEnvironment::new([
            ("HOME", "/home/me"),
            ("USERPROFILE", "/home/me"),
            ("PATH", "/usr/bin:/opt/yandex-cloud/bin"),
            ("SUBJECT", SUBJECT),
        ])
        .with_terminal();
        for (name, value) in variables {
            environment.set(name, value);
        }
        let processes = TestProcesses::new(move |command| match arguments(command).as_slice() {
            ["config", "get", "endpoint", ..] => TestRun::prints(format!("{yc_endpoint}\n")),
            _ => TestRun::prints(format!("{}\n", new_token())),
        });
        let profile = format!("current: default\nprofiles:\n  default:\n    token: {OAUTH_TOKEN}\n");
        let files = TestFiles::new([(YC, ""), (KEY_FILE, KEY.as_str()), (CONFIG_FILE, profile.as_str())]);
        Self { environment, http: TestHttp::new(|request, _| reply(request)), processes, files }
    }

    fn system(&self) -> System {
        System::real()
            .with_clock(TestClock::new())
            .with_environment(self.environment.clone())
            .with_http(self.http.clone())
            .with_processes(self.processes.clone())
            .with_files(self.files.clone())
    }

    /// The hosts that received a request. Also checks that each command that fetches a token names the endpoint.
    fn hosts(&self, api: &str) -> BTreeSet<String> {
        for command in self.processes.commands() {
            let words = arguments(&command);
            if words.first() == Some(&"iam") {
                let endpoint = words.iter().position(|word| *word == "--endpoint").map(|at| words[at + 1]);
                assert_eq!(endpoint, Some(&*format!("{api}:443")), "{words:?}");
            }
        }
        let requests = self.http.requests();
        requests.iter().map(|request| request.split('/').nth(2).unwrap().to_owned()).collect()
    }
}

fn arguments(command: &Command) -> Vec<&str> {
    command.arguments.iter().map(|word| word.to_str().unwrap()).collect()
}

fn reply(request: &http::Request<Vec<u8>>) -> TestReply {
    let host = request.uri().host().unwrap();
    let token = new_token();
    let body = match request.uri().path() {
        "/endpoints" => format!(r#"{{"endpoints":[{{"id":"iam","address":"iam.{host}:443"}}]}}"#),
        "/iam/v1/tokens" | "/iam/v1/tokens:createForServiceAccount" => {
            format!(r#"{{"iamToken":"{token}","expiresAt":"2026-11-24T12:00:00Z"}}"#)
        }
        "/iam/v1/tokens:revoke" => "{}".to_owned(),
        "/oauth/token" => {
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":43200}}"#)
        }
        _ => return TestReply::status(404, ""),
    };
    TestReply::status(200, body)
}

fn oauth() -> OAuthTokenAuth {
    OAuthTokenAuth::new(OAUTH_TOKEN).unwrap()
}

fn over(credentials: impl Into<Credentials>) -> ImpersonationAuth {
    ImpersonationAuth::new(OTHER_ACCOUNT, credentials)
}

fn without_metadata() -> Automatic {
    Automatic::new().without("metadata").unwrap()
}
