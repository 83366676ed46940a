//! The endpoint of the builder holds for every method: no request, no secret and no command goes to another
//! installation, and `verify` and `system` reach every method.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture::{FOLDER, test_system};
use yandex_ai_studio_sdk::auth::system::Command;
use yandex_ai_studio_sdk::auth::testing::{
    TestClock, TestEnvironment, TestFiles, TestHttp, TestProcesses, TestReply, TestRun,
};
use yandex_ai_studio_sdk::auth::{
    self, ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, FunctionAuth, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, Method, NoAuth, OAuthTokenAuth, ProfileAuth, RevokeOptions,
    ServiceAccountKeyAuth, SubjectToken, System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, ErrorKind, RetryPolicy, Verify};
use yandex_cloud_emulator::Emulator;

const OAUTH_TOKEN: &str = "y0_FAKE-oauth-token";
const ACCOUNT: &str = "ajefake0account00001";
const OTHER_ACCOUNT: &str = "ajefake0account00002";
const SUBJECT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.FAKE-signature";
const KEY_FILE: &str = "/etc/key.json";
const CONFIG_FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";
const YC: &str = "/opt/yandex-cloud/bin/yc";

/// Another installation of Yandex Cloud, and a host outside Yandex Cloud.
const APIS: [&str; 2] = ["api.yandexcloud.kz", "api.corp.example"];

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

fn workload_identity() -> WorkloadIdentityAuth {
    WorkloadIdentityAuth::new(ACCOUNT, SubjectToken::variable("SUBJECT"))
}

fn over(credentials: impl Into<Credentials>) -> ImpersonationAuth {
    ImpersonationAuth::new(OTHER_ACCOUNT, credentials)
}

fn without_metadata() -> Automatic {
    Automatic::new().without("metadata").unwrap()
}

/// A way to authenticate: its name, the variables that it needs, and the option.
type Way = (&'static str, &'static [(&'static str, &'static str)], fn(AiStudioBuilder) -> AiStudioBuilder);

/// Every method that exchanges a secret: as a method, as a string, by automatic selection, as credentials.
const WAYS: [Way; 21] = [
    ("OAuth, method", &[], |builder| builder.auth(oauth())),
    ("OAuth, string", &[], |builder| builder.auth(OAUTH_TOKEN)),
    ("OAuth, credentials", &[], |builder| builder.auth(Credentials::from(oauth()))),
    ("OAuth, automatic", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)], |builder| builder),
    ("OAuth, selection", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)], |builder| builder.auth(without_metadata())),
    ("key, method", &[], |builder| builder.auth(ServiceAccountKeyAuth::new(&*KEY).unwrap())),
    ("key file, method", &[], |builder| builder.auth(ServiceAccountKeyAuth::from_file(KEY_FILE))),
    ("key, string", &[], |builder| builder.auth(&*KEY)),
    ("key, automatic", &[("YC_SERVICE_ACCOUNT_KEY_FILE", KEY_FILE)], |builder| builder),
    ("workload identity, method", &[], |builder| builder.auth(workload_identity())),
    (
        "workload identity, automatic",
        &[("YC_OIDC_TOKEN", SUBJECT), ("YC_SERVICE_ACCOUNT_ID", ACCOUNT)],
        |builder| builder,
    ),
    ("profile, method", &[], |builder| builder.auth(ProfileAuth::new())),
    ("yc, method", &[], |builder| builder.auth(YandexCloudCliAuth::new())),
    ("yc, selection", &[], |builder| builder.auth(without_metadata())),
    ("impersonation over a token", &[], |builder| {
        builder.auth(over(IamTokenAuth::new(new_token()).unwrap()))
    }),
    ("impersonation over OAuth", &[], |builder| builder.auth(over(oauth()))),
    ("impersonation over workload identity", &[], |builder| builder.auth(over(workload_identity()))),
    ("impersonation over a profile", &[], |builder| builder.auth(over(ProfileAuth::new()))),
    ("impersonation over yc", &[], |builder| builder.auth(over(YandexCloudCliAuth::new()))),
    ("impersonation, automatic", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)], |builder| {
        builder.auth(over(Credentials::automatic()))
    }),
    ("nested impersonation", &[], |builder| builder.auth(over(ImpersonationAuth::new(ACCOUNT, oauth())))),
];

