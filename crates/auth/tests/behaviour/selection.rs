//! Automatic selection: the order, what is passed over and what ends it, and that the choice stays.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{
    API_KEY, IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, Machine, OAUTH_TOKEN, YC_TOKEN, cloud,
    exchanged, logged_in,
};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{BoxFuture, Environment, Files};
use yandex_cloud_auth::testing::{TestFiles, TestReply, TestRun};
use yandex_cloud_auth::{
    ApiKeyAuth, Automatic, Credentials, CustomAuth, EnvIamTokenAuth, Error, ErrorKind, IamTokenAuth,
    MetadataAuth, Method, NoAuth, Outcome, System, Token, TokenSource, YandexCloudCliAuth,
};

/// Every source, in the documented order, with the method and the header that it gives.
const SOURCES: [(&str, Method, &str); 6] = [
    ("YC_API_KEY", Method::ApiKey, "Api-Key AQVN-FAKE-api-key"),
    ("YC_IAM_TOKEN", Method::IamToken, "Bearer t1.FAKE-given.FAKE-signature"),
    ("YC_OAUTH_TOKEN", Method::OAuthToken, "Bearer t1.FAKE-body.FAKE-signature"),
    ("metadata", Method::Metadata, "Bearer t1.FAKE-metadata.FAKE-signature"),
    ("YC_TOKEN", Method::EnvIamToken, "Bearer t1.FAKE-env.FAKE-signature"),
    ("yc", Method::YandexCloudCli, "Bearer t1.FAKE-yc.FAKE-signature"),
];

/// A machine that has these sources.
fn machine_with(sources: &[(&str, Method, &str)]) -> Machine {
    let mut machine = Machine::new();
    let has_metadata = sources.iter().any(|source| source.0 == "metadata");
    let services = cloud(exchanged());
    machine = machine.answering(move |request, count| match request.uri().host() {
        Some("169.254.169.254") if has_metadata => TestReply::status(200, METADATA_ANSWER),
        Some("169.254.169.254") => TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectRefused),
        _ => services(request, count),
    });
    for (source, ..) in sources {
        machine = match *source {
            "YC_API_KEY" => machine.set("YC_API_KEY", API_KEY),
            "YC_IAM_TOKEN" => machine.set("YC_IAM_TOKEN", "t1.FAKE-given.FAKE-signature"),
            "YC_OAUTH_TOKEN" => machine.set("YC_OAUTH_TOKEN", OAUTH_TOKEN),
            "YC_TOKEN" => machine.set("YC_TOKEN", "t1.FAKE-env.FAKE-signature"),
            "yc" => machine.with_yc(logged_in),
            _ => machine,
        };
    }
    machine
}

