//! The program of a scenario: its processes, their credentials, and the outcome of each step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use test_support::system::isolated_system;
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::{TestCacheStore, TestEnvironment, TestFiles};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, Error, HeaderOptions, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, NoAuth, OAuthTokenAuth, ProfileAuth, RevokeOptions,
    ServiceAccountKeyAuth, Snapshot, System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};

use super::format::{Action, CacheState, Expect, Scenario, Span, Step};
use super::world::{OfProcess, World, seconds};

const YC: &str = "/usr/bin/yc";

/// What a step had for its caller.
pub(super) enum Got {
    Token(u64),
    /// A token that is past its end.
    DeadToken(u64),
    Key(String),
    Anonymous,
    Nothing,
    Left,
    Changed(bool),
    Done,
    Error(Error),
}

impl fmt::Display for Got {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(number) => write!(formatter, "token {number}"),
            Self::DeadToken(number) => write!(formatter, "token {number}, which has expired"),
            Self::Key(key) => write!(formatter, "the key {key}"),
            Self::Anonymous => formatter.write_str("no header, as for the method `none`"),
            Self::Nothing => formatter.write_str("nothing yet"),
            Self::Left => formatter.write_str("the caller left first"),
            Self::Changed(changed) => write!(formatter, "changed: {changed}"),
            Self::Done => formatter.write_str("done"),
            Self::Error(error) => write!(formatter, "error {}: {error}", error.kind().name()),
        }
    }
}

pub(super) struct Program {
    pub(super) world: World,
    scenario: Scenario,
    environment: TestEnvironment,
    files: TestFiles,
    store: TestCacheStore,
    processes: RefCell<BTreeMap<String, Credentials>>,
    /// The last snapshot with each token, which a program keeps beside its request.
    snapshots: RefCell<BTreeMap<u64, Snapshot>>,
    pub(super) leaks: RefCell<Vec<String>>,
}

impl Program {
    pub(super) fn new(scenario: &Scenario, world: World) -> Self {
        let surroundings = &scenario.environment;
        let expanded = |(name, text): (&String, &String)| (name.clone(), world.expand(text));
        let mut environment = TestEnvironment::new(surroundings.variables.iter().map(expanded));
        let files = TestFiles::new(surroundings.files.iter().map(expanded));
        if surroundings.yc {
            environment.set("PATH", "/usr/bin");
            files.write(YC, "");
        }
        if surroundings.terminal {
            environment = environment.with_terminal();
        }
        let store = TestCacheStore::default();
        let (processes, snapshots, leaks) = Default::default();
        Self { world, scenario: scenario.clone(), environment, files, store, processes, snapshots, leaks }
    }

    fn system(&self, process: &str) -> System {
        let of_process = OfProcess { world: self.world.clone(), process: process.to_owned() };
        let mut endpoints = Endpoints::new();
        let given = &self.scenario.endpoints;
        if let Some(api) = &given.api {
            endpoints = endpoints.api(api);
        }
        if let Some(iam) = &given.iam {
            endpoints = endpoints.iam(iam);
        }
        if let Some(oauth) = &given.oauth {
            endpoints = endpoints.oauth(oauth);
        }
        let system = isolated_system()
            .with_environment(self.environment.clone())
            .with_clock(self.world.time.clock.clone())
            .with_files(self.files.clone())
            .with_http(of_process.clone())
            .with_processes(of_process)
            .with_spawner(self.world.time.clone())
            .with_endpoints(endpoints);
        if self.scenario.shared_cache { system.with_shared_cache(self.store.clone()) } else { system }
    }

