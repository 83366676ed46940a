//! Automatic selection: the order, what is skipped, what ends the selection, and that the selection stays.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{
    API_KEY, IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, OAUTH_TOKEN, TestSystem, cloud,
    exchanged, logged_in,
};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{Environment, Files};
use yandex_cloud_auth::testing::{TestFiles, TestReply};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, EnvIamTokenAuth, ErrorKind, IamTokenAuth, MetadataAuth, Method,
    NoAuth, Outcome, YandexCloudCliAuth,
};

/// Every source in the documented order, with its method and its header.
pub(crate) const SOURCES: [(&str, Method, &str); 6] = [
    ("YC_API_KEY", Method::ApiKey, "Api-Key AQVN-FAKE-api-key"),
    ("YC_IAM_TOKEN", Method::IamToken, "Bearer t1.FAKE-given.FAKE-signature"),
    ("YC_OAUTH_TOKEN", Method::OAuthToken, "Bearer t1.FAKE-body.FAKE-signature"),
    ("metadata", Method::Metadata, "Bearer t1.FAKE-metadata.FAKE-signature"),
    ("YC_TOKEN", Method::EnvIamToken, "Bearer t1.FAKE-env.FAKE-signature"),
    ("yc", Method::YandexCloudCli, "Bearer t1.FAKE-yc.FAKE-signature"),
];

/// A system that has these sources.
pub(crate) fn test_system_with(sources: &[(&str, Method, &str)]) -> TestSystem {
    let mut test_system = TestSystem::new();
    let has_metadata = sources.iter().any(|source| source.0 == "metadata");
    let services = cloud(exchanged());
    test_system = test_system.answering(move |request, count| match request.uri().host() {
        Some("169.254.169.254") if has_metadata => TestReply::status(200, METADATA_ANSWER),
        Some("169.254.169.254") => TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectRefused),
        _ => services(request, count),
    });
    for (source, ..) in sources {
        test_system = match *source {
            "YC_API_KEY" => test_system.set("YC_API_KEY", API_KEY),
            "YC_IAM_TOKEN" => test_system.set("YC_IAM_TOKEN", "t1.FAKE-given.FAKE-signature"),
            "YC_OAUTH_TOKEN" => test_system.set("YC_OAUTH_TOKEN", OAUTH_TOKEN),
            "YC_TOKEN" => test_system.set("YC_TOKEN", "t1.FAKE-env.FAKE-signature"),
            "yc" => test_system.with_yc(logged_in),
            _ => test_system,
        };
    }
    test_system
}

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

#[test]
fn an_empty_variable_counts_as_unset() {
    let test_system = TestSystem::new();
    for name in [
        "YC_API_KEY",
        "YC_IAM_TOKEN",
        "YC_OAUTH_TOKEN",
        "YC_SERVICE_ACCOUNT_KEY_FILE",
        "YC_OIDC_TOKEN_FILE",
        "YC_OIDC_TOKEN",
        "YC_SERVICE_ACCOUNT_ID",
        "YC_OAUTH_ENDPOINT",
        "YC_IAM_TOKEN_FILE",
        "YC_METADATA_ADDR",
        "YC_TOKEN",
        "YC_PROFILE",
        "YC_API_ENDPOINT",
    ] {
        test_system.environment.set(name, "");
    }
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")]);
}

#[test]
fn a_variable_with_nothing_but_white_space_is_broken() {
    for blank in [" ", "\n", " \t\r\n"] {
        for name in [
            "YC_AUTH_METHOD",
            "YC_API_KEY",
            "YC_API_KEY_FILE",
            "YC_IAM_TOKEN",
            "YC_OAUTH_TOKEN",
            "YC_OAUTH_TOKEN_FILE",
            "YC_SERVICE_ACCOUNT_KEY_FILE",
            "YC_OIDC_TOKEN_FILE",
            "YC_OIDC_TOKEN",
            "YC_IAM_TOKEN_FILE",
            "YC_METADATA_ADDR",
            "YC_TOKEN",
        ] {
            // YC_TOKEN is the last of them: nothing before it has a value.
            let test_system = TestSystem::new().set(name, blank);
            let error = test_support::token_source::first_failure(&test_system.automatic());
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(name)), "{error}");
            assert_eq!(error.reason(), "the value is only white space", "{name}");
            assert_eq!(error.help(), Some(format!("give {name} a value, or unset it").as_str()));
        }
    }
}

#[test]
fn the_value_of_a_variable_is_trimmed() {
    let test_system = TestSystem::new().set("YC_API_KEY", " AQVN-FAKE-api-key\r\n");
    assert_eq!(header(&test_system.automatic()), "Api-Key AQVN-FAKE-api-key");
}