#[test]
fn takes_the_first_source_there_is_in_the_documented_order() {
    for first in 0..SOURCES.len() {
        let machine = machine_with(&SOURCES[first..]);
        let credentials = machine.automatic();
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
fn the_order_is_open_to_see() {
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
fn a_source_before_the_chosen_one_keeps_the_others_unasked() {
    let machine = machine_with(&SOURCES);
    assert_eq!(header(&machine.automatic()), format!("Api-Key {API_KEY}"));
    assert!(machine.http.requests().is_empty());
    assert!(machine.processes.commands().is_empty());
}

#[test]
fn nothing_is_looked_at_before_the_first_need() {
    let machine = machine_with(&SOURCES[3..]);
    let credentials = machine.automatic();
    assert!(credentials.try_header().is_none(), "it never selects");
    assert!(credentials.method().is_none() && credentials.report().is_none());
    assert!(credentials.snapshot().is_none());
    assert!(machine.http.requests().is_empty());

    machine.environment.set("YC_API_KEY", API_KEY);
    assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, Method::ApiKey);
    assert_eq!(credentials.method(), Some(Method::ApiKey));
    assert!(machine.http.requests().is_empty());
}

/// An environment that nobody may look at.
struct Untouchable;

impl Environment for Untouchable {
    fn variable(&self, name: &str) -> Option<OsString> {
        panic!("{name} was read");
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        panic!("the variables were read");
    }

    fn stdin_is_terminal(&self) -> bool {
        panic!("standard input was looked at");
    }
}

#[test]
fn making_credentials_touches_nothing() {
    let machine = Machine::new();
    let system = machine.system().with_environment(Untouchable);
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
    assert!(machine.http.requests().is_empty());
}

#[test]
fn nothing_configured_tells_what_was_looked_at() {
    let machine = Machine::new();
    let error = machine.automatic().blocking().header().unwrap_err();
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
fn an_empty_variable_is_an_unset_one() {
    for blank in ["", " ", "\n", " \t\r\n"] {
        let machine = Machine::new();
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
            machine.environment.set(name, blank);
        }
        let error = machine.automatic().blocking().header().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConfigured, "{blank:?}");
        assert_eq!(machine.http.requests(), [format!("GET {METADATA_URL}")], "{blank:?}");
    }
}

#[test]
fn a_value_is_trimmed() {
    let machine = Machine::new().set("YC_API_KEY", " AQVN-FAKE-api-key\r\n");
    assert_eq!(header(&machine.automatic()), "Api-Key AQVN-FAKE-api-key");
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
        let machine = Machine::new().with_yc(logged_in).set(variable, value);
        let error = machine.automatic().blocking().header().unwrap_err();
        assert_eq!(
            (error.kind(), error.location()),
            (ErrorKind::Invalid, Some(variable)),
            "{variable} {value}"
        );
        assert!(error.help().unwrap().contains(right), "{variable} {value}: {:?}", error.help());
        assert!(machine.processes.commands().is_empty(), "the next one would be somebody else");
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
            let machine = Machine::new().with_yc(logged_in).set(variable, value);
            let error = machine.automatic().blocking().header().unwrap_err();
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
fn a_value_that_is_no_text_ends_the_selection() {
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
        let machine = Machine::new();
        machine.environment.set(variable, OsString::from_vec(b"FAKE-\xff".to_vec()));
        let error = machine.automatic().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)));
        assert!(!error.to_string().contains("FAKE"), "{error}");
    }
}

#[test]
fn a_variable_whose_file_is_missing_is_never_passed_over() {
    for (variable, method) in
        [("YC_SERVICE_ACCOUNT_KEY_FILE", Method::ServiceAccountKey), ("YC_IAM_TOKEN_FILE", Method::TokenFile)]
    {
        let machine = machine_with(&SOURCES[3..]).set(variable, "/run/FAKE.json");
        for automatic in [Automatic::new(), Automatic::new().lenient()] {
            let error = automatic.with_system(machine.system()).build().blocking().header().unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("/run/FAKE.json")));
            assert_eq!(error.method(), Some(method));
            assert!(error.reason().contains("no such file"), "{error}");
            let broken = error.report().unwrap().attempts().iter().find(|attempt| attempt.method == method);
            let broken = broken.unwrap();
            assert_eq!((broken.outcome, &*broken.source), (Outcome::Broken, variable));
        }
        assert!(machine.http.requests().is_empty(), "nothing behind it is asked");

        let machine = machine.set("YC_API_KEY", API_KEY);
        assert_eq!(header(&machine.automatic()), format!("Api-Key {API_KEY}"), "it comes after the key");
    }
}

#[test]
fn a_slot_can_be_removed_or_replaced_by_name() {
    let machine = machine_with(&SOURCES[3..]);
    let without = Automatic::new().without("metadata").unwrap();
    assert!(without.slots().all(|slot| slot != "metadata"));
    let credentials = without.with_system(machine.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-env.FAKE-signature");
    assert!(machine.http.requests().is_empty());

    let given = IamTokenAuth::new(IAM_TOKEN).unwrap();
    let credentials =
        Automatic::new().replace("api-key", given).unwrap().with_system(machine.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::IamToken));

    let other = EnvIamTokenAuth::variable("MY_TOKEN");
    let machine = machine.set("MY_TOKEN", IAM_TOKEN);
    let credentials =
        Automatic::new().replace("metadata", other).unwrap().with_system(machine.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.report().unwrap().selected().unwrap().source, "MY_TOKEN");
}