    fn new_credentials(&self, process: &str) -> Credentials {
        let credentials: Credentials = match self.scenario.method.as_str() {
            "automatic" if self.scenario.lenient => Automatic::new().lenient().into(),
            "automatic" => Automatic::new().into(),
            "api-key" => ApiKeyAuth::from_env().into(),
            "iam-token" => IamTokenAuth::from_env().into(),
            "oauth-token" => OAuthTokenAuth::from_env().into(),
            "service-account-key" => ServiceAccountKeyAuth::from_env().into(),
            "workload-identity" => WorkloadIdentityAuth::from_env().into(),
            "token-file" => TokenFileAuth::from_env().into(),
            "metadata" => MetadataAuth::new().into(),
            "env-iam-token" => EnvIamTokenAuth::new().into(),
            "yandex-cloud-cli" => YandexCloudCliAuth::new().into(),
            "profile" => ProfileAuth::new().into(),
            "none" => NoAuth::new().into(),
            other => panic!("there is no method `{other}`"),
        };
        let credentials = match &self.scenario.impersonate {
            Some(account) => ImpersonationAuth::new(account, credentials).into(),
            None => credentials,
        };
        credentials.with_system(self.system(process))
    }

    pub(super) fn credentials(&self, process: &str) -> Credentials {
        let mut processes = self.processes.borrow_mut();
        let make = || self.new_credentials(process);
        processes.entry(process.to_owned()).or_insert_with(make).clone()
    }

    /// Ends all processes.
    pub(super) fn end(&self) {
        self.processes.borrow_mut().clear();
        self.world.time.pass(std::time::Duration::ZERO);
    }

    /// The outcome of a step.
    pub(super) async fn perform(&self, step: &Step) -> Got {
        let process = step.process.as_deref().unwrap_or("main");
        let clock = &self.world.time.clock;
        let text = |text: &Option<String>| self.world.expand(text.as_deref().unwrap_or_default());
        let by = || seconds(step.seconds.unwrap_or_default());
        match step.action {
            Action::Header => return self.header(step, process).await,
            Action::Try => {
                let credentials = self.credentials(process);
                return match credentials.try_header() {
                    None => Got::Nothing,
                    Some(header) => self.got(header.map(|_| credentials.snapshot())),
                };
            }
            Action::Select => {
                if let Err(error) = self.credentials(process).select().await {
                    return self.got(Err(error));
                }
            }
            Action::Refuse => {
                let number = step.token.unwrap_or_default();
                let snapshot = self.snapshots.borrow().get(&number).cloned();
                let snapshot = snapshot.unwrap_or_else(|| panic!("no call got token {number}"));
                return Got::Changed(self.credentials(process).invalidate(&snapshot));
            }
            Action::Revoke => {
                if let Err(error) = self.credentials(process).revoke(RevokeOptions::new()).await {
                    return self.got(Err(error));
                }
            }
            Action::Prewarm => self.credentials(process).prewarm(),
            Action::Drop => drop(self.processes.borrow_mut().remove(process)),
            Action::Restart => {
                let new = self.new_credentials(process);
                drop(self.processes.borrow_mut().insert(process.to_owned(), new));
            }
            Action::Suspend => {
                self.world.suspended(by().as_secs_f64());
                clock.suspend(by());
            }
            Action::SetWallForward => clock.set_wall_forward(by()),
            Action::SetWallBack => clock.set_wall_back(by()),
            Action::Reboot => clock.reboot(),
            Action::Set => self.environment.set(text(&step.name), text(&step.value)),
            Action::Unset => self.environment.remove(&text(&step.name)),
            Action::Write => self.files.write(text(&step.path), text(&step.content)),
            Action::Remove => self.files.remove(text(&step.path)),
            Action::Cache => {
                let (all, writes) = match step.state {
                    Some(CacheState::Fails) => (Some(std::io::ErrorKind::PermissionDenied), None),
                    Some(CacheState::Full) => (None, Some(std::io::ErrorKind::StorageFull)),
                    _ => (None, None),
                };
                self.store.fail(all);
                self.store.fail_writes(writes);
            }
        }
        Got::Done
    }

