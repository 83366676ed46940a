//! Secrets that come in: values, variables, files, command lines and addresses.

use super::{HUSH, SECRETS, SHAPELESS, assert_silent, everything, of_error, ways_to_repeat};
use crate::support::{TestSystem, cloud, logged_in};
use test_support::wait::secs;
use yandex_cloud_auth::testing::{TestEnvironment, TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, Endpoints, EnvIamTokenAuth, FunctionAuth, IamTokenAuth,
    ImpersonationAuth, MetadataAuth, OAuthTokenAuth, ProfileAuth, SubjectToken, Token, TokenFileAuth,
    WorkloadIdentityAuth, YandexCloudCliAuth,
};

#[test]
fn a_refused_value_is_not_printed() {
    let mangled = |secret: &str| {
        [
            secret.to_owned(),
            format!("{secret}\n{secret}"),
            format!("Bearer {secret}"),
            format!("{secret}\0"),
            format!("{secret} {secret}"),
            format!("{secret}ё"),
            format!("{{\"private_key\":\"{secret}\""),
        ]
    };
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for value in mangled(secret) {
            for result in [
                Credentials::from_string(&value).map(|_| ()),
                ApiKeyAuth::new(&value).map(|_| ()),
                IamTokenAuth::new(&value).map(|_| ()),
                OAuthTokenAuth::new(&value).map(|_| ()),
                Token::new(&value).map(|_| ()),
            ] {
                if let Err(error) = result {
                    assert_silent(&value, &of_error(&error));
                }
            }
            for variable in [
                "YC_API_KEY",
                "YC_IAM_TOKEN",
                "YC_OAUTH_TOKEN",
                "YC_SERVICE_ACCOUNT_KEY_FILE",
                "YC_SERVICE_ACCOUNT_ID",
                "YC_OIDC_TOKEN_FILE",
                "YC_OIDC_TOKEN",
                "YC_OAUTH_ENDPOINT",
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                "YC_IAM_TOKEN_FILE",
                "YC_METADATA_ADDR",
                "YC_TOKEN",
                "YC_API_ENDPOINT",
            ] {
                let test_system = TestSystem::new().with_yc(logged_in).set(variable, &value);
                let scenario = format!("{value:?} in {variable}");
                assert_silent(&scenario, &everything(&test_system, &test_system.automatic()));
                let federated = test_system.clone().set("YC_SERVICE_ACCOUNT_ID", "ajefake0account00001");
                assert_silent(&scenario, &everything(&federated, &federated.automatic()));
                let github = WorkloadIdentityAuth::new(&value, SubjectToken::github_actions());
                assert_silent(&scenario, &everything(&test_system, &test_system.with(github)));
                let named = WorkloadIdentityAuth::new("ajefake0account00001", SubjectToken::variable(&value));
                assert_silent(&scenario, &everything(&test_system, &test_system.with(named)));
                if variable == "YC_API_ENDPOINT" {
                    let oauth = test_system.with(OAuthTokenAuth::new("y0_x").unwrap());
                    assert_silent(&scenario, &everything(&test_system, &oauth));
                    let yc = test_system.with(YandexCloudCliAuth::new());
                    assert_silent(&scenario, &everything(&test_system, &yc));
                }
            }
        }
    }
}