#[test]
fn a_replaced_slot_keeps_its_options() {
    let machine = Machine::new().always(TestReply::status(200, METADATA_ANSWER));
    let metadata = MetadataAuth::builder().address("10.0.0.7:8080").build();
    let credentials =
        Automatic::new().replace("metadata", metadata).unwrap().with_system(machine.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(
        machine.http.requests(),
        ["GET http://10.0.0.7:8080/computeMetadata/v1/instance/service-accounts/default/token"]
    );

    let machine = Machine::new().with_yc(logged_in);
    let yc = YandexCloudCliAuth::builder().profile("work").build();
    let credentials =
        Automatic::new().replace("yandex-cloud-cli", yc).unwrap().with_system(machine.system()).build();
    assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
    for command in machine.processes.commands() {
        assert!(crate::support::words(&command).ends_with(&["--profile", "work"]), "{command:?}");
    }
}

/// A token source of the program's own.
struct Vault(Result<&'static str, ErrorKind>);

impl TokenSource for Vault {
    fn fetch<'a>(&'a self, _system: &'a System) -> BoxFuture<'a, Result<Token, Error>> {
        Box::pin(async { self.0.map_err(|kind| Error::new(kind, "the vault is shut")).and_then(Token::new) })
    }
}

#[test]
fn a_slot_can_hold_a_token_source_of_the_programs_own() {
    let machine = machine_with(&SOURCES[4..]);
    let vault = Automatic::new().replace("metadata", CustomAuth::new(Vault(Ok("t1.FAKE-vault.x")))).unwrap();
    assert!(vault.slots().any(|slot| slot == "metadata"), "the slot keeps its name");
    let credentials = vault.clone().with_system(machine.system()).build();
    assert_eq!(header(&credentials), "Bearer t1.FAKE-vault.x");
    assert_eq!(credentials.method(), Some(Method::Custom));
    let report = credentials.report().unwrap();
    let selected = report.selected().unwrap();
    assert_eq!(
        (selected.method.name(), &*selected.source, &*selected.reason),
        ("custom", "token source of the program", "given")
    );
    assert!(machine.http.requests().is_empty(), "nobody else is asked");

    let before = vault.with_system(machine.set("YC_API_KEY", API_KEY).system()).build();
    assert_eq!(header(&before), format!("Api-Key {API_KEY}"), "the order stays");

    let shut = Automatic::new().replace("api-key", CustomAuth::new(Vault(Err(ErrorKind::Refused)))).unwrap();
    let error = shut.with_system(Machine::new().system()).build().blocking().header().unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Refused, Some(Method::Custom)), "{error}");
}

#[test]
fn a_slot_that_is_none_is_refused_by_name_with_the_names_there_are() {
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
fn none_is_never_chosen_by_itself() {
    let machine = Machine::new();
    assert!(machine.automatic().blocking().header().is_err());
    let credentials = Automatic::new()
        .replace("yandex-cloud-cli", NoAuth::new())
        .unwrap()
        .with_system(machine.system())
        .build();
    assert!(credentials.blocking().header().unwrap().is_none(), "unless somebody puts it there");
    assert_eq!(credentials.method(), Some(Method::None));
}

#[test]
fn the_choice_stays_though_the_environment_changes() {
    for (first, (source, method, expected)) in SOURCES.iter().enumerate() {
        let machine = machine_with(&SOURCES[first..]);
        let credentials = machine.automatic();
        assert_eq!(header(&credentials), *expected);
        for (variable, value) in [
            ("YC_API_KEY", "AQVN-FAKE-other"),
            ("YC_IAM_TOKEN", "t1.FAKE-other.x"),
            ("YC_OAUTH_TOKEN", "y0_FAKE-other"),
        ] {
            machine.environment.set(variable, value);
        }
        machine.clock.advance(secs(1800));
        assert_eq!(header(&credentials), *expected, "{source}");
        assert_eq!(credentials.method(), Some(*method));
        assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, *method);
    }
}

