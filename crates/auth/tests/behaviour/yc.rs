//! The yc CLI: when it runs, with which arguments and variables, and how its output is read.

use std::ffi::OsStr;
use std::io;
use std::sync::mpsc;

use crate::support::{IAM_TOKEN, TestSystem, YC, YC_TOKEN, logged_in, words};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::Command;
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestRun};
use yandex_cloud_auth::{
    Automatic, Credentials, Endpoints, Error, ErrorKind, Method, Outcome, System, YandexCloudCliAuth,
};

fn by_hand(test_system: &TestSystem) -> Credentials {
    test_system.with(YandexCloudCliAuth::new())
}

fn failure(run: TestRun) -> Error {
    test_support::token_source::first_failure(&by_hand(&TestSystem::new().with_yc(move |_| run.clone())))
}

/// A yc whose profile has this endpoint.
fn with_endpoint(printed: &'static str) -> TestSystem {
    TestSystem::new().with_yc(move |command| match words(command)[0] {
        "config" => TestRun::prints(printed),
        _ => TestRun::prints(YC_TOKEN),
    })
}

fn absent_reason(test_system: &TestSystem) -> String {
    let error = test_system.automatic().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
    let report = error.report().unwrap().clone();
    let attempt = report.attempts().last().unwrap();
    assert_eq!((attempt.method, attempt.outcome), (Method::YandexCloudCli, Outcome::Absent), "{report}");
    attempt.reason.clone()
}

#[test]
fn yc_runs_with_exactly_these_arguments() {
    let create = ["iam", "create-token", "--no-user-output", "--format", "json"];
    let yc = YandexCloudCliAuth::builder;
    // method, YC_PROFILE, YC_API_ENDPOINT -> arguments after the command
    for (auth, profile, endpoint, more) in [
        (yc(), "", "", vec![]),
        (yc(), "home", "", vec!["--profile", "home"]),
        (yc().profile("work"), "", "", vec!["--profile", "work"]),
        (yc().profile("work"), "home", "", vec!["--profile", "work"]),
        (yc(), "", "api.yandexcloud.kz", vec!["--endpoint", "api.yandexcloud.kz:443"]),
        (yc(), "", "https://API.yandexcloud.kz/", vec!["--endpoint", "api.yandexcloud.kz:443"]),
        (yc(), "", "http://127.0.0.1", vec!["--endpoint", "127.0.0.1:443"]),
        (yc(), "", "http://127.0.0.1:80", vec!["--endpoint", "127.0.0.1:80"]),
        (
            yc().profile("a b; rm"),
            "home",
            "api.yandexcloud.kz",
            vec!["--endpoint", "api.yandexcloud.kz:443", "--profile", "a b; rm"],
        ),
    ] {
        let test_system =
            TestSystem::new().with_yc(logged_in).set("YC_PROFILE", profile).set("YC_API_ENDPOINT", endpoint);
        assert_eq!(header(&test_system.with(auth.build())), format!("Bearer {YC_TOKEN}"));
        let commands = test_system.processes.commands();
        assert_eq!(commands.len(), 1, "for an explicit method, the endpoint of yc is not read");
        assert_eq!(commands[0].program, OsStr::new(YC));
        assert_eq!(words(&commands[0]), [&create[..], &more].concat());
    }
    let test_system = TestSystem::new().with_yc(logged_in).set("YC_API_ENDPOINT", "api.yandexcloud.kz");
    let test_system = test_system.at(Endpoints::new().api("127.0.0.1:8443"));
    header(&test_system.with(yc().build()));
    let commands = test_system.processes.commands();
    assert_eq!(words(&commands[0]), [&create[..], &["--endpoint", "127.0.0.1:8443"]].concat());
}

#[test]
fn selection_reads_the_endpoint_of_the_same_profile_first() {
    let test_system = TestSystem::new().with_yc(logged_in).set("YC_PROFILE", "home");
    assert_eq!(header(&test_system.automatic()), format!("Bearer {YC_TOKEN}"));
    let commands = test_system.processes.commands();
    assert_eq!(commands.len(), 2);
    assert_eq!(words(&commands[0]), ["config", "get", "endpoint", "--profile", "home"]);
    assert_eq!(
        words(&commands[1]),
        ["iam", "create-token", "--no-user-output", "--format", "json", "--profile", "home"]
    );
}

