//! The order of the sources, and what selection reads: nothing before the first use, and nothing of a later source.

use std::ffi::OsString;
use std::path::Path;

use super::{SOURCES, test_system_with};
use crate::support::{API_KEY, IAM_TOKEN, TestSystem, logged_in};
use test_support::token_source::header;
use yandex_cloud_auth::system::{Environment, Files};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, ErrorKind, IamTokenAuth, MetadataAuth, Method,
    NoAuth, Outcome, YandexCloudCliAuth,
};

#[test]
fn the_first_source_in_the_documented_order_is_selected() {
    for first in 0..SOURCES.len() {
        let test_system = test_system_with(&SOURCES[first..]);
        let credentials = test_system.automatic();
        let (source, method, expected) = SOURCES[first];
        assert_eq!(header(&credentials), expected, "{source}");
        assert_eq!(credentials.method(), Some(method), "{source}");

        let report = credentials.report().unwrap();
        let at = report.attempts().iter().position(|attempt| attempt.outcome == Outcome::Selected).unwrap();
        assert_eq!(report.attempts()[at].method, method);
        assert!(report.attempts()[..at].iter().all(|attempt| attempt.outcome == Outcome::Absent), "{report}");
        assert!(
            report.attempts()[at + 1..].iter().all(|attempt| attempt.outcome == Outcome::NotTried),
            "{report}"
        );
    }
}

#[test]
fn slots_lists_the_documented_order() {
    let slots: Vec<_> = Automatic::new().slots().map(str::to_owned).collect();
    assert_eq!(
        slots,
        [
            "api-key",
            "iam-token",
            "oauth-token",
            "service-account-key",
            "workload-identity",
            "token-file",
            "metadata",
            "env-iam-token",
            "yandex-cloud-cli",
        ]
    );
}

#[test]
fn sources_after_the_selected_one_are_not_used() {
    let test_system = test_system_with(&SOURCES);
    assert_eq!(header(&test_system.automatic()), format!("Api-Key {API_KEY}"));
    assert!(test_system.http.requests().is_empty());
    assert!(test_system.processes.commands().is_empty());
}

#[test]
fn no_source_is_read_before_the_first_use() {
    let test_system = test_system_with(&SOURCES[3..]);
    let credentials = test_system.automatic();
    assert!(credentials.try_header().is_none(), "`try_header` never selects");
    assert!(credentials.method().is_none() && credentials.report().is_none());
    assert!(credentials.snapshot().is_none());
    assert!(test_system.http.requests().is_empty());

    test_system.environment.set("YC_API_KEY", API_KEY);
    assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, Method::ApiKey);
    assert_eq!(credentials.method(), Some(Method::ApiKey));
    assert!(test_system.http.requests().is_empty());
}

/// An environment that must not be read.
struct UnreadableEnvironment;

impl Environment for UnreadableEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        panic!("{name} was read");
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        panic!("the variables were read");
    }

    fn stdin_is_terminal(&self) -> bool {
        panic!("standard input was checked");
    }
}

#[test]
fn making_credentials_reads_no_environment() {
    let test_system = TestSystem::new();
    let system = test_system.system().with_environment(UnreadableEnvironment);
    for credentials in [
        Credentials::automatic(),
        Automatic::new().lenient().build(),
        ApiKeyAuth::from_env().into(),
        IamTokenAuth::from_env().into(),
        yandex_cloud_auth::OAuthTokenAuth::from_env().into(),
        MetadataAuth::new().into(),
        EnvIamTokenAuth::new().into(),
        YandexCloudCliAuth::new().into(),
        NoAuth::new().into(),
    ] {
        let credentials = credentials.with_system(system.clone());
        let _ = (credentials.clone(), credentials.method(), credentials.report(), format!("{credentials:?}"));
        assert_eq!(credentials.counters().fetches, 0);
    }
    assert!(test_system.http.requests().is_empty());
}

#[test]
fn the_report_lists_every_source_if_none_is_configured() {
    let test_system = TestSystem::new();
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert!(error.help().unwrap().contains("YC_API_KEY"));
    let report = error.report().unwrap();
    let sources: Vec<_> = report.attempts().iter().map(|attempt| &*attempt.source).collect();
    assert_eq!(
        sources,
        [
            "YC_API_KEY",
            "YC_IAM_TOKEN",
            "YC_OAUTH_TOKEN",
            "YC_SERVICE_ACCOUNT_KEY_FILE",
            "YC_OIDC_TOKEN_FILE",
            "YC_IAM_TOKEN_FILE",
            "http://169.254.169.254",
            "YC_TOKEN",
            "yc",
        ]
    );
    for attempt in report.attempts() {
        assert_eq!(attempt.outcome, Outcome::Absent, "{report}");
        assert!(!attempt.reason.is_empty(), "{report}");
    }
}

/// Files that must not be read: a folder on `PATH` may be on a server that is down, and then a read never ends.
struct UnreadableFiles;

impl Files for UnreadableFiles {
    fn read(&self, path: &Path, _limit: usize) -> std::io::Result<Vec<u8>> {
        panic!("{} is read", path.display())
    }

    fn is_executable(&self, path: &Path) -> bool {
        panic!("{} is checked", path.display())
    }
}

#[test]
fn the_report_names_a_slot_that_is_not_tried_without_reading_files() {
    for (yc, name) in [
        (YandexCloudCliAuth::new(), "yc"),
        (YandexCloudCliAuth::builder().program("/dead/nfs/yc").build(), "/dead/nfs/yc"),
    ] {
        let test_system = TestSystem::new().with_yc(logged_in).set("YC_API_KEY", API_KEY);
        let automatic = Automatic::new().replace("yandex-cloud-cli", yc).unwrap();
        let report = automatic
            .with_system(test_system.system().with_files(UnreadableFiles))
            .build()
            .blocking()
            .select()
            .unwrap();
        let last = report.attempts().last().unwrap();
        assert_eq!((&*last.source, last.outcome), (name, Outcome::NotTried));

        let test_system = test_system.set("YC_API_KEY", IAM_TOKEN);
        let error = test_system
            .automatic()
            .with_system(test_system.system().with_files(UnreadableFiles))
            .blocking()
            .select();
        assert_eq!(
            error.unwrap_err().report().unwrap().attempts().last().unwrap().outcome,
            Outcome::NotTried
        );
    }
}

#[test]
fn each_method_reads_only_its_own_variable() {
    let all = test_system_with(&SOURCES);
    for (credentials, expected) in [
        (all.with(ApiKeyAuth::from_env()), SOURCES[0].2),
        (all.with(IamTokenAuth::from_env()), SOURCES[1].2),
        (all.with(yandex_cloud_auth::OAuthTokenAuth::from_env()), SOURCES[2].2),
        (all.with(MetadataAuth::new()), SOURCES[3].2),
        (all.with(EnvIamTokenAuth::new()), SOURCES[4].2),
        (all.with(YandexCloudCliAuth::new()), SOURCES[5].2),
    ] {
        assert_eq!(header(&credentials), expected);
        assert_eq!(credentials.report().unwrap().attempts().len(), 1);
    }
}