#[tokio::test]
async fn no_request_and_no_command_goes_to_another_installation() {
    let variables = [("YC_API_ENDPOINT", "api.cloud.yandex.net"), ("YC_OAUTH_ENDPOINT", "auth.yandex.cloud")];
    for api in APIS {
        let oauth_host = format!("auth.{api}");
        let own = BTreeSet::from([api.to_owned(), format!("iam.{api}"), oauth_host.clone()]);
        for (name, own_variables, auth) in WAYS {
            for (place, in_code) in [("in code", true), ("in a variable", false)] {
                let recorder = Recorder::new(api, own_variables);
                let mut builder = AiStudio::builder().folder_id(FOLDER);
                if in_code {
                    // The endpoint in code takes precedence over the environment.
                    variables.iter().for_each(|(name, value)| recorder.environment.set(name, value));
                    let endpoints = Endpoints::new().oauth(&*oauth_host);
                    builder = builder.system(recorder.system().with_endpoints(endpoints)).endpoint(api);
                } else {
                    recorder.environment.set("YC_API_ENDPOINT", api);
                    recorder.environment.set("YC_OAUTH_ENDPOINT", &oauth_host);
                    builder = builder.system(recorder.system());
                }
                let sdk = auth(builder).build().unwrap();
                let header = sdk.credentials().header().await.unwrap().unwrap();
                assert!(header.to_str().unwrap().starts_with("Bearer t1."), "{name}, {api} {place}");
                sdk.credentials().revoke(RevokeOptions::new()).await.unwrap();
                let hosts = recorder.hosts(api);
                assert!(hosts.contains(&format!("iam.{api}")), "{name}, {api} {place}: {hosts:?}");
                assert!(hosts.is_subset(&own), "{name}, {api} {place}: {hosts:?}");
            }
        }
    }
}

#[tokio::test]
async fn credentials_of_another_endpoint_are_refused_at_build_where_the_code_names_both() {
    let recorder = Recorder::new("", &[]);
    let other = recorder.system().with_endpoints(Endpoints::new().api("api.yandexcloud.kz"));
    let build = |endpoint: &str, credentials: Credentials| {
        AiStudio::builder().system(recorder.system()).endpoint(endpoint).auth(credentials).build()
    };
    for credentials in [
        Credentials::from(oauth()).with_system(other.clone()),
        Credentials::from(over(oauth())).with_system(other.clone()),
        without_metadata().with_system(other.clone()).build(),
    ] {
        let error = build("api.corp.example", credentials.clone()).unwrap_err();
        assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{error}");
        assert!(error.to_string().contains("api.yandexcloud.kz") && error.help().is_some(), "{error}");
        build("https://api.yandexcloud.kz:443", credentials).unwrap();
    }
    assert!(recorder.http.requests().is_empty());
}

#[tokio::test]
async fn credentials_of_another_endpoint_are_refused_by_the_first_call_otherwise() {
    for (variable, endpoint) in [("", Some("api.corp.example")), ("api.yandexcloud.kz", None)] {
        let recorder = Recorder::new("", &[("YC_API_ENDPOINT", variable), ("YC_OAUTH_TOKEN", OAUTH_TOKEN)]);
        let own = recorder.system().with_endpoints(Endpoints::new().api("api.cloud.yandex.net"));
        let own = if endpoint.is_some() { recorder.system() } else { own };
        for credentials in [
            Credentials::from(oauth()).with_system(own.clone()),
            Credentials::from(over(Credentials::from(oauth()).with_system(own.clone()))),
            without_metadata().with_system(own.clone()).build(),
        ] {
            let mut builder =
                AiStudio::builder().folder_id(FOLDER).system(recorder.system()).auth(credentials);
            if let Some(endpoint) = endpoint {
                builder = builder.endpoint(endpoint);
            }
            let builder = builder.retry_policy(RetryPolicy::none());
            let sdk = builder.service_map([("http_completions", "http://127.0.0.1:1")]).build().unwrap();
            let call = sdk.chat().models().await.unwrap_err();
            let http = sdk.http().await.unwrap_err();
            for error in [call, http] {
                assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
                assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{error}");
            }
        }
        let requests = recorder.http.requests();
        // Impersonation learns its installation with the first token, which goes to that installation alone.
        assert!(requests.iter().all(|request| request.contains("api.cloud.yandex.net")), "{requests:?}");
    }
}

