//! The exit status by the kind of the failure, and the text on standard error.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use yandex_cloud_emulator::{Emulator, Fault, Service};

use crate::run::{CLOSED_PORT, missing, side_by_side, yc_auth};

#[test]
fn nothing_found_is_3_with_the_report() {
    // Selection skips a metadata service without a service account; an unreachable one at a configured address is broken.
    let emulator = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let outcome = yc_auth(["token"]).env("YC_METADATA_ADDR", emulator.metadata_addr().to_string()).done();
    let printed = outcome.fails(3);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "error: no credentials were found");
    assert!(lines[1].starts_with("help: give `--key-file FILE`, set YC_API_KEY"), "{printed}");
    assert!(lines[1].contains("YC_SERVICE_ACCOUNT_KEY_FILE"), "{printed}");
    for (method, source) in [
        ("api-key", "YC_API_KEY"),
        ("iam-token", "YC_IAM_TOKEN"),
        ("oauth-token", "YC_OAUTH_TOKEN"),
        ("service-account-key", "YC_SERVICE_ACCOUNT_KEY_FILE"),
        ("workload-identity", "YC_OIDC_TOKEN_FILE"),
        ("token-file", "YC_IAM_TOKEN_FILE"),
        ("metadata", "http://127.0.0.1:"),
        ("env-iam-token", "YC_TOKEN"),
        ("yandex-cloud-cli", "yc"),
    ] {
        let row = lines.iter().find(|line| line.starts_with(&format!("{method} ")));
        let row = row.unwrap_or_else(|| panic!("no {method}: {printed}"));
        assert!(row.contains(source) && row.contains("absent"), "{row}");
    }
}

#[test]
fn a_method_without_its_value_is_3() {
    for (method, reason) in [
        ("api-key", "YC_API_KEY"),
        ("iam-token", "YC_IAM_TOKEN"),
        ("oauth-token", "YC_OAUTH_TOKEN"),
        ("env-iam-token", "YC_TOKEN"),
        ("yandex-cloud-cli", "yc is not on PATH"),
    ] {
        let outcome = yc_auth(["token", "--method", method]).env("PATH", "/nonexistent").done();
        let printed = outcome.fails(3);
        assert!(printed.starts_with(&format!("error: {method}: ")) && printed.contains(reason), "{printed}");
        assert!(printed.contains("\nhelp: "), "{printed}");
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_4_and_names_the_right_variable() {
    for (variable, value, method, right) in [
        ("YC_API_KEY", "t1.fake.token", "api-key", "YC_IAM_TOKEN"),
        ("YC_API_KEY", "y0_fake-oauth", "api-key", "YC_OAUTH_TOKEN"),
        ("YC_IAM_TOKEN", "y0_fake-oauth", "iam-token", "YC_OAUTH_TOKEN"),
        ("YC_TOKEN", "y0_fake-oauth", "env-iam-token", "YC_OAUTH_TOKEN"),
        ("YC_OAUTH_TOKEN", "t1.fake.token", "oauth-token", "YC_IAM_TOKEN"),
        ("YC_API_KEY", "Bearer t1.fake.token", "api-key", "bare value"),
        ("YC_IAM_TOKEN", "t1.fake\ntoken", "iam-token", "line break"),
        ("YC_IAM_TOKEN", "ключ-fake", "iam-token", "ASCII"),
    ] {
        let outcome = yc_auth(["token", "--method", method]).secret(variable, value).done();
        let printed = outcome.fails(4);
        assert!(
            printed.starts_with(&format!("error: {method}: {variable}: ")) && printed.contains(right),
            "{printed}"
        );
    }
}

#[test]
fn a_broken_source_stops_the_selection_even_where_a_later_one_works() {
    let run =
        yc_auth(["token"]).secret("YC_API_KEY", "t1.fake.token").secret("YC_IAM_TOKEN", "t1.fake.other");
    let outcome = run.done();
    let printed = outcome.fails(4);
    assert!(printed.contains("\napi-key ") && printed.contains("not-tried"), "{printed}");
}

#[test]
fn a_key_file_that_is_missing_is_4() {
    let nowhere = missing("key.json");
    let outcome = yc_auth(["token"]).env("YC_SERVICE_ACCOUNT_KEY_FILE", &nowhere).done();
    assert!(outcome.fails(4).contains(&format!("{nowhere}: the file does not exist")), "{outcome:?}");
    assert!(outcome.stderr.contains("\nservice-account-key ") && outcome.stderr.contains("not-tried"));
}

#[test]
fn a_token_file_that_is_missing_is_4() {
    let nowhere = missing("token");
    let outcome = yc_auth(["token"]).env("YC_IAM_TOKEN_FILE", &nowhere).done();
    assert!(outcome.fails(4).contains(&format!("{nowhere}: the file does not exist")), "{outcome:?}");
}

#[test]
fn an_unreachable_service_is_5() {
    let named = yc_auth(["token", "--method", "metadata", "--timeout", "2"]);
    let selected = yc_auth(["token", "--timeout", "2"]);
    let doctor = yc_auth(["doctor", "--method", "metadata", "--timeout", "2"]);
    side_by_side([(named, CLOSED_PORT), (selected, "\nmetadata "), (doctor, CLOSED_PORT)], |(run, words)| {
        let outcome = run.done();
        assert_eq!(outcome.status, 5, "{outcome:?}");
        assert!(outcome.stderr.contains(words), "{outcome:?}");
        let help = outcome.stderr.lines().nth(1).unwrap();
        assert!(help.starts_with("help: ") && help.contains("YC_METADATA_ADDR"), "{outcome:?}");
    });
    let run = yc_auth(["token", "--timeout", "2", "--endpoint", &format!("http://{CLOSED_PORT}")]);
    let outcome = run.secret("YC_OAUTH_TOKEN", "y0_fake-oauth").done();
    assert!(outcome.fails(5).contains("\nhelp: nothing listens at this address"), "{outcome:?}");
}

#[test]
fn an_invalid_command_line_is_2_and_repeats_no_secret() {
    let words: [&[&str]; 17] = [
        &[],
        &["tokn"],
        &["token", "--nonsense"],
        &["token", "extra-fake-secret-in-the-wrong-place"],
        &["token", "--method"],
        &["token", "--method", "nonsense"],
        &["token", "--method", "y0_fake-secret"],
        &["token", "--format", "yaml"],
        &["token", "--timeout", "0"],
        &["token", "--timeout", "-1"],
        &["token", "--timeout", "soon"],
        &["token", "--auth"],
        &["token", "--auth", "fake-secret", "--method", "metadata"],
        &["token", "--auth", "fake-secret", "--method", "none"],
        &["token", "--auth", "fake-secret", "--auth", "fake-secret"],
        &["completions", "tcsh"],
        &["emulator", "--listen", "nowhere"],
    ];
    for words in words {
        let outcome = yc_auth(words).hides("fake-secret").hides("fake-secret-in-the-wrong-place").done();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{words:?}: {outcome:?}");
        assert!(outcome.stderr.contains("--help"), "{words:?}: {outcome:?}");
    }
}

#[test]
fn an_empty_flag_is_4() {
    for (flag, method) in
        [("--profile", "yandex-cloud-cli"), ("--endpoint", "yandex-cloud-cli"), ("--endpoint", "oauth-token")]
    {
        let outcome = yc_auth(["token", "--method", method, flag, " "]).done();
        assert!(outcome.fails(4).contains(&format!("{flag}: the value is empty")), "{outcome:?}");
    }
}

#[test]
fn commands_that_start_into_an_outage_of_iam_wait_for_its_end() {
    let emulator = Emulator::start_in_thread().unwrap();
    emulator.faults().add(Fault::status(503).on(Service::Iam).times(10));
    let key = emulator.service_account_key().unwrap();
    let run = || {
        let run = yc_auth(["token", "--auth", "-", "--timeout", "20"]).stdin(key.clone());
        run.env("YC_API_ENDPOINT", emulator.api_url()).done()
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..20).map(|_| scope.spawn(run)).collect();
        for run in runs {
            assert!(run.join().unwrap().output().starts_with("t1."));
        }
    });
    assert_eq!(emulator.counters().tokens_issued(), 20);
}