#[test]
fn yc_inherits_the_environment_without_the_token_that_would_override_its_profile() {
    let test_system = TestSystem::new()
        .with_yc(logged_in)
        .set("HOME", "/home/someone")
        .set("HTTPS_PROXY", "http://proxy.corp.example:3128")
        .set("YC_CLI_INITIALIZATION_SILENCE", "false");
    let without = Automatic::new().without("iam-token").unwrap();
    test_system.environment.set("YC_IAM_TOKEN", IAM_TOKEN);
    header(&without.with_system(test_system.system()).build());
    let commands = test_system.processes.commands();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let mut names: Vec<_> = command.environment.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "HTTPS_PROXY", "PATH", "YC_CLI_INITIALIZATION_SILENCE"]);
        let silence =
            command.environment.iter().find(|(name, _)| name == "YC_CLI_INITIALIZATION_SILENCE").unwrap();
        assert_eq!(silence.1, "true");
        assert!(!format!("{command:?}").contains(IAM_TOKEN));
    }
}

#[test]
fn the_token_is_found_among_notices() {
    let notice = "There is a new yc version '1.40.0' available. Current version: '1.15.0'.";
    for (output, token) in [
        (format!("{YC_TOKEN}\n"), YC_TOKEN),
        (format!("{YC_TOKEN}\n\n{notice}\nSee release notes at https://yandex.cloud\n"), YC_TOKEN),
        (format!("{notice}\r\n{YC_TOKEN}\r\n"), YC_TOKEN),
        (format!("Opening the browser...\n t1.FAKE-old.x\n{YC_TOKEN}"), YC_TOKEN),
        (format!("\u{feff}{notice}\n{YC_TOKEN}\n"), YC_TOKEN),
        ("CggVAgAAA-FAKE-older-shape-FAKE-FAKE\n".to_owned(), "CggVAgAAA-FAKE-older-shape-FAKE-FAKE"),
        (
            "notice\nCggVAgAAA-FAKE-older-shape-FAKE-FAKE\n\n".to_owned(),
            "CggVAgAAA-FAKE-older-shape-FAKE-FAKE",
        ),
    ] {
        let printed = output.clone();
        let test_system = TestSystem::new().with_yc(move |_| TestRun::prints(printed.clone()));
        assert_eq!(header(&by_hand(&test_system)), format!("Bearer {token}"), "{output:?}");
    }
}

#[test]
fn output_without_a_token_is_an_error_with_the_reason() {
    for (output, reason) in [
        ("", "the output is empty"),
        ("\n \r\n", "the output is empty"),
        ("There is a new yc version", "the output has no token"),
        ("FAKE\u{1b}[0mFAKE", "the output has no token"),
        ("y0_FAKE-oauth", "the output has no token: the output is an OAuth token (`y0_…`), not an IAM token"),
        ("hello", "the output has no token: the output is not an IAM token (`t1.…`): `hello`"),
        ("null", "the output has no token: the output is a placeholder"),
        (r#"{"iam_token":"y0_FAKE-oauth"}"#, "`iam_token`: the value is an OAuth token"),
        (r#"{"token":"t1.FAKE-body.x"}"#, "the output is JSON without the text `iam_token`"),
    ] {
        let error = failure(TestRun::prints(output));
        assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::YandexCloudCli)));
        assert!(error.reason().starts_with(reason), "{output:?}: {error}");
        assert_eq!(error.location(), Some(YC));
        assert!(!format!("{error} {error:?}").contains("FAKE-"), "{error}");
        assert!(error.help().unwrap().contains("yc iam create-token"));
    }
}

