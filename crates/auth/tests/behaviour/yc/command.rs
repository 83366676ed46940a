//! When yc runs, with which arguments and variables, and for how long.

use std::ffi::OsStr;
use std::io;
use std::sync::mpsc;

use super::{by_hand, failure};
use crate::support::{IAM_TOKEN, TestSystem, YC, YC_TOKEN, logged_in, words};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestProcesses, TestRun};
use yandex_cloud_auth::{Automatic, Credentials, Endpoints, ErrorKind, Method, System, YandexCloudCliAuth};

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