/// The configuration of yc names another installation, and nothing else names one.
#[tokio::test]
async fn credentials_of_a_profile_of_another_installation_are_refused() {
    let profile = |recorder: &Recorder| {
        let config = format!(
            "current: default\nprofiles:\n  default:\n    token: {OAUTH_TOKEN}\n    endpoint: api.yandexcloud.kz:443\n"
        );
        recorder.system().with_files(TestFiles::new([(YC, ""), (CONFIG_FILE, &*config)]))
    };
    let slot = |method: &str, auth: ProfileAuth| without_metadata().replace(method, auth).unwrap().build();
    let over_slot = over(slot("yandex-cloud-cli", ProfileAuth::new()));
    for (name, credentials) in [
        ("profile", Credentials::from(ProfileAuth::new())),
        ("profile, selection", slot("yandex-cloud-cli", ProfileAuth::new())),
        ("impersonation over a profile", Credentials::from(over(ProfileAuth::new()))),
        ("impersonation over a selection", Credentials::from(over_slot)),
        ("yc", Credentials::from(YandexCloudCliAuth::new())),
        ("impersonation over yc", Credentials::from(over(YandexCloudCliAuth::new()))),
    ] {
        let recorder = Recorder::new("api.yandexcloud.kz:443", &[]);
        let sdk = AiStudio::builder().system(profile(&recorder)).auth(credentials.clone()).build().unwrap();
        let error = sdk.http().await.map(drop).expect_err(name);
        assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{name}: {error}");
        assert!(error.to_string().contains("api.yandexcloud.kz"), "{name}: {error}");
        let alone = credentials.with_system(profile(&recorder));
        alone.revoke(RevokeOptions::new()).await.unwrap();
        let requests = recorder.http.requests();
        assert!(requests.iter().any(|request| request.ends_with(":revoke")), "{name}: {requests:?}");
        assert!(requests.iter().all(|request| request.contains("yandexcloud.kz/")), "{name}: {requests:?}");
    }
}

#[tokio::test]
async fn credentials_with_an_iam_of_another_installation_are_refused() {
    let recorder = Recorder::new("", &[("YC_OAUTH_TOKEN", OAUTH_TOKEN)]);
    let with_iam = |iam: &str| recorder.system().with_endpoints(Endpoints::new().iam(iam));
    let foreign = with_iam("iam.api.yandexcloud.kz");
    let open = |system: System, credentials: Credentials| async move {
        let sdk = AiStudio::builder().folder_id(FOLDER).system(system).auth(credentials).build().unwrap();
        sdk.http().await.map(drop)
    };
    for credentials in [
        Credentials::from(oauth()).with_system(foreign.clone()),
        Credentials::from(over(Credentials::from(oauth()).with_system(foreign.clone()))),
        without_metadata().with_system(foreign.clone()).build(),
    ] {
        let error = open(recorder.system(), credentials.clone()).await.unwrap_err();
        assert_eq!(error.auth().unwrap().kind(), auth::ErrorKind::Blocked, "{error}");
        assert!(error.to_string().contains("iam.api.yandexcloud.kz"), "{error}");
        // The code has given the SDK the same IAM.
        open(foreign.clone(), credentials).await.unwrap();
    }
    let own = Credentials::from(oauth()).with_system(with_iam("iam.api.cloud.yandex.net"));
    open(recorder.system(), own).await.unwrap();
}

#[tokio::test]
async fn credentials_that_exchange_nothing_fit_every_endpoint() {
    let recorder = Recorder::new("", &[]);
    let system = recorder.system();
    for credentials in [
        Credentials::from(ApiKeyAuth::new("AQVN-fake").unwrap()),
        Credentials::from(IamTokenAuth::new(new_token()).unwrap()),
        Credentials::from(NoAuth::new()),
    ] {
        let sdk = AiStudio::builder()
            .system(system.clone())
            .endpoint("api.corp.example")
            .auth(credentials.with_system(system.clone()))
            .build()
            .unwrap();
        sdk.http().await.unwrap();
    }
}

#[test]
fn a_system_with_another_endpoint_is_refused() {
    let system = test_system([]).with_endpoints(Endpoints::new().api("api.yandexcloud.kz"));
    let builder = AiStudio::builder().auth("AQVN-fake").system(system);
    let error = builder.clone().endpoint("api.corp.example").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    builder.endpoint("api.yandexcloud.kz:443").build().unwrap();
}