#[test]
fn the_error_has_the_message_of_yc_with_secrets_masked() {
    for (code, stderr, kind, reason) in [
        (
            1,
            "ERROR: profile 'x' not found\n",
            ErrorKind::Unavailable,
            "exit status 1: ERROR: profile 'x' not found",
        ),
        (1, "ERROR: a\n\n  b\r\n", ErrorKind::Unavailable, "exit status 1: ERROR: a; b"),
        (7, "", ErrorKind::Unavailable, "exit status 7: no message"),
        (
            1,
            "ERROR: iam token create failed: rpc error: code = Unauthenticated desc = OAuth token y0_FAKE-oauth is invalid or expired",
            ErrorKind::Refused,
            "exit status 1: ERROR: iam token create failed: rpc error: code = Unauthenticated desc = OAuth token y0_*** is invalid or expired",
        ),
        (
            1,
            "ERROR: open /home/a/.config/yandex-cloud/config.yaml: permission denied",
            ErrorKind::Unavailable,
            "exit status 1: ERROR: open /home/a/.config/yandex-cloud/config.yaml: permission denied",
        ),
        (
            1,
            "bad \u{1b}[31mt1.FAKE-a.b\u{1b}[0m",
            ErrorKind::Unavailable,
            "exit status 1: bad \\u{1b}[31mt1.***\\u{1b}[0m",
        ),
    ] {
        let error = failure(TestRun::Exit(code, String::new(), stderr.to_owned()));
        assert_eq!((error.kind(), error.reason(), error.location()), (kind, reason, Some(YC)), "{stderr:?}");
        assert!(error.help().is_some());
    }
    let endless = failure(TestRun::Exit(1, String::new(), "x".repeat(60_000)));
    assert!(endless.to_string().len() < 1200, "{}", endless.to_string().len());
}

#[test]
fn the_error_of_a_program_that_cannot_start_has_the_reason() {
    for (fault, kind) in [
        (io::ErrorKind::NotFound, ErrorKind::NotConfigured),
        (io::ErrorKind::PermissionDenied, ErrorKind::Unavailable),
        (io::ErrorKind::OutOfMemory, ErrorKind::Unavailable),
    ] {
        let error = failure(TestRun::Fail(fault));
        assert_eq!((error.kind(), error.location()), (kind, Some(YC)), "{error}");
        assert!(error.reason().starts_with("yc cannot be run"), "{error}");
    }
}

#[test]
fn a_yc_that_hangs_is_killed_after_thirty_seconds() {
    let (tell, asked) = mpsc::channel();
    let test_system = TestSystem::new().with_yc(move |_| {
        let _ = tell.send(());
        TestRun::Hang
    });
    for credentials in [by_hand(&test_system), test_system.automatic()] {
        let call = std::thread::spawn(move || credentials.blocking().header());
        asked.recv().unwrap();
        test_system.clock.wait_for_sleepers(1);
        test_system.clock.advance(secs(29));
        assert!(!call.is_finished());
        test_system.clock.advance(secs(1));
        let error = joined(call).unwrap_err();
        assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::YandexCloudCli)));
        assert!(error.reason().contains("30 s") && error.reason().contains("killed"), "{error}");
        assert!(error.help().unwrap().contains("browser"), "{:?}", error.help());
    }
}

#[test]
fn the_timeout_can_be_set() {
    let (tell, asked) = mpsc::channel();
    let test_system = TestSystem::new().with_yc(move |_| {
        let _ = tell.send(());
        TestRun::Hang
    });
    let credentials = test_system.with(YandexCloudCliAuth::builder().timeout(secs(3)).build());
    let call = std::thread::spawn(move || credentials.blocking().header());
    asked.recv().unwrap();
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(secs(3));
    assert!(joined(call).unwrap_err().reason().contains("3 s"));
}

