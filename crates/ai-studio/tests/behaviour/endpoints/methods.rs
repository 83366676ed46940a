//! The endpoint, `verify` and `system` reach every method: nothing goes to another installation.

use std::collections::BTreeSet;

use super::{
    CONFIG_FILE, KEY, KEY_FILE, OAUTH_TOKEN, Recorder, SUBJECT, YC, arguments, new_token, oauth, over,
    without_metadata,
};
use crate::fixture::FOLDER;
use yandex_ai_studio_sdk::auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestRun};
use yandex_ai_studio_sdk::auth::{
    ApiKeyAuth, Credentials, Endpoints, EnvIamTokenAuth, FunctionAuth, IamTokenAuth, ImpersonationAuth,
    MetadataAuth, Method, NoAuth, OAuthTokenAuth, ProfileAuth, RevokeOptions, ServiceAccountKeyAuth,
    SubjectToken, System, TokenFileAuth, WorkloadIdentityAuth, YandexCloudCliAuth,
};
use yandex_ai_studio_sdk::{AiStudio, AiStudioBuilder, Verify};
use yandex_cloud_emulator::Emulator;

const ACCOUNT: &str = "ajefake0account00001";

/// Another installation of Yandex Cloud, and a host outside Yandex Cloud.
const APIS: [&str; 2] = ["api.yandexcloud.kz", "api.corp.example"];

fn workload_identity() -> WorkloadIdentityAuth {
    WorkloadIdentityAuth::new(ACCOUNT, SubjectToken::variable("SUBJECT"))
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