#[test]
fn the_wrong_kind_of_secret_ends_the_selection_and_names_the_right_variable() {
    for (variable, value, right) in [
        ("YC_API_KEY", IAM_TOKEN, "YC_IAM_TOKEN"),
        ("YC_API_KEY", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
        ("YC_IAM_TOKEN", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
        ("YC_OAUTH_TOKEN", IAM_TOKEN, "YC_IAM_TOKEN"),
        ("YC_TOKEN", OAUTH_TOKEN, "YC_OAUTH_TOKEN"),
    ] {
        let test_system = TestSystem::new().with_yc(logged_in).set(variable, value);
        let error = test_system.automatic().blocking().header().unwrap_err();
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some(variable)),
            "{variable} {value}"
        );
        assert!(error.help().unwrap().contains(right), "{variable} {value}: {:?}", error.help());
        assert!(test_system.processes.commands().is_empty(), "the next source would be a different identity");
        let report = error.report().unwrap();
        let broken = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
        assert_eq!(broken.source, variable);
    }
}

#[test]
fn a_value_that_cannot_be_sent_ends_the_selection() {
    for variable in ["YC_API_KEY", "YC_IAM_TOKEN", "YC_OAUTH_TOKEN", "YC_TOKEN"] {
        for value in ["FAKE\nFAKE", "FAKE\0FAKE", "ФАЛЬШИВЫЙ", "FAKE FAKE", "Bearer FAKE", "api-key FAKE"]
        {
            let test_system = TestSystem::new().with_yc(logged_in).set(variable, value);
            let error = test_system.automatic().blocking().header().unwrap_err();
            assert_eq!(
                (error.kind(), error.location()),
                (ErrorKind::Invalid, Some(variable)),
                "{variable} {value:?}"
            );
            assert!(error.help().is_some());
            let shown = format!("{error} {error:?} {}", error.report().unwrap());
            assert!(!shown.contains("FAKE") && !shown.contains("ФАЛЬШ"), "{shown}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf8_ends_the_selection() {
    use std::os::unix::ffi::OsStringExt;
    for variable in [
        "YC_API_KEY",
        "YC_IAM_TOKEN",
        "YC_OAUTH_TOKEN",
        "YC_SERVICE_ACCOUNT_KEY_FILE",
        "YC_OIDC_TOKEN_FILE",
        "YC_OIDC_TOKEN",
        "YC_SERVICE_ACCOUNT_ID",
        "YC_IAM_TOKEN_FILE",
        "YC_METADATA_ADDR",
        "YC_TOKEN",
    ] {
        let test_system = TestSystem::new();
        test_system.environment.set(variable, OsString::from_vec(b"FAKE-\xff".to_vec()));
        let error = test_system.automatic().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)));
        assert!(!error.to_string().contains("FAKE"), "{error}");
    }
}

#[test]
fn a_variable_whose_file_is_missing_ends_the_selection() {
    for (variable, method) in
        [("YC_SERVICE_ACCOUNT_KEY_FILE", Method::ServiceAccountKey), ("YC_IAM_TOKEN_FILE", Method::TokenFile)]
    {
        let test_system = test_system_with(&SOURCES[3..]).set(variable, "/run/FAKE.json");
        for automatic in [Automatic::new(), Automatic::new().lenient()] {
            let error = automatic.with_system(test_system.system()).build().blocking().header().unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("/run/FAKE.json")));
            assert_eq!(error.method(), Some(method));
            assert!(error.reason().contains("the file does not exist"), "{error}");
            let broken = error.report().unwrap().attempts().iter().find(|attempt| attempt.method == method);
            let broken = broken.unwrap();
            assert_eq!((broken.outcome, &*broken.source), (Outcome::Broken, variable));
        }
        assert!(test_system.http.requests().is_empty(), "no later source is used");

        let test_system = test_system.set("YC_API_KEY", API_KEY);
        assert_eq!(header(&test_system.automatic()), format!("Api-Key {API_KEY}"), "YC_API_KEY comes first");
    }
}

#[test]
fn the_selection_stays_when_the_environment_changes() {
    for (first, (source, method, expected)) in SOURCES.iter().enumerate() {
        let test_system = test_system_with(&SOURCES[first..]);
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), *expected);
        for (variable, value) in [
            ("YC_API_KEY", "AQVN-FAKE-other"),
            ("YC_IAM_TOKEN", "t1.FAKE-other.x"),
            ("YC_OAUTH_TOKEN", "y0_FAKE-other"),
        ] {
            test_system.environment.set(variable, value);
        }
        test_system.clock.advance(secs(1800));
        assert_eq!(header(&credentials), *expected, "{source}");
        assert_eq!(credentials.method(), Some(*method));
        assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, *method);
    }
}