#[test]
fn a_refresh_asks_whom_the_selection_has_chosen_though_the_variables_changed() {
    // Each refresh is due: the tokens are past their life, so that the call waits for the next one.
    let machine =
        Machine::new().set("YC_METADATA_ADDR", "10.0.0.1").always(TestReply::status(200, METADATA_ANSWER));
    let credentials = machine.automatic();
    header(&credentials);
    machine.environment.set("YC_METADATA_ADDR", "10.0.0.2");
    machine.clock.advance(secs(24 * 3600));
    header(&credentials);
    let asked = machine.http.requests();
    assert!(asked.len() == 2 && asked.iter().all(|url| url.contains("//10.0.0.1/")), "{asked:?}");

    let mut machine = Machine::new().with_yc(logged_in).set("YC_PROFILE", "first");
    machine.files = TestFiles::new([(crate::support::YC, ""), ("/home/someone/bin/yc", "")]);
    let credentials = machine.automatic();
    header(&credentials);
    machine.environment.set("PATH", "/home/someone/bin:/opt/yandex-cloud/bin");
    machine.environment.set("YC_PROFILE", "second");
    machine.environment.set("YC_API_ENDPOINT", "api.other.example");
    machine.clock.advance(secs(24 * 3600));
    // The double gives the same token again, so that it is over by now.
    let _ = credentials.blocking().header();
    let commands = machine.processes.commands();
    assert_eq!(commands.len(), 3);
    for command in &commands {
        let words = crate::support::words(command);
        assert!(words.contains(&"first") && !words.contains(&"--endpoint"), "{words:?}");
        assert_eq!(command.program, Path::new(crate::support::YC), "not another program either");
    }

    let machine = Machine::new().set("YC_OAUTH_TOKEN", OAUTH_TOKEN).answering(cloud(exchanged()));
    let credentials = machine.automatic();
    header(&credentials);
    machine.environment.set("YC_API_ENDPOINT", "api.other.example");
    machine.clock.advance(secs(24 * 3600));
    let _ = credentials.blocking().header();
    let asked = machine.http.requests();
    assert!(asked.len() > 2 && asked.iter().all(|url| !url.contains("other.example")), "{asked:?}");
}

/// Files that nobody may look at: a folder on `PATH` may be a server that is down, and a look at it never ends.
struct OutOfReach;

impl Files for OutOfReach {
    fn read(&self, path: &Path, _limit: usize) -> std::io::Result<Vec<u8>> {
        panic!("{} is read", path.display())
    }

    fn is_executable(&self, path: &Path) -> bool {
        panic!("{} is looked at", path.display())
    }
}

#[test]
fn a_slot_that_is_not_tried_is_named_without_a_look_at_the_files() {
    for (yc, name) in [
        (YandexCloudCliAuth::new(), "yc"),
        (YandexCloudCliAuth::builder().program("/dead/nfs/yc").build(), "/dead/nfs/yc"),
    ] {
        let machine = Machine::new().with_yc(logged_in).set("YC_API_KEY", API_KEY);
        let automatic = Automatic::new().replace("yandex-cloud-cli", yc).unwrap();
        let report = automatic
            .with_system(machine.system().with_files(OutOfReach))
            .build()
            .blocking()
            .select()
            .unwrap();
        let last = report.attempts().last().unwrap();
        assert_eq!((&*last.source, last.outcome), (name, Outcome::NotTried));

        let machine = machine.set("YC_API_KEY", IAM_TOKEN);
        let error =
            machine.automatic().with_system(machine.system().with_files(OutOfReach)).blocking().select();
        assert_eq!(
            error.unwrap_err().report().unwrap().attempts().last().unwrap().outcome,
            Outcome::NotTried
        );
    }
}

#[test]
fn a_failed_selection_is_remembered_for_seconds_and_then_made_again() {
    let machine = Machine::new();
    let credentials = machine.automatic();
    assert_eq!(credentials.blocking().select().unwrap_err().kind(), ErrorKind::NotConfigured);
    machine.environment.set("YC_TOKEN", IAM_TOKEN);
    assert!(credentials.blocking().header().unwrap_err().report().is_some(), "told again, with its report");
    assert!(credentials.try_header().unwrap().unwrap_err().report().is_some());
    assert_eq!(machine.http.requests().len(), 1);

    machine.clock.advance(secs(5));
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    assert_eq!(credentials.method(), Some(Method::EnvIamToken));
}

#[test]
fn what_the_selection_has_fetched_is_the_first_token() {
    let machine = Machine::new().always(TestReply::status(200, METADATA_ANSWER));
    let credentials = machine.automatic();
    assert_eq!(credentials.blocking().select().unwrap().selected().unwrap().method, Method::Metadata);
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(machine.http.requests(), [format!("GET {METADATA_URL}")]);
    assert_eq!(credentials.counters().fetches, 1);
}