    async fn header(&self, step: &Step, process: &str) -> Got {
        let credentials = self.credentials(process);
        let call = async {
            let mut options = HeaderOptions::new();
            if let Some(deadline) = step.deadline {
                options = options.deadline(seconds(deadline));
            }
            if let Some(life) = step.min_ttl {
                options = options.min_ttl(seconds(life));
            }
            // The call without options has a path of its own.
            if options == HeaderOptions::new() {
                return credentials.header().await.map(|_| credentials.snapshot());
            }
            credentials.get(options).await.map(Some)
        };
        let Some(patience) = step.leaves else { return self.got(call.await) };
        let mut leaves = self.world.time.clock.sleep(seconds(patience));
        let mut call = std::pin::pin!(call);
        std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(header) = call.as_mut().poll(context) {
                return std::task::Poll::Ready(self.got(header));
            }
            leaves.as_mut().poll(context).map(|()| Got::Left)
        })
        .await
    }

    fn got(&self, snapshot: Result<Option<Snapshot>, Error>) -> Got {
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot.expect("a call that got a header has a snapshot"),
            Err(error) => {
                self.look_for_leaks(&format!("{error} {error:?} {:?} {:?}", error.help(), error.report()));
                return Got::Error(error);
            }
        };
        let Some(header) = snapshot.header() else { return Got::Anonymous };
        assert!(header.is_sensitive(), "a header is marked as sensitive");
        let header = header.to_str().unwrap();
        if let Some(key) = header.strip_prefix("Api-Key ") {
            return Got::Key(key.to_owned());
        }
        let token = header.strip_prefix("Bearer ").expect("a header has a scheme");
        let number =
            self.world.token_number(token).unwrap_or_else(|| panic!("nobody gave the token {token}"));
        self.snapshots.borrow_mut().insert(number, snapshot);
        if self.world.is_alive(number) { Got::Token(number) } else { Got::DeadToken(number) }
    }

    /// Law 7: no error and no report shows a secret.
    pub(super) fn look_for_leaks(&self, text: &str) {
        let variables = self.scenario.environment.variables.values();
        let mut secrets = variables.filter(|value| value.contains("SECRET"));
        if text.contains(&self.world.token_mark()) || secrets.any(|secret| text.contains(secret)) {
            self.leaks.borrow_mut().push(format!("law 7: a secret is shown: {text}"));
        }
    }
}

impl Expect {
    /// The difference from what a step had, or `None`.
    pub(super) fn difference(&self, got: &Got, waited: f64, under_way: usize) -> Option<String> {
        let wait = self.wait.unwrap_or(Span::ZERO);
        let is_expected = match got {
            Got::Token(number) => self.token == Some(*number),
            Got::DeadToken(_) => false,
            Got::Key(key) => self.key.as_ref() == Some(key),
            Got::Anonymous => self.anonymous,
            Got::Nothing => self.nothing,
            Got::Left => self.left,
            Got::Changed(changed) => self.changed == Some(*changed),
            Got::Done => self.done || self.under_way.is_some(),
            Got::Error(error) => {
                self.error.as_deref() == Some(error.kind().name())
                    && self.says.as_ref().is_none_or(|words| says(error).contains(words))
                    && self.retry_after.is_none_or(|wait| error.retry_after() == Some(seconds(wait)))
            }
        };
        let counts = self.under_way.is_none_or(|expected| expected == under_way);
        (!is_expected || !wait.has(waited) || !counts).then(|| {
            let requests = if counts { String::new() } else { format!(", {under_way} requests under way") };
            format!("expected {self} after {wait} s, got {got} after {waited} s{requests}")
        })
    }
}

/// The line of an error, with its help.
fn says(error: &Error) -> String {
    format!("{error} ({})", error.help().unwrap_or_default())
}

impl fmt::Display for Expect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            self.token.map(|number| format!("token {number}")),
            self.key.as_ref().map(|key| format!("the key {key}")),
            self.anonymous.then(|| "no header".to_owned()),
            self.nothing.then(|| "nothing yet".to_owned()),
            self.left.then(|| "that the caller leaves first".to_owned()),
            self.done.then(|| "done".to_owned()),
            self.changed.map(|changed| format!("changed: {changed}")),
            self.error.as_ref().map(|kind| format!("error {kind}")),
            self.says.as_ref().map(|words| format!("that says `{words}`")),
            self.retry_after.map(|wait| format!("to retry after {wait} s")),
            self.under_way.map(|count| format!("{count} requests under way")),
        ];
        formatter.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}