#[test]
fn yc_is_found_on_the_absolute_entries_of_path_in_their_order() {
    // PATH, programs -> the program that runs
    for (path, programs, run) in [
        ("/a:/b", &["/a/yc", "/b/yc"][..], Some("/a/yc")),
        ("/a:/b", &["/b/yc"], Some("/b/yc")),
        ("bin:./x:/b", &["bin/yc", "./x/yc", "/b/yc"], Some("/b/yc")),
        (":/b:", &["yc", "/yc", "/b/yc"], Some("/b/yc")),
        ("bin:.", &["bin/yc", "./yc", "yc"], None),
        ("", &["yc", "/usr/bin/yc"], None),
        ("/a", &[], None),
    ] {
        let system = System::real()
            .with_environment(TestEnvironment::new([("PATH", path)]).with_terminal())
            .with_files(TestFiles::new(programs.iter().map(|path| (*path, ""))));
        let processes = TestProcesses::new(logged_in);
        let system = system.with_processes(processes.clone());
        let credentials = Credentials::from(YandexCloudCliAuth::new()).with_system(system);
        let outcome = credentials.blocking().header();
        let asked: Vec<_> = processes.commands().iter().map(|c| c.program.display().to_string()).collect();
        assert_eq!(asked, run.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{path:?}");
        match run {
            Some(run) => {
                assert_eq!(credentials.report().unwrap().selected().unwrap().source, run);
            }
            None => {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.location()), (ErrorKind::NotConfigured, Some("PATH")));
                assert!(error.help().unwrap().contains("https://"), "{:?}", error.help());
            }
        }
    }
}

#[test]
fn a_program_in_code_needs_a_full_path() {
    let test_system = TestSystem::new().with_yc(logged_in);
    let with = |program: &str| test_system.with(YandexCloudCliAuth::builder().program(program).build());
    assert_eq!(header(&with(YC)), format!("Bearer {YC_TOKEN}"));
    for (program, kind) in
        [("yc", ErrorKind::Invalid), ("./yc", ErrorKind::Invalid), ("/nowhere/yc", ErrorKind::NotConfigured)]
    {
        let error = with(program).blocking().header().unwrap_err();
        assert_eq!((error.kind(), error.location()), (kind, Some(program)));
        assert!(error.help().is_some());
    }
}

#[test]
fn selection_skips_yc_if_it_is_not_installed() {
    assert!(absent_reason(&TestSystem::new().set("PATH", "/usr/bin")).contains("PATH"));
}

#[test]
fn selection_skips_yc_if_standard_input_is_not_a_terminal() {
    let mut test_system = TestSystem::new().with_yc(logged_in);
    test_system.environment = TestEnvironment::new([("PATH", "/opt/yandex-cloud/bin")]);
    assert!(absent_reason(&test_system).contains("not a terminal"));
    assert!(test_system.processes.commands().is_empty());
    assert_eq!(
        header(&by_hand(&test_system)),
        format!("Bearer {YC_TOKEN}"),
        "an explicit method needs no terminal"
    );
}

#[test]
fn selection_takes_yc_if_its_endpoint_is_that_of_the_system() {
    // YC_API_ENDPOINT, output of yc, selected
    for (wanted, printed, taken) in [
        ("", "api.cloud.yandex.net:443\n", true),
        ("", "api.cloud.yandex.net", true),
        ("", "https://api.cloud.yandex.net:443/", true),
        ("", "a notice\nAPI.cloud.yandex.net:443\n\n", true),
        ("", "", true),
        ("", "\n", true),
        ("api.cloud.yandex.net", "", true),
        ("https://api.cloud.yandex.net", "api.cloud.yandex.net:443", true),
        ("api.yandexcloud.kz:443", "api.yandexcloud.kz", true),
        ("api.yandexcloud.kz", "", false),
        ("api.yandexcloud.kz", "api.cloud.yandex.net:443", false),
        ("", "api.yandexcloud.kz:443", false),
        ("", "api.cloud.yandex.net:8443", false),
        ("", "http://api.cloud.yandex.net", true),
        ("", "http://api.cloud.yandex.net:443", true),
        ("", "http://api.cloud.yandex.net:80", false),
        ("", "api.cloud.yandex.net:80", false),
        ("http://127.0.0.1", "127.0.0.1:443", true),
        ("http://127.0.0.1", "http://127.0.0.1/", true),
        ("http://127.0.0.1", "127.0.0.1:80", false),
        ("http://127.0.0.1:80", "127.0.0.1:80", true),
        ("http://127.0.0.1:80", "127.0.0.1", false),
        ("", "ftp://api.cloud.yandex.net", false),
        ("", "not an endpoint", false),
        ("", "api.cloud.yandex.net:443\na notice after it", false),
    ] {
        let test_system = with_endpoint(printed).set("YC_API_ENDPOINT", wanted);
        if taken {
            assert_eq!(
                header(&test_system.automatic()),
                format!("Bearer {YC_TOKEN}"),
                "{wanted:?} {printed:?}"
            );
        } else {
            let reason = absent_reason(&test_system);
            assert!(reason.contains("endpoint"), "{wanted:?} {printed:?}: {reason}");
            assert_eq!(test_system.processes.commands().len(), 1, "yc does not run for a token");
        }
    }
}

