//! Machines of Yandex Cloud: how they are told, and what a metadata service means there that cannot be reached.

use std::time::Duration;

use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, TestSystem, YC_TOKEN, logged_in};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::{TestClock, TestHttp, TestReply};
use yandex_cloud_auth::{Attempt, Automatic, Credentials, Error, ErrorKind, HeaderOptions, Method, Outcome};

const SYS_VENDOR: (&str, &str) = ("/sys/class/dmi/id/sys_vendor", "Yandex\n");
const FUNCTION_CA: (&str, &str) = ("/usr/local/share/ca-certificates/yandex-internal-ca.crt", "FAKE");

/// A system with these files.
fn with_files(test_system: TestSystem, files: &[(&str, &str)]) -> TestSystem {
    files.iter().for_each(|(path, content)| test_system.files.write(*path, *content));
    test_system
}

fn virtual_machine() -> TestSystem {
    with_files(TestSystem::new(), &[SYS_VENDOR])
}

/// A metadata service that refuses connections for this time, and then gives a token.
fn starting_after(time: Duration, clock: &TestClock) -> TestHttp {
    let (clock, start) = (clock.clone(), clock.now().monotonic + time);
    TestHttp::new(move |_, _| match clock.now().monotonic < start {
        true => TestReply::Fail(HttpFault::ConnectRefused),
        false => TestReply::status(200, METADATA_ANSWER),
    })
}

/// A metadata service that never connects: each attempt takes the time that it may take.
fn never_connecting(clock: &TestClock) -> TestHttp {
    let clock = clock.clone();
    TestHttp::with_options(move |_, options, _| {
        let attempt = clock.sleep(options.connect_timeout);
        async move {
            attempt.await;
            TestReply::Fail(HttpFault::ConnectTimeout)
        }
    })
}

/// Automatic selection for a caller with this much time, and how long it took.
fn header_within(limit: Option<Duration>, test_system: &TestSystem) -> (Credentials, Error, Duration) {
    let system = test_system.system().with_spawner(test_system.time.clone());
    let credentials = Automatic::new().with_system(system).build();
    let options = limit.map_or(HeaderOptions::new(), |limit| HeaderOptions::new().deadline(limit));
    let error = test_system.time.run(credentials.header_with(options)).unwrap_err();
    (credentials, error, test_system.time.elapsed())
}

fn metadata_attempt(credentials: &Credentials) -> Attempt {
    let report = credentials.report().unwrap();
    report.attempts().iter().find(|attempt| attempt.method == Method::Metadata).unwrap().clone()
}

#[test]
fn the_vendor_or_the_folder_of_a_function_shows_a_machine_of_yandex_cloud() {
    let nothing: &[(&str, &str)] = &[];
    // files, variable -> whether the machine is Yandex Cloud's
    for (files, variable, expected) in [
        (&[SYS_VENDOR][..], "", true),
        (&[("/sys/class/dmi/id/sys_vendor", " Yandex ")], "", true),
        (&[("/sys/class/dmi/id/sys_vendor", "QEMU\n")], "", false),
        (&[("/sys/class/dmi/id/sys_vendor", "Yandex Cloud")], "", false),
        (&[("/sys/class/dmi/id/sys_vendor", "yandex")], "", false),
        (&[("/sys/class/dmi/id/product_name", "Yandex")], "", false),
        (&[("/function/code/index.js", "")], "", true),
        (&[FUNCTION_CA], "_HANDLER", true),
        (&[FUNCTION_CA], "LAMBDA_TASK_ROOT", true),
        // AWS Lambda has the variables, and another machine can have the certificate.
        (&[FUNCTION_CA], "", false),
        (nothing, "_HANDLER", false),
        (nothing, "AWS_LAMBDA_RUNTIME_API", false),
        (nothing, "", false),
    ] {
        let test_system =
            TestSystem::new().with_yc(logged_in).always(TestReply::Fail(HttpFault::ConnectTimeout));
        let test_system = with_files(test_system, files);
        if !variable.is_empty() {
            test_system.environment.set(variable, "index.handler");
        }
        let (_, outcome) = test_system.patient_header(Automatic::new());
        match expected {
            true => assert_eq!(outcome.unwrap_err().method(), Some(Method::Metadata), "{files:?} {variable}"),
            false => assert_eq!(outcome.unwrap(), format!("Bearer {YC_TOKEN}"), "{files:?} {variable}"),
        }
    }
}

