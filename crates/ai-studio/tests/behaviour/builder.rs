//! The options, and that making an SDK does nothing.

use crate::fixture::{API_KEY, FOLDER, machine, model_list, sdk_at, sdk_mapped};
use std::path::Path;
use std::sync::{Arc, Mutex};

use test_support::http_server::Server;
use yandex_ai_studio_sdk::auth::system::{Environment, Files};
use yandex_ai_studio_sdk::auth::testing::{TestFiles, TestHttp};
use yandex_ai_studio_sdk::auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, IamTokenAuth, MetadataAuth, Method, NoAuth,
    OAuthTokenAuth, System, YandexCloudCliAuth,
};
use yandex_ai_studio_sdk::{AiStudio, ErrorKind, IntoAuth, RetryPolicy, Verify};
use yandex_cloud_emulator::Emulator;

#[test]
fn a_string_that_is_no_credential_fails_before_anything_is_done_and_is_not_shown() {
    for text in
        ["", "  ", "Bearer t1.hidden", "Api-Key hidden", "hid\nden", "{\"id\": \"hidden\"}", "ключ-hidden"]
    {
        let error = sdk_at("127.0.0.1:1").auth(text).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{text:?}");
        assert!(error.auth().is_some() && error.help().is_some());
        assert!(error.to_string().starts_with("auth: the "), "it names the option, once: {error}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    }
}

#[test]
fn auth_takes_strings_methods_and_credentials() {
    fn method(auth: impl IntoAuth) -> Option<Method> {
        let sdk = AiStudio::builder().system(machine([])).auth(auth).build().unwrap();
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
    assert_eq!(method(Automatic::new().with_system(machine([]))), None, "not chosen yet");
    assert_eq!(method(None::<&str>), None);
}

/// An environment that nobody may look at.
struct Untouchable;

impl Environment for Untouchable {
    fn variable(&self, name: &str) -> Option<std::ffi::OsString> {
        panic!("{name} was looked at")
    }

    fn variables(&self) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        panic!("the environment was looked at")
    }

    fn stdin_is_terminal(&self) -> bool {
        panic!("standard input was looked at")
    }
}

#[test]
fn building_looks_at_nothing_and_needs_no_runtime() {
    let http = TestHttp::nobody();
    let system = System::real().with_environment(Untouchable).with_http(http.clone());
    let builder = AiStudio::builder().system(system).verify("/nonexistent").yc_profile("work");
    let sdk = builder.retry_policy(RetryPolicy::none()).enable_server_data_logging(true).build().unwrap();
    assert!(sdk.credentials().method().is_none() && sdk.folder_report().is_none());
    let _ = (sdk.chat().completions("yandexgpt"), sdk.models().completions("yandexgpt"), format!("{sdk:?}"));
    assert!(http.requests().is_empty());
}

#[tokio::test]
async fn with_nothing_said_the_variables_decide() {
    let emulator = Emulator::start().await.unwrap();
    let (url, key) = (emulator.api_url(), emulator.api_key().to_owned());
    let variables =
        [("YC_API_ENDPOINT", url.as_str()), ("YC_API_KEY", &key), ("YC_FOLDER_ID", emulator.folder_id())];
    let sdk = AiStudio::builder().system(machine(variables)).build().unwrap();
    sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    assert_eq!(sdk.credentials().report().unwrap().selected().unwrap().source, "YC_API_KEY");
    assert_eq!(sdk.folder_report().unwrap().selected().unwrap().source, "YC_FOLDER_ID");
}

#[tokio::test]
async fn the_endpoint_in_code_is_that_of_the_exchange_too() {
    let emulator = Emulator::start().await.unwrap();
    let sdk_at = |url: &str| sdk_at(url).folder_id(emulator.folder_id());
    for sdk in [
        sdk_at(&emulator.api_url()).auth(emulator.oauth_token()),
        sdk_at(&emulator.api_url()).auth(None::<&str>),
    ] {
        let variables = [("YC_OAUTH_TOKEN", emulator.oauth_token()), ("YC_API_ENDPOINT", "127.0.0.1:1")];
        let sdk = sdk.system(machine(variables)).build().unwrap();
        sdk.chat().models().await.unwrap();
        assert_eq!(sdk.credentials().method(), Some(Method::OAuthToken));
    }
}

#[tokio::test]
async fn whether_the_server_may_keep_what_is_said_is_told_where_it_was_said() {
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
async fn calls_say_whose_they_are_and_share_a_connection() {
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
async fn the_project_is_named_once_the_folder_is_known_and_never_looked_for() {
    let server = Server::always(model_list());
    let url = server.url();
    let sdk = |variables: &[(&str, &str)]| {
        AiStudio::builder()
            .system(machine(variables.iter().copied()))
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
async fn an_authority_of_ones_own_is_trusted_by_calls_discovery_and_the_exchange() {
    let emulator = Emulator::builder().tls(true).folder_id(FOLDER).start().await.unwrap();
    let pem = emulator.ca_pem().unwrap().to_owned();
    let files = TestFiles::new([("/corp/ca.pem", pem.clone())]);
    for verify in [Verify::pem(&pem), "/corp/ca.pem".into()] {
        let sdk = sdk_at(&emulator.api_url())
            .system(machine([]).with_files(files.clone()))
            .auth(emulator.oauth_token())
            .verify(verify)
            .build()
            .unwrap();
        sdk.chat().completions("yandexgpt").run("hello").await.unwrap();
    }
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_not_spoken_to() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let sdk = sdk_mapped(&emulator.api_url()).build().unwrap();
    let error = sdk.chat().models().await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("TLS failed") && error.help().unwrap().contains("verify"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_authority_is_told_by_the_first_call_and_read_again_by_the_next() {
    let sdk = sdk_mapped("https://127.0.0.1:1").verify("/nonexistent/ca.pem").build().unwrap();
    for _ in 0..2 {
        let error = sdk.chat().models().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
    }
}

/// One file that changes.
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
async fn an_authority_that_was_replaced_is_read_again_after_tls_has_failed() {
    let emulator = Emulator::builder().tls(true).start().await.unwrap();
    let other = Emulator::builder().tls(true).start().await.unwrap();
    let file = Changing::default();
    let put = |emulator: &Emulator| *file.0.lock().unwrap() = emulator.ca_pem().unwrap().into();
    put(&other);
    let system = machine([]).with_files(file.clone());
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
        .system(machine([]).with_files(file.clone()))
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
fn unverified_tls_is_not_to_be_had() {
    let error = sdk_at("127.0.0.1:1").verify(false).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(sdk_at("127.0.0.1:1").verify(true).build().is_ok());
}