#[test]
fn successful_calls_print_no_secret() {
    let iam = TestReply::status(200, r#"{"iamToken":"t1.HUSH-iam.x","expiresAt":"2026-11-24T12:00:00Z"}"#);
    let services = cloud(iam);
    let test_system = TestSystem::new()
        .with_yc(|command| match crate::support::words(command)[0] {
            "config" => TestRun::prints(""),
            _ => TestRun::prints("t1.HUSH-yc.x"),
        })
        .answering(move |request, count| match request.uri().host() {
            Some("169.254.169.254") => {
                TestReply::status(200, r#"{"access_token":"t1.HUSH-metadata.x","expires_in":3600}"#)
            }
            _ => services(request, count),
        })
        .set("YC_API_KEY", "HUSH-key")
        .set("YC_IAM_TOKEN", "t1.HUSH-given.x")
        .set("YC_OAUTH_TOKEN", "y0_HUSH-oauth")
        .set("YC_TOKEN", "t1.HUSH-env.x");
    for (credentials, name) in [
        (test_system.automatic(), "automatic"),
        (test_system.with(ApiKeyAuth::from_env()), "api-key"),
        (test_system.with(IamTokenAuth::from_env()), "iam-token"),
        (test_system.with(OAuthTokenAuth::from_env()), "oauth-token"),
        (test_system.with(MetadataAuth::new()), "metadata"),
        (test_system.with(EnvIamTokenAuth::new()), "env-iam-token"),
        (test_system.with(YandexCloudCliAuth::new()), "yandex-cloud-cli"),
        (test_system.log.of(|| Credentials::from_string("t1.HUSH").unwrap()), "a string"),
    ] {
        assert!(credentials.blocking().header().unwrap().unwrap().to_str().unwrap().contains(HUSH), "{name}");
        assert_silent(name, &everything(&test_system, &credentials));
    }
}

#[test]
fn secrets_in_files_and_invocations_are_not_printed() {
    const TOKEN: &str = "/run/token";
    const PROFILE: &str = "/run/config.yaml";
    for secret in SECRETS.iter().chain([&SHAPELESS]) {
        for said in ways_to_repeat(secret) {
            let test_system = TestSystem::new();
            test_system.files.write(TOKEN, said.clone());
            assert_silent(&said, &everything(&test_system, &test_system.with(TokenFileAuth::new(TOKEN))));
            let json = serde_json::to_string(&said).unwrap();
            for config in [
                said.clone(),
                format!("current: a\nprofiles: {{a: {{token: {json}}}}}"),
                format!("current: a\nprofiles: {{a: {{service-account-key: {{private_key: {json}}}}}}}"),
                format!("current: a\nprofiles: {{a: {{{json}: 1}}}}"),
                format!("current: a\nprofiles: {{a: {{token: t1.HUSH.x, folder-id: {json}}}}}"),
            ] {
                test_system.files.write(PROFILE, config.clone());
                let auth = ProfileAuth::builder().path(PROFILE).build();
                assert_silent(&config, &everything(&test_system, &test_system.with(auth)));
            }
            for json in [said.clone(), format!("{{\"access_token\":{json}}}")] {
                match FunctionAuth::parse(&json) {
                    Ok(auth) => assert_silent(&json, &everything(&test_system, &test_system.with(auth))),
                    Err(error) => assert_silent(&json, &of_error(&error)),
                }
            }
        }
    }
}

#[test]
fn secrets_stay_out_of_the_command_line() {
    let test_system = TestSystem::new().with_yc(logged_in);
    for variable in ["YC_API_KEY", "YC_OAUTH_TOKEN", "YC_TOKEN"] {
        test_system.environment.set(variable, "HUSH");
    }
    test_system.with(YandexCloudCliAuth::new()).blocking().header().unwrap();
    for command in test_system.processes.commands() {
        assert!(command.arguments.iter().all(|word| !word.to_string_lossy().contains(HUSH)), "{command:?}");
    }
}

#[test]
fn an_address_with_a_password_is_not_shown() {
    for address in ["https://user:HUSH@h.example", "user:HUSH@h.example", "user:HUSH:HUSH@h.example:1/x"] {
        let methods = (
            MetadataAuth::builder().address(address),
            Endpoints::new().api(address).iam(address).oauth(address),
        );
        assert_silent(address, &format!("{methods:?} {methods:#?}"));
        let built = methods.0.build();
        assert_silent(address, &format!("{built:?}"));
        let test_system = TestSystem::new().with_yc(logged_in).at(methods.1);
        assert_silent(address, &format!("{:?}", test_system.system().endpoints()));
        assert_silent(address, &everything(&test_system, &test_system.with(built)));
        let oauth = OAuthTokenAuth::new("y0_HUSH").unwrap();
        assert_silent(address, &everything(&test_system, &test_system.with(oauth)));
        assert_silent(address, &everything(&test_system, &test_system.with(YandexCloudCliAuth::new())));
        test_system.environment.set("SUBJECT", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.HUSH");
        let workload_identity =
            WorkloadIdentityAuth::new("ajefake0account00001", SubjectToken::variable("SUBJECT"));
        assert_silent(address, &everything(&test_system, &test_system.with(workload_identity)));
    }
}

#[test]
fn the_types_that_hold_a_secret_do_not_show_it() {
    let token = Token::new("t1.HUSH").unwrap().expiring_in(secs(60));
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        ImpersonationAuth::new("t1.HUSH", IamTokenAuth::new("t1.HUSH").unwrap()),
        WorkloadIdentityAuth::builder("HUSH", SubjectToken::file("eyJHUSH")),
        ApiKeyAuth::new(SHAPELESS).unwrap(),
        IamTokenAuth::new("t1.HUSH").unwrap(),
        OAuthTokenAuth::new("y0_HUSH").unwrap(),
        OAuthTokenAuth::builder("y0_HUSH").unwrap(),
        token,
        TestEnvironment::new([("YC_TOKEN", "t1.HUSH")]),
    );
    assert_silent("Debug", &shown);
    assert_silent(
        "Debug",
        &format!("{:?}", Automatic::new().replace("api-key", ApiKeyAuth::new("HUSH").unwrap())),
    );
}
