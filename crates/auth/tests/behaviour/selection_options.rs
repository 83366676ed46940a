//! Automatic selection with options: slots that are removed or replaced, and lenient selection.

use crate::selection::{SOURCES, test_system_with};
use crate::support::{
    API_KEY, IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, OAUTH_TOKEN, TestSystem, YC_TOKEN, logged_in,
};
use test_support::token_source::header;
use yandex_cloud_auth::system::BoxFuture;
use yandex_cloud_auth::testing::{TestReply, TestRun};
use yandex_cloud_auth::{
    Automatic, CustomAuth, EnvIamTokenAuth, Error, ErrorKind, IamTokenAuth, MetadataAuth, Method, NoAuth,
    Outcome, System, Token, TokenSource, YandexCloudCliAuth,
};

#[test]
fn a_slot_can_be_removed_or_replaced_by_name() {
    let test_system = test_system_with(&SOURCES[3..]);
    let without = Automatic::new().without("metadata").unwrap();
    assert!(without.slots().all(|slot| slot != "metadata"));
    let credentials = without.with_system(test_system.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-env.FAKE-signature");
    assert!(test_system.http.requests().is_empty());

    let given = IamTokenAuth::new(IAM_TOKEN).unwrap();
    let credentials =
        Automatic::new().replace("api-key", given).unwrap().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::IamToken));

    let other = EnvIamTokenAuth::variable("MY_TOKEN");
    let test_system = test_system.set("MY_TOKEN", IAM_TOKEN);
    let credentials =
        Automatic::new().replace("metadata", other).unwrap().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.report().unwrap().selected().unwrap().source, "MY_TOKEN");
}

#[test]
fn a_replaced_slot_keeps_its_options() {
    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    let metadata = MetadataAuth::builder().address("10.0.0.7:8080").build();
    let credentials =
        Automatic::new().replace("metadata", metadata).unwrap().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(
        test_system.http.requests(),
        ["GET http://10.0.0.7:8080/computeMetadata/v1/instance/service-accounts/default/token"]
    );

    let test_system = TestSystem::new().with_yc(logged_in);
    let yc = YandexCloudCliAuth::builder().profile("work").build();
    let credentials =
        Automatic::new().replace("yandex-cloud-cli", yc).unwrap().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
    for command in test_system.processes.commands() {
        assert!(crate::support::words(&command).ends_with(&["--profile", "work"]), "{command:?}");
    }
}

/// A token source of the program.
struct Vault(Result<&'static str, ErrorKind>);

impl TokenSource for Vault {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async {
            self.0.map_err(|kind| Error::new(kind, "the vault is closed")).and_then(Token::new)
        })
    }
}

#[test]
fn a_slot_can_hold_a_token_source_of_the_program() {
    let test_system = test_system_with(&SOURCES[4..]);
    let vault = Automatic::new().replace("metadata", CustomAuth::new(Vault(Ok("t1.FAKE-vault.x")))).unwrap();
    assert!(vault.slots().any(|slot| slot == "metadata"), "the slot keeps its name");
    let credentials = vault.clone().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-vault.x");
    assert_eq!(credentials.method(), Some(Method::Custom));
    let report = credentials.report().unwrap();
    let selected = report.selected().unwrap();
    assert_eq!(
        (selected.method.name(), &*selected.source, &*selected.reason),
        ("custom", "token source of the program", "given")
    );
    assert!(test_system.http.requests().is_empty(), "no other source is used");

    let before = vault.with_system(test_system.set("YC_API_KEY", API_KEY).system()).build();
    assert_eq!(header(&before), format!("Api-Key {API_KEY}"), "the order stays");

    let closed =
        Automatic::new().replace("api-key", CustomAuth::new(Vault(Err(ErrorKind::Refused)))).unwrap();
    let error = closed.with_system(TestSystem::new().system()).build().blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::Custom)), "{error}");
}

#[test]
fn an_unknown_slot_is_an_error_that_lists_the_slots() {
    for error in [
        Automatic::new().replace("vault", CustomAuth::new(Vault(Ok("t1.FAKE")))).unwrap_err(),
        Automatic::new().without("metadta").unwrap_err(),
        Automatic::new().replace("", NoAuth::new()).unwrap_err(),
        Automatic::new().without("metadata").unwrap().without("metadata").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.help().unwrap().contains("yandex-cloud-cli"), "{:?}", error.help());
    }
}

#[test]
fn none_is_selected_only_if_the_program_puts_it_into_a_slot() {
    let test_system = TestSystem::new();
    assert!(test_system.automatic().blocking().header().is_err());
    let credentials = Automatic::new()
        .replace("yandex-cloud-cli", NoAuth::new())
        .unwrap()
        .with_system(test_system.system())
        .build();
    assert!(credentials.blocking().header().unwrap().is_none(), "the program put it there");
    assert_eq!(credentials.method(), Some(Method::None));
}

#[test]
fn lenient_selection_skips_metadata_and_yc_and_reports_it() {
    let test_system = TestSystem::new().always(TestReply::status(503, "")).set("YC_TOKEN", IAM_TOKEN);
    let strict = test_support::token_source::first_failure(&test_system.automatic());
    assert_eq!(strict.method(), Some(Method::Metadata));

    let credentials = Automatic::new().lenient().with_system(test_system.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    let report = credentials.report().unwrap();
    let metadata = report.attempts().iter().find(|attempt| attempt.method == Method::Metadata).unwrap();
    assert_eq!(metadata.outcome, Outcome::Broken);
    assert!(metadata.reason.contains("skipped") && metadata.reason.contains("503"), "{report}");

    for run in [
        TestRun::Exit(1, String::new(), "no profile".to_owned()),
        TestRun::Fail(std::io::ErrorKind::PermissionDenied),
        TestRun::Fail(std::io::ErrorKind::NotFound),
    ] {
        let test_system = TestSystem::new().with_yc(move |_| run.clone());
        let strict = test_support::token_source::first_failure(&test_system.automatic());
        assert_eq!(strict.method(), Some(Method::YandexCloudCli), "{strict}");
        let lenient = Automatic::new().lenient().with_system(test_system.system()).build();
        let error = lenient.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::NotConfigured, None), "{error}");
        let report = error.report().unwrap();
        assert!(report.to_string().contains("skipped"), "{report}");
    }
}

#[test]
fn lenient_selection_skips_no_other_method() {
    let test_system = TestSystem::new()
        .set("YC_OAUTH_TOKEN", OAUTH_TOKEN)
        .set("YC_API_ENDPOINT", "http://api.corp.example")
        .set("YC_TOKEN", IAM_TOKEN);
    for automatic in [Automatic::new(), Automatic::new().lenient()] {
        let error = automatic.with_system(test_system.system()).build().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Blocked, Some(Method::OAuthToken)));
        assert_eq!(error.report().unwrap().attempts()[2].outcome, Outcome::Broken);
    }
}

#[test]
fn lenient_selection_skips_no_malformed_value() {
    for (variable, value) in [
        ("YC_METADATA_ADDR", "https://10.0.0.1"),
        ("YC_METADATA_ADDR", "10.0.0.1/path"),
        ("YC_TOKEN", OAUTH_TOKEN),
        ("YC_API_KEY", IAM_TOKEN),
        ("YC_API_ENDPOINT", "ftp://x"),
    ] {
        let test_system = TestSystem::new().with_yc(logged_in).set(variable, value);
        let error = Automatic::new()
            .lenient()
            .with_system(test_system.system())
            .build()
            .blocking()
            .header()
            .unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)), "{value}");
    }
}