#[test]
fn lenience_passes_over_metadata_and_yc_and_says_so() {
    let machine = Machine::new().always(TestReply::status(503, "")).set("YC_TOKEN", IAM_TOKEN);
    let strict = machine.automatic().blocking().header().unwrap_err();
    assert_eq!(strict.method(), Some(Method::Metadata));

    let credentials = Automatic::new().lenient().with_system(machine.system()).build();
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
        let machine = Machine::new().with_yc(move |_| run.clone());
        let strict = machine.automatic().blocking().header().unwrap_err();
        assert_eq!(strict.method(), Some(Method::YandexCloudCli), "{strict}");
        let lenient = Automatic::new().lenient().with_system(machine.system()).build();
        let error = lenient.blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::NotConfigured, None), "{error}");
        let report = error.report().unwrap();
        assert!(report.to_string().contains("skipped"), "{report}");
    }
}

#[test]
fn lenience_does_not_extend_to_other_methods() {
    let machine = Machine::new()
        .set("YC_OAUTH_TOKEN", OAUTH_TOKEN)
        .set("YC_API_ENDPOINT", "http://api.corp.example")
        .set("YC_TOKEN", IAM_TOKEN);
    for automatic in [Automatic::new(), Automatic::new().lenient()] {
        let error = automatic.with_system(machine.system()).build().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Blocked, Some(Method::OAuthToken)));
        assert_eq!(error.report().unwrap().attempts()[2].outcome, Outcome::Broken);
    }
}

#[test]
fn lenience_does_not_extend_to_malformed_values() {
    for (variable, value) in [
        ("YC_METADATA_ADDR", "https://10.0.0.1"),
        ("YC_METADATA_ADDR", "10.0.0.1/path"),
        ("YC_TOKEN", OAUTH_TOKEN),
        ("YC_API_KEY", IAM_TOKEN),
        ("YC_API_ENDPOINT", "ftp://x"),
    ] {
        let machine = Machine::new().with_yc(logged_in).set(variable, value);
        let error =
            Automatic::new().lenient().with_system(machine.system()).build().blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(variable)), "{value}");
    }
}

#[test]
fn a_connection_that_timed_out_is_warned_about_only_when_something_else_is_taken() {
    let silent = TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectTimeout);
    let machine = Machine::new().always(silent.clone()).set("YC_TOKEN", IAM_TOKEN);
    header(&machine.automatic());
    let warnings = machine.log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("metadata") && warnings[0].contains("env-iam-token")
            || warnings[0].contains("YC_TOKEN"),
        "{warnings:?}"
    );

    let machine = Machine::new().always(silent.clone());
    machine.automatic().blocking().header().unwrap_err();
    assert!(machine.log.warnings().iter().all(|line| !line.contains("in time")), "nothing was taken");

    let machine = Machine::new().set("YC_TOKEN", IAM_TOKEN);
    header(&machine.automatic());
    assert_eq!(machine.log.warnings(), Vec::<String>::new(), "nobody is there, and that was told at once");
}

#[test]
fn clones_share_one_selection() {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let machine = Machine::new().answering(move |_, _| {
        assert!(!seen.swap(true, Ordering::SeqCst), "asked once");
        TestReply::status(200, METADATA_ANSWER)
    });
    let credentials = machine.automatic();
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
fn each_method_reads_its_own_variable_and_no_other() {
    let all = machine_with(&SOURCES);
    for (credentials, expected) in [
        (all.with(ApiKeyAuth::from_env()), SOURCES[0].2),
        (all.with(IamTokenAuth::from_env()), SOURCES[1].2),
        (all.with(yandex_cloud_auth::OAuthTokenAuth::from_env()), SOURCES[2].2),
        (all.with(MetadataAuth::from_env()), SOURCES[3].2),
        (all.with(EnvIamTokenAuth::from_env()), SOURCES[4].2),
        (all.with(YandexCloudCliAuth::from_env()), SOURCES[5].2),
    ] {
        assert_eq!(header(&credentials), expected);
        assert_eq!(credentials.report().unwrap().attempts().len(), 1);
    }
}