#[test]
fn without_a_timeout_the_command_has_thirty_seconds() {
    let emulator = Emulator::start_in_thread().unwrap();
    let asked_to_wait = |seconds| {
        let fault = Fault::status(503).on(Service::Metadata).retry_after(Duration::from_secs(seconds));
        emulator.faults().clear();
        emulator.faults().add(fault);
        let run = yc_auth(["token"]).env("YC_METADATA_ADDR", emulator.metadata_addr().to_string());
        run.env("YC_AUTH_LOG", "debug")
    };
    let outcome = asked_to_wait(30).done();
    assert!(outcome.status == 5 && !outcome.stderr.contains("callers wait"), "{outcome:?}");
    let mut waiting = asked_to_wait(28).command.spawn().unwrap();
    let mut log = BufReader::new(waiting.stderr.take().unwrap()).lines().map_while(Result::ok);
    let waits = log.find(|line| line.contains("callers wait for another one"));
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    assert!(waits.is_some_and(|line| line.contains("pause_ms=28000")), "the command ends before 28 s");
}

#[test]
fn an_invalid_value_of_a_flag_is_4_and_names_the_flag() {
    for (words, flag) in [
        (&["--method", "yandex-cloud-cli", "--endpoint", "a b"][..], "--endpoint"),
        (&["--method", "oauth-token", "--endpoint", "127.0.0.1/path"], "--endpoint"),
        (&["--auth", "t1.fake.token", "--impersonate", "not an id"], "--impersonate"),
    ] {
        let run = yc_auth([&["token"], words].concat()).env("YC_OAUTH_TOKEN", "y0_fake");
        let outcome = run.env("PATH", crate::run::FAKES).done();
        assert!(outcome.fails(4).contains(&format!(": {flag}: ")), "{outcome:?}");
    }
}

/// The command ends after its last attempt; a text of the library for long-running programs would be false here.
#[test]
fn no_error_promises_another_attempt() {
    let faults =
        [Fault::status(503), Fault::status(429), Fault::status(404), Fault::reset(), Fault::garbage()];
    let services = [Service::Iam, Service::Endpoints, Service::Metadata];
    side_by_side(
        faults.iter().flat_map(|fault| services.map(|service| (fault, service))),
        |(fault, service)| {
            let emulator = Emulator::start_in_thread().unwrap();
            emulator.faults().add(fault.clone().on(service));
            let run = match service {
                Service::Metadata => yc_auth(["token", "--method", "metadata", "--timeout", "2"])
                    .env("YC_METADATA_ADDR", emulator.metadata_addr().to_string()),
                _ => yc_auth(["token", "--auth", "-", "--timeout", "2"])
                    .stdin(emulator.service_account_key().unwrap()),
            };
            let outcome = run.env("YC_API_ENDPOINT", emulator.api_url()).done();
            assert!(outcome.status == 5 || outcome.status == 6, "{outcome:?}");
            for promise in ["again", "retries", "retrying", "by and by", "patience"] {
                assert!(!outcome.stderr.contains(promise), "{promise}: {outcome:?}");
            }
        },
    );
}