#[test]
fn credentials_are_shared_unless_the_sdk_has_a_system_of_its_own() {
    let credentials = Credentials::automatic();
    let shared = AiStudio::builder().auth(credentials.clone()).build().unwrap();
    let copied =
        AiStudio::builder().system(test_system([("YC_API_KEY", "AQVN-fake")])).auth(credentials.clone());
    let copied = copied.build().unwrap();
    copied.credentials().blocking().header().unwrap();
    assert_eq!(copied.credentials().method(), Some(Method::ApiKey));
    assert_eq!((shared.credentials().method(), credentials.method()), (None, None));
}

/// Every method, with a certificate authority that only `verify` knows.
#[tokio::test]
async fn verify_and_system_reach_every_method() {
    let emulator = Emulator::builder().tls(true).folder_id(FOLDER).start().await.unwrap();
    let (metadata, iam_token) = (emulator.metadata_addr().to_string(), emulator.iam_token().unwrap());
    let (subject, function_token) = (emulator.oidc_token().unwrap(), emulator.iam_token().unwrap());
    let profile = format!("current: default\nprofiles:\n  default:\n    token: {}\n", emulator.oauth_token());
    let token_file = emulator.iam_token().unwrap();
    let files = TestFiles::new([
        (YC, ""),
        (KEY_FILE, &*emulator.service_account_key().unwrap()),
        (CONFIG_FILE, &*profile),
        ("/run/token", &*token_file),
    ]);
    let yc_token = emulator.iam_token().unwrap();
    let endpoint = emulator.api_addr().to_string();
    let yc_endpoint = endpoint.clone();
    let processes = TestProcesses::new(move |command| match arguments(command).as_slice() {
        ["config", "get", "endpoint", ..] => TestRun::prints(format!("{yc_endpoint}\n")),
        _ => TestRun::prints(format!("{yc_token}\n")),
    });
    let environment = TestEnvironment::new([
        ("SSL_CERT_FILE", "/nonexistent"),
        ("YC_METADATA_ADDR", &metadata),
        ("YC_TOKEN", &iam_token),
        ("SUBJECT", &subject),
        ("HOME", "/home/me"),
        ("USERPROFILE", "/home/me"),
        ("PATH", "/opt/yandex-cloud/bin"),
    ]);
    let system = System::real()
        .with_environment(environment.with_terminal())
        .with_files(files)
        .with_processes(processes)
        .with_endpoints(Endpoints::new().oauth(&*endpoint));
    let builder = || {
        AiStudio::builder()
            .folder_id(FOLDER)
            .system(system.clone())
            .endpoint(&endpoint)
            .verify(Verify::pem(emulator.ca_pem().unwrap()))
    };
    let function = FunctionAuth::new();
    let pushed = format!(r#"{{"access_token":"{function_token}","token_type":"Bearer","expires_in":3600}}"#);
    function.set(pushed).unwrap();
    let workload_identity =
        WorkloadIdentityAuth::new(emulator.service_account_id(), SubjectToken::variable("SUBJECT"));
    let impersonated = emulator.impersonated_account_id();
    for (method, builder) in [
        (Method::ApiKey, builder().auth(ApiKeyAuth::new(emulator.api_key()).unwrap())),
        (Method::EnvIamToken, builder().auth(EnvIamTokenAuth::new())),
        (Method::Function, builder().auth(function.clone())),
        (Method::IamToken, builder().auth(IamTokenAuth::new(&iam_token).unwrap())),
        (Method::Impersonation, builder().auth(ImpersonationAuth::new(impersonated, MetadataAuth::new()))),
        (Method::Metadata, builder().auth(MetadataAuth::new())),
        (Method::OAuthToken, builder().auth(OAuthTokenAuth::new(emulator.oauth_token()).unwrap())),
        (Method::Profile, builder().auth(ProfileAuth::new())),
        (Method::ServiceAccountKey, builder().auth(ServiceAccountKeyAuth::from_file(KEY_FILE))),
        (Method::TokenFile, builder().auth(TokenFileAuth::new("/run/token"))),
        (Method::WorkloadIdentity, builder().auth(workload_identity)),
        (Method::YandexCloudCli, builder().auth(YandexCloudCliAuth::new())),
    ] {
        let sdk = builder.build().unwrap();
        sdk.chat().models().await.unwrap_or_else(|error| panic!("{method}: {error}"));
        assert_eq!(sdk.credentials().method(), Some(method));
    }
    let sdk = builder().auth(NoAuth::new()).build().unwrap();
    assert_eq!(sdk.chat().models().await.unwrap_err().status().unwrap(), 401);
}