#[test]
fn the_reason_shows_the_endpoint_of_yc_without_secrets_and_control_characters() {
    let endpoint: &'static str = Box::leak(
        format!("\u{1b}[31mt1.FAKE-body.x https://user:FAKE-password@h {}", "x".repeat(5000))
            .into_boxed_str(),
    );
    let reason = absent_reason(&with_endpoint(endpoint));
    assert!(!reason.contains("FAKE") && !reason.contains('\u{1b}') && reason.len() < 1200, "{reason}");
}

#[test]
fn a_broken_yc_ends_the_selection() {
    for (run, kind) in [
        (TestRun::Exit(1, String::new(), "ERROR: no such profile".to_owned()), ErrorKind::Unavailable),
        (TestRun::Exit(1, String::new(), "ERROR: Unauthenticated".to_owned()), ErrorKind::Refused),
        (TestRun::Fail(io::ErrorKind::PermissionDenied), ErrorKind::Unavailable),
    ] {
        let test_system = TestSystem::new().with_yc(move |_| run.clone());
        let error = test_support::token_source::first_failure(&test_system.automatic());
        assert_eq!((error.kind(), error.method()), (kind, Some(Method::YandexCloudCli)), "{error}");
        assert_eq!(error.report().unwrap().attempts().last().unwrap().outcome, Outcome::Broken);
    }
}

#[test]
fn the_report_has_the_full_path() {
    let test_system = TestSystem::new().with_yc(logged_in);
    let report = test_system.automatic().blocking().select().unwrap();
    assert_eq!(report.selected().unwrap().source, YC);
}

#[test]
fn a_token_of_yc_is_used_for_an_hour() {
    let (tell, asked) = mpsc::channel();
    let test_system = TestSystem::new().with_yc(move |_: &Command| {
        let _ = tell.send(());
        TestRun::prints(YC_TOKEN)
    });
    let credentials = by_hand(&test_system);
    header(&credentials);
    asked.recv().unwrap();
    test_system.clock.advance(secs(3599));
    header(&credentials);
    assert!(asked.try_recv().is_err());
    test_system.clock.advance(secs(1));
    assert_eq!(header(&credentials), format!("Bearer {YC_TOKEN}"));
    asked.recv().unwrap();
    assert_eq!(credentials.snapshot().unwrap().expires_at(), None, "yc gives no expiry");
}

#[test]
fn only_status_codes_of_grpc_are_a_refusal() {
    for (said, kind) in [
        ("rpc error: code = Unauthenticated desc = x", ErrorKind::Refused),
        ("rpc error: code = PermissionDenied desc = x", ErrorKind::Refused),
        ("rpc error: code = NotFound desc = Subject not found", ErrorKind::Refused),
        ("rpc error: code = InvalidArgument desc = x", ErrorKind::Refused),
        ("rpc error: code = FailedPrecondition desc = x", ErrorKind::Refused),
        ("server says UNAUTHENTICATED", ErrorKind::Refused),
        ("server says PERMISSION_DENIED", ErrorKind::Refused),
        ("rpc error: code = Unavailable desc = connection refused", ErrorKind::Unavailable),
        ("rpc error: code = DeadlineExceeded desc = x", ErrorKind::Unavailable),
        ("rpc error: code = Internal desc = permission denied", ErrorKind::Unavailable),
        ("fork/exec /usr/bin/helper: permission denied", ErrorKind::Unavailable),
        ("Permission denied", ErrorKind::Unavailable),
        ("config.yaml is invalid or expired", ErrorKind::Unavailable),
        ("open NotFound: no such file", ErrorKind::Unavailable),
    ] {
        let error = failure(TestRun::Exit(1, String::new(), format!("ERROR: {said}\n")));
        assert_eq!(error.kind(), kind, "{error}");
    }
}
