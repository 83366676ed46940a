//! Given credentials: those of another installation are refused, the others are shared.

use super::{CONFIG_FILE, OAUTH_TOKEN, Recorder, YC, new_token, oauth, over, without_metadata};
use crate::fixture::{FOLDER, test_system};
use yandex_ai_studio_sdk::auth::testing::TestFiles;
use yandex_ai_studio_sdk::auth::{
    self, ApiKeyAuth, Credentials, Endpoints, IamTokenAuth, Method, NoAuth, ProfileAuth, RevokeOptions,
    System, YandexCloudCliAuth,
};
use yandex_ai_studio_sdk::{AiStudio, ErrorKind, RetryPolicy};

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
