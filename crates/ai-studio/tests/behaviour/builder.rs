//! The options of the builder. Building an SDK does no I/O.

use crate::fixture::{API_KEY, FOLDER, model_list, sdk_at, sdk_mapped, test_system};
use std::path::Path;
use std::sync::{Arc, Mutex};

use test_support::http_server::Server;
use yandex_ai_studio_sdk::auth::system::{Environment, Files};
use yandex_ai_studio_sdk::auth::testing::{TestFiles, TestHttp};
use yandex_ai_studio_sdk::auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, Method, NoAuth,
    OAuthTokenAuth, System, YandexCloudCliAuth,
};
use yandex_ai_studio_sdk::{AiStudio, ErrorKind, IntoAuth, RetryPolicy, Verify, auth};
use yandex_cloud_emulator::Emulator;

#[test]
fn a_malformed_auth_string_fails_at_build_and_is_not_shown() {
    for text in
        ["", "  ", "Bearer t1.hidden", "Api-Key hidden", "hid\nden", "{\"id\": \"hidden\"}", "ключ-hidden"]
    {
        let error = sdk_at("127.0.0.1:1").auth(text).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{text:?}");
        assert!(error.auth().is_some() && error.help().is_some());
        assert!(error.to_string().starts_with("auth: the "), "the error names the option once: {error}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
}

#[test]
fn auth_accepts_strings_methods_and_credentials() {
    fn method(auth: impl IntoAuth) -> Option<Method> {
        let sdk = AiStudio::builder().system(test_system([])).auth(auth).build().unwrap();
        sdk.credentials().method()
    }
    assert_eq!(method(" t1.fake.token\n"), Some(Method::IamToken));
    assert_eq!(method("y0_fake".to_owned()), Some(Method::OAuthToken));
    let key = "AQVN-fake".to_owned();
    assert_eq!((method(&key), method(key)), (Some(Method::ApiKey), Some(Method::ApiKey)));
    assert_eq!(method(ApiKeyAuth::new("AQVN-fake").unwrap()), Some(Method::ApiKey));
    assert_eq!(method(IamTokenAuth::new("t1.fake.token").unwrap()), Some(Method::IamToken));
    assert_eq!(method(OAuthTokenAuth::new("y0_fake").unwrap()), Some(Method::OAuthToken));
    assert_eq!(method(EnvIamTokenAuth::new()), Some(Method::EnvIamToken));
    assert_eq!(method(MetadataAuth::new()), Some(Method::Metadata));
    assert_eq!(method(YandexCloudCliAuth::new()), Some(Method::YandexCloudCli));
    assert_eq!(method(NoAuth::new()), Some(Method::None));
    assert_eq!(method(Credentials::from(NoAuth::new())), Some(Method::None));
    assert_eq!(method(Automatic::new().with_system(test_system([]))), None, "not selected yet");
    assert_eq!(method(None::<&str>), None);
}

/// An environment that panics when it is read.
struct Unreadable;

impl Environment for Unreadable {
    fn variable(&self, name: &str) -> Option<std::ffi::OsString> {
        panic!("{name} was read")
    }

    fn variables(&self) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        panic!("the environment was read")
    }

    fn stdin_is_terminal(&self) -> bool {
        panic!("standard input was read")
    }
}

#[test]
fn building_reads_nothing_and_needs_no_runtime() {
    let http = TestHttp::unreachable();
    let system = System::real().with_environment(Unreadable).with_http(http.clone());
    let builder = AiStudio::builder().system(system).verify("/nonexistent").yc_profile("work");
    let sdk = builder.retry_policy(RetryPolicy::none()).enable_server_data_logging(true).build().unwrap();
    assert!(sdk.credentials().method().is_none() && sdk.folder_report().is_none());
    let _ = (sdk.chat().completions("yandexgpt"), sdk.models().completions("yandexgpt"), format!("{sdk:?}"));
    assert!(http.requests().is_empty());
}

#[tokio::test]
async fn without_options_the_variables_decide() {
    let emulator = Emulator::start().await.unwrap();
    let (url, key) = (emulator.api_url(), emulator.api_key().to_owned());
    let variables =
        [("YC_API_ENDPOINT", url.as_str()), ("YC_API_KEY", &key), ("YC_FOLDER_ID", emulator.folder_id())];
    let sdk = AiStudio::builder().system(test_system(variables)).build().unwrap();
    sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    assert_eq!(sdk.credentials().report().unwrap().selected().unwrap().source, "YC_API_KEY");
    assert_eq!(sdk.folder_report().unwrap().selected().unwrap().source, "YC_FOLDER_ID");
}

#[tokio::test]
async fn the_variable_pins_a_method_and_a_method_in_code_wins() {
    let server = Server::always(model_list());
    let of_variable = "AQVN-FAKE-key-of-the-variable";
    let sdk = |pin: &str| {
        let variables =
            [("YC_API_KEY", of_variable), ("YC_IAM_TOKEN", "t1.FAKE.token"), ("YC_AUTH_METHOD", pin)];
        sdk_mapped(&server.url()).system(test_system(variables)).retry_policy(RetryPolicy::none())
    };
    let (key, token) = (format!("Api-Key {of_variable}"), "Bearer t1.FAKE.token".to_owned());
    let given = format!("Api-Key {API_KEY}");
    for (builder, expected) in [
        (sdk("iam-token").auth(None::<&str>), &token),
        (sdk("iam-token").auth(None::<&str>).yc_profile("work"), &token),
        (sdk("iam-token").auth(Automatic::new()), &token),
        (sdk("").auth(None::<&str>), &key),
        (sdk("iam-token").auth(ApiKeyAuth::from_env()), &key),
        (sdk("iam-token").auth(API_KEY), &given),
    ] {
        builder.build().unwrap().chat().models().await.unwrap();
        assert_eq!(server.requests().last().unwrap().header("authorization"), Some(&**expected));
    }
    let sent = server.requests().len();
    let error = sdk("profile").auth(None::<&str>).build().unwrap().chat().models().await.unwrap_err();
    let of_auth = error.auth().unwrap();
    assert_eq!((of_auth.kind(), of_auth.location()), (auth::ErrorKind::Invalid, Some("YC_AUTH_METHOD")));
    assert_eq!(server.requests().len(), sent, "nothing was sent");
}

#[tokio::test]
async fn the_endpoint_in_code_also_serves_the_token_exchange() {
    let emulator = Emulator::start().await.unwrap();
    let sdk_at = |url: &str| sdk_at(url).folder_id(emulator.folder_id());
    for sdk in [
        sdk_at(&emulator.api_url()).auth(emulator.oauth_token()),
        sdk_at(&emulator.api_url()).auth(None::<&str>),
    ] {
        let variables = [("YC_OAUTH_TOKEN", emulator.oauth_token()), ("YC_API_ENDPOINT", "127.0.0.1:1")];
        let sdk = sdk.system(test_system(variables)).build().unwrap();
        sdk.chat().models().await.unwrap();
        assert_eq!(sdk.credentials().method(), Some(Method::OAuthToken));
    }
}

#[tokio::test]
async fn sends_the_data_logging_header_only_where_the_option_is_set() {
    let server = Server::always(model_list());
    for (option, header) in [(None, None), (Some(true), Some("true")), (Some(false), Some("false"))] {
        let mut builder = sdk_mapped(&server.url());
        if let Some(enabled) = option {
            builder = builder.enable_server_data_logging(enabled);
        }
        builder.build().unwrap().chat().models().await.unwrap();
        assert_eq!(server.requests().last().unwrap().header("x-data-logging-enabled"), header);
    }
}

#[tokio::test]
async fn calls_have_the_user_agent_and_the_project_and_share_a_connection() {
    let server = Server::always(model_list());
    let sdk = sdk_mapped(&server.url()).build().unwrap();
    for _ in 0..3 {
        sdk.clone().chat().models().await.unwrap();
    }
    let seen = server.requests();
    let agent = seen[0].header("user-agent").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(agent.starts_with(&format!("yandex-ai-studio-sdk/{version} rust/")), "{agent}");
    assert_eq!(seen[0].header("openai-project"), Some(FOLDER));
    assert_eq!((seen[0].header("idempotency-key"), seen[0].header("x-retry-attempt")), (None, None));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn sends_the_project_where_the_folder_is_known_and_never_searches_for_it() {
    let server = Server::always(model_list());
    let url = server.url();
    let sdk = |variables: &[(&str, &str)]| {
        AiStudio::builder()
            .system(test_system(variables.iter().copied()))
            .auth(API_KEY)
            .without_endpoint()
            .service_map([("http_completions", &url)])
            .build()
            .unwrap()
    };
    sdk(&[]).chat().models().await.unwrap();
    sdk(&[("YC_FOLDER_ID", "b1gvariable")]).chat().models().await.unwrap();
    let seen = server.requests();
    let projects: Vec<_> = seen.iter().map(|request| request.header("openai-project")).collect();
    assert_eq!(projects, [None, Some("b1gvariable")]);
}

#[tokio::test]
async fn calls_discovery_and_the_token_exchange_trust_a_custom_authority() {
    let emulator = Emulator::builder().tls(true).folder_id(FOLDER).start().await.unwrap();
    let pem = emulator.ca_pem().unwrap().to_owned();
    let files = TestFiles::new([("/corp/ca.pem", pem.clone())]);
    for verify in [Verify::pem(&pem), "/corp/ca.pem".into()] {
        let sdk = sdk_at(&emulator.api_url())
            .system(test_system([]).with_files(files.clone()))
            .auth(emulator.oauth_token())
            .verify(verify)
            .build()
            .unwrap();
        sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    }
}

#[tokio::test]
async fn sends_nothing_to_a_server_of_an_unknown_authority() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let sdk = sdk_mapped(&emulator.api_url()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("TLS failed") && error.help().unwrap().contains("verify"), "{error}");
}

#[tokio::test]
async fn an_invalid_ca_file_fails_the_call_and_is_read_again_by_the_next_call() {
    let sdk = sdk_mapped("https://127.0.0.1:1").verify("/nonexistent/ca.pem").build().unwrap();
    for _ in 0..2 {
        let error = sdk.chat().models().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
    }
}

/// A file whose content changes.
#[derive(Clone, Default)]
struct Changing(Arc<Mutex<Vec<u8>>>);

impl Files for Changing {
    fn read(&self, _: &Path, _: usize) -> std::io::Result<Vec<u8>> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn is_executable(&self, _: &Path) -> bool {
        false
    }
}

#[tokio::test]
async fn a_replaced_authority_is_read_again_after_tls_failed() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let other = Emulator::builder().tls(true).start().await.unwrap();
    let file = Changing::default();
    let put = |emulator: &Emulator| *file.0.lock().unwrap() = emulator.ca_pem().unwrap().into();
    put(&other);
    let system = test_system([]).with_files(file.clone());
    let sdk = sdk_at(&emulator.api_url())
        .system(system)
        .auth(emulator.api_key())
        .folder_id(emulator.folder_id())
        .verify("/corp/ca.pem")
        .retry_policy(RetryPolicy::none())
        .build()
        .unwrap();
    let discovery = sdk.chat().models().await.unwrap_err();
    put(&emulator);
    sdk.chat().models().await.unwrap();
    assert_eq!(discovery.kind(), ErrorKind::Unavailable, "{discovery}");

    put(&other);
    let mapped = sdk_mapped(&emulator.api_url())
        .system(test_system([]).with_files(file.clone()))
        .auth(emulator.api_key())
        .folder_id(emulator.folder_id())
        .verify("/corp/ca.pem")
        .build()
        .unwrap();
    assert!(mapped.chat().models().await.unwrap_err().to_string().contains("TLS failed"));
    put(&emulator);
    mapped.chat().models().await.unwrap();
}

#[test]
fn tls_without_verification_is_refused() {
    let error = sdk_at("127.0.0.1:1").verify(false).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(sdk_at("127.0.0.1:1").verify(true).build().is_ok());
}