#[test]
fn on_a_machine_of_yandex_cloud_no_connection_is_an_outage() {
    for fault in [HttpFault::ConnectTimeout, HttpFault::ConnectRefused, HttpFault::Unreachable] {
        let test_system = virtual_machine().with_yc(logged_in);
        test_system.files.write(SYS_VENDOR.0, SYS_VENDOR.1);
        let test_system = test_system.always(TestReply::Fail(fault));
        let (credentials, outcome) = test_system.patient_header(Automatic::new());
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Unavailable, Some(Method::Metadata)),
            "{fault:?}"
        );
        assert!(error.help().unwrap().contains("this machine is one of Yandex Cloud's"), "{error:?}");
        assert_eq!(metadata_attempt(&credentials).outcome, Outcome::Broken);
        assert!(test_system.http.requests().len() > 1, "{fault:?}: the service is tried again");
    }
}

#[test]
fn a_service_that_does_not_connect_within_five_seconds_is_broken_whatever_time_the_caller_has() {
    for limit in [None, Some(secs(30))] {
        let mut test_system = virtual_machine();
        test_system.http = never_connecting(&test_system.clock);
        let (credentials, error, elapsed) = header_within(limit, &test_system);
        assert_eq!(elapsed, secs(5), "{limit:?}");
        assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Metadata)));
        assert!(error.reason().ends_with("; tried for 5 s"), "{error}");
        assert_eq!(metadata_attempt(&credentials).outcome, Outcome::Broken);
    }
    for (start, is_taken) in [(4800, true), (5000, false)] {
        let mut test_system = virtual_machine();
        test_system.http = starting_after(Duration::from_millis(start), &test_system.clock);
        let (_, outcome) = test_system.patient_header(Automatic::new());
        assert_eq!(outcome.is_ok(), is_taken, "{start}: {outcome:?}");
        assert!(test_system.time.elapsed() <= secs(5), "{start}");
    }
}

#[test]
fn a_caller_with_less_time_leaves_with_the_last_cause() {
    let test_system = virtual_machine().always(TestReply::Fail(HttpFault::ConnectRefused));
    let (_, error, elapsed) = header_within(Some(secs(1)), &test_system);
    assert_eq!(elapsed, secs(1));
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Metadata)));
    assert_eq!(error.location(), Some("http://169.254.169.254"));
    assert!(error.reason().contains("ConnectRefused"), "{error}");
    assert!(error.help().unwrap().contains("this machine is one of Yandex Cloud's"), "{error:?}");
}

#[test]
fn beside_yc_token_the_service_is_waited_for_two_seconds_and_the_choice_is_told() {
    for fault in [HttpFault::ConnectTimeout, HttpFault::ConnectRefused, HttpFault::Unreachable] {
        let test_system = virtual_machine().set("YC_TOKEN", IAM_TOKEN).always(TestReply::Fail(fault));
        let began = test_system.clock.now().monotonic;
        let (credentials, outcome) = test_system.patient_header(Automatic::new());
        assert_eq!(outcome.unwrap(), format!("Bearer {IAM_TOKEN}"));
        let waited = test_system.clock.now().monotonic - began;
        assert!(waited > secs(1) && waited <= secs(2), "{fault:?}: {waited:?}");

        let attempt = metadata_attempt(&credentials);
        assert_eq!(attempt.outcome, Outcome::Absent);
        let report = credentials.report().unwrap();
        let [note] = report.notes() else { panic!("{report}") };
        for words in ["metadata: ", "so YC_TOKEN was selected", "one of Yandex Cloud's", "sys_vendor"] {
            assert!(note.contains(words), "{note}");
        }
        let warnings = test_system.log.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(note), "{warnings:?}");
    }
}

#[test]
fn beside_yc_token_a_service_that_does_not_connect_costs_two_seconds() {
    let mut test_system = virtual_machine().set("YC_TOKEN", IAM_TOKEN);
    test_system.http = never_connecting(&test_system.clock);
    let (_, outcome) = test_system.patient_header(Automatic::new());
    assert_eq!((outcome.unwrap(), test_system.time.elapsed()), (format!("Bearer {IAM_TOKEN}"), secs(2)));
}

#[test]
fn beside_yc_token_a_service_that_starts_in_time_is_taken() {
    let mut test_system = virtual_machine().set("YC_TOKEN", IAM_TOKEN);
    test_system.http = starting_after(secs(1), &test_system.clock);
    let (_, outcome) = test_system.patient_header(Automatic::new());
    assert_eq!(outcome.unwrap(), format!("Bearer {METADATA_TOKEN}"));
    assert!(test_system.log.warnings().is_empty(), "{:?}", test_system.log.warnings());
}

#[test]
fn an_answer_of_the_service_means_the_same_on_every_machine() {
    for (status, outcome) in [(404, Outcome::Absent), (400, Outcome::Absent), (403, Outcome::Absent)] {
        let test_system = virtual_machine().set("YC_TOKEN", IAM_TOKEN).always(TestReply::status(status, ""));
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"), "{status}");
        assert_eq!(metadata_attempt(&credentials).outcome, outcome, "{status}");
        assert_eq!(test_system.http.requests().len(), 1, "{status}");
    }
}