#[test]
fn a_refresh_uses_the_selected_source_when_the_variables_have_changed() {
    // Each refresh is due: the tokens have expired, so the call waits for the next one.
    let test_system =
        TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.1").always(TestReply::status(200, METADATA_ANSWER));
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("YC_METADATA_ADDR", "10.0.0.2");
    test_system.clock.advance(secs(24 * 3600));
    header(&credentials);
    let asked = test_system.http.requests();
    assert!(asked.len() == 2 && asked.iter().all(|url| url.contains("//10.0.0.1/")), "{asked:?}");

    let mut test_system = TestSystem::new().with_yc(logged_in).set("YC_PROFILE", "first");
    test_system.files = TestFiles::new([(crate::support::YC, ""), ("/home/someone/bin/yc", "")]);
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("PATH", "/home/someone/bin:/opt/yandex-cloud/bin");
    test_system.environment.set("YC_PROFILE", "second");
    test_system.environment.set("YC_API_ENDPOINT", "api.other.example");
    test_system.clock.advance(secs(24 * 3600));
    // The double returns the same token, which has expired by now.
    let _ = credentials.blocking().header();
    let commands = test_system.processes.commands();
    assert_eq!(commands.len(), 3);
    for command in &commands {
        let words = crate::support::words(command);
        assert!(words.contains(&"first") && !words.contains(&"--endpoint"), "{words:?}");
        assert_eq!(command.program, Path::new(crate::support::YC), "not another program either");
    }

    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", OAUTH_TOKEN).answering(cloud(exchanged()));
    let credentials = test_system.automatic();
    header(&credentials);
    test_system.environment.set("YC_API_ENDPOINT", "api.other.example");
    test_system.clock.advance(secs(24 * 3600));
    let _ = test_support::token_source::first_failure(&credentials);
    let asked = test_system.http.requests();
    assert!(asked.len() > 2 && asked.iter().all(|url| !url.contains("other.example")), "{asked:?}");
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
fn a_failed_selection_is_remembered_for_seconds_and_then_repeated() {
    let test_system = TestSystem::new();
    let credentials = test_system.automatic();
    assert_eq!(credentials.blocking().select().unwrap_err().kind(), ErrorKind::NotConfigured);
    test_system.environment.set("YC_TOKEN", IAM_TOKEN);
    assert!(
        credentials.blocking().header().unwrap_err().report().is_some(),
        "the remembered error has its report"
    );
    assert!(credentials.try_header().unwrap().unwrap_err().report().is_some());
    assert_eq!(test_system.http.requests().len(), 1);

    test_system.clock.advance(secs(5));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::EnvIamToken));
}

#[test]
fn the_token_that_selection_fetched_is_the_first_token() {
    let test_system = TestSystem::new().always(TestReply::status(200, METADATA_ANSWER));
    let credentials = test_system.automatic();
    assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, Method::Metadata);
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(test_system.http.requests(), [format!("GET {METADATA_URL}")]);
    assert_eq!(credentials.counters().fetches, 1);
}

#[test]
fn a_connect_timeout_is_a_warning_only_if_another_source_is_selected() {
    let silent = TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectTimeout);
    let test_system = TestSystem::new().always(silent.clone()).set("YC_TOKEN", IAM_TOKEN);
    header(&test_system.automatic());
    let warnings = test_system.log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("metadata") && warnings[0].contains("env-iam-token")
            || warnings[0].contains("YC_TOKEN"),
        "{warnings:?}"
    );

    let test_system = TestSystem::new().always(silent.clone());
    test_system.automatic().blocking().header().unwrap_err();
    assert!(
        test_system.log.warnings().iter().all(|line| !line.contains("in time")),
        "no source was selected"
    );

    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    header(&test_system.automatic());
    assert_eq!(test_system.log.warnings(), Vec::<String>::new(), "a refused connection needs no warning");
}

#[test]
fn clones_share_one_selection() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let test_system = TestSystem::new().answering(move |_, _| {
        assert!(!seen.swap(true, Ordering::SeqCst), "requested once");
        TestReply::status(200, METADATA_ANSWER)
    });
    let credentials = test_system.automatic();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let clone: Credentials = credentials.clone();
            std::thread::spawn(move || header(&clone))
        })
        .collect();
    for thread in threads {
        assert_eq!(joined(thread), format!("Bearer {METADATA_TOKEN}"));
    }
    assert!(asked.load(Ordering::SeqCst));
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

#[test]
fn the_slot_of_a_broken_variable_shows_this_variable() {
    for (variables, broken) in [
        (&[("YC_OAUTH_TOKEN", OAUTH_TOKEN), ("YC_API_ENDPOINT", "a b")][..], "YC_API_ENDPOINT"),
        (&[("YC_OIDC_TOKEN", "eyJhbGciOiJSUzI1NiJ9.e30.FAKE")], "YC_SERVICE_ACCOUNT_ID"),
        (&[("YC_METADATA_ADDR", "https://metadata.corp.example")], "YC_METADATA_ADDR"),
    ] {
        let test_system =
            variables.iter().fold(TestSystem::new(), |system, (name, value)| system.set(name, value));
        let error = test_system.automatic().blocking().header().unwrap_err();
        let report = error.report().unwrap();
        let attempt = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
        assert_eq!(attempt.source, broken, "{report}");
    }
}
