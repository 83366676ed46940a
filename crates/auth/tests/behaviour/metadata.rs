//! The metadata service: the request, the meaning of each response at the default address and at a configured address,
//! and the time limits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, METADATA_URL, TestSystem};
use test_support::token_source::header;
use test_support::wait::{joined, secs};
use yandex_cloud_auth::system::{Clock, HttpFault, HttpOptions};
use yandex_cloud_auth::testing::{TestHttp, TestReply};
use yandex_cloud_auth::{
    Automatic, Credentials, Error, ErrorKind, HeaderOptions, MetadataAuth, Method, Outcome, System,
};
use yandex_cloud_emulator::{Emulator, Fault, Service};

const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

fn ok(body: &str) -> TestReply {
    TestReply::status(200, body)
}

#[test]
fn the_token_is_fetched_by_hand_and_by_selection_with_and_without_the_variable() {
    for (variable, url) in [
        ("", METADATA_URL.to_owned()),
        ("10.0.0.5", format!("http://10.0.0.5{PATH}")),
        ("10.0.0.5:8080", format!("http://10.0.0.5:8080{PATH}")),
        ("http://10.0.0.5:8080", format!("http://10.0.0.5:8080{PATH}")),
        ("http://10.0.0.5:8080/", format!("http://10.0.0.5:8080{PATH}")),
        ("HTTP://LOCALHOST:80/", format!("http://localhost{PATH}")),
        ("[::1]:8080", format!("http://[::1]:8080{PATH}")),
        (" metadata.internal\n", format!("http://metadata.internal{PATH}")),
    ] {
        for credentials in [MetadataAuth::new(), MetadataAuth::default()] {
            let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).always(ok(METADATA_ANSWER));
            assert_eq!(header(&test_system.with(credentials)), format!("Bearer {METADATA_TOKEN}"));
            assert_eq!(test_system.http.requests(), [format!("GET {url}")], "{variable:?}");
        }
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).always(ok(METADATA_ANSWER));
        assert_eq!(header(&test_system.automatic()), format!("Bearer {METADATA_TOKEN}"));
        assert_eq!(test_system.http.requests(), [format!("GET {url}")], "{variable:?}, by selection");
    }
}

#[test]
fn an_address_in_code_takes_precedence_over_the_variable() {
    let test_system = TestSystem::new().set("YC_METADATA_ADDR", "not an address").always(ok(METADATA_ANSWER));
    let credentials = test_system.with(MetadataAuth::builder().address("127.0.0.1:8080").build());
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
    assert_eq!(test_system.http.requests(), [format!("GET http://127.0.0.1:8080{PATH}")]);
}

#[test]
fn an_invalid_address_is_an_error_before_any_request() {
    for address in [
        "https://10.0.0.5",
        "10.0.0.5/computeMetadata",
        "10.0.0.5?x=1",
        "user@10.0.0.5",
        "http://user:FAKE-password@10.0.0.5",
        "ftp://10.0.0.5",
        "http://http://10.0.0.5",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:port",
        "10 0 0 5",
        "/",
        "http://",
        "адрес",
    ] {
        let test_system = TestSystem::new()
            .set("YC_METADATA_ADDR", address)
            .set("YC_TOKEN", IAM_TOKEN)
            .always(ok(METADATA_ANSWER));
        for credentials in [test_system.automatic(), test_system.with(MetadataAuth::new())] {
            let error = test_support::token_source::first_failure(&credentials);
            assert_eq!(
                (error.kind(), error.location(), error.method()),
                (ErrorKind::Invalid, Some("YC_METADATA_ADDR"), Some(Method::Metadata)),
                "{address}"
            );
            assert!(error.help().unwrap().contains("host:port"), "{:?}", error.help());
            assert!(!format!("{error} {error:?}").contains("FAKE"), "{error}");
        }
        assert!(test_system.http.requests().is_empty(), "{address}");
    }
}

#[test]
fn the_request_has_the_metadata_flavor_and_no_secret() {
    let test_system = TestSystem::new().set("YC_OAUTH_TOKEN", "").answering(|request, _| {
        assert_eq!(request.method(), "GET");
        assert_eq!(request.headers()["metadata-flavor"], "Google");
        assert!(!request.headers().contains_key("authorization"));
        assert!(request.body().is_empty());
        ok(METADATA_ANSWER)
    });
    header(&test_system.automatic());
    header(&test_system.with(MetadataAuth::new()));
}

#[test]
fn the_connect_timeout_depends_on_the_address_and_on_selection() {
    let short = secs(1) / 10;
    // variable, by selection -> connect timeout, tries
    for (variable, automatic, connect_timeout, tries) in [
        ("", true, short, 3),
        ("10.0.0.5", true, secs(1), 1),
        ("", false, secs(1), 1),
        ("10.0.0.5", false, secs(1), 1),
    ] {
        let options: Arc<Mutex<Vec<HttpOptions>>> = Arc::default();
        let seen = Arc::clone(&options);
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", variable).answering_with_options(
            move |_, options, _| {
                seen.lock().unwrap().push(options);
                TestReply::Fail(HttpFault::ConnectTimeout)
            },
        );
        let credentials =
            if automatic { test_system.automatic() } else { test_system.with(MetadataAuth::new()) };
        let _ = test_support::token_source::first_failure(&credentials);
        let options = options.lock().unwrap();
        assert_eq!(options.len(), tries, "{variable:?} {automatic}");
        for options in &*options {
            assert_eq!(options.connect_timeout, connect_timeout, "{variable:?} {automatic}");
            assert!(options.direct, "the request does not use a proxy");
            assert!(options.max_body <= 1 << 20);
        }
    }
}

#[test]
fn a_later_connection_attempt_that_succeeds_is_used_without_a_warning() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).answering(|_, count| match count {
        0 | 1 => TestReply::Fail(HttpFault::ConnectTimeout),
        _ => ok(METADATA_ANSWER),
    });
    assert_eq!(header(&test_system.automatic()), format!("Bearer {METADATA_TOKEN}"));
    assert!(test_system.log.warnings().is_empty(), "{:?}", test_system.log.warnings());
}

#[test]
fn a_refused_connection_ends_the_probe_at_once() {
    for fault in [HttpFault::ConnectRefused, HttpFault::Unreachable, HttpFault::NameResolution] {
        let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).always(TestReply::Fail(fault));
        let credentials = test_system.automatic();
        assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
        assert_eq!(test_system.http.requests().len(), 1, "{fault:?}");
        // A service that refuses may be one that starts later; without a route there is none.
        let warnings = test_system.log.warnings();
        assert_eq!(warnings.len(), usize::from(fault == HttpFault::ConnectRefused), "{warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("so YC_TOKEN was selected")), "{warnings:?}");
        assert!(credentials.report().unwrap().notes().is_empty(), "the machine shows nothing");
    }
}

#[test]
fn a_response_after_150_ms_at_the_default_address_is_used() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN);
    let clock = test_system.clock.clone();
    let slow = TestHttp::with_options(move |_, _, _| {
        let pause = clock.sleep(Duration::from_millis(150));
        async move {
            pause.await;
            ok(METADATA_ANSWER)
        }
    });
    let credentials = Automatic::new().with_system(test_system.system().with_http(slow)).build();
    let call = std::thread::spawn(move || header(&credentials));
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(Duration::from_millis(150));
    assert_eq!(joined(call), format!("Bearer {METADATA_TOKEN}"));
}

/// The outcome of the slot `metadata` in a selection with `YC_TOKEN` in a later slot.
fn outcome(test_system: &TestSystem) -> (Outcome, Option<Error>) {
    let credentials = test_system.automatic();
    let one_attempt = HeaderOptions::new().deadline(Duration::from_millis(1));
    let tried = credentials.blocking().header_with(one_attempt);
    match credentials.report().filter(|_| credentials.method().is_some()).ok_or_else(|| tried.unwrap_err()) {
        Ok(report) => {
            let attempt = report.attempts().iter().find(|attempt| attempt.method == Method::Metadata);
            (attempt.unwrap().outcome, None)
        }
        Err(error) => {
            let report = error.report().unwrap().clone();
            let attempt = report.attempts().iter().find(|attempt| attempt.method == Method::Metadata);
            (attempt.unwrap().outcome, Some(error))
        }
    }
}

#[test]
fn the_meaning_of_a_response_depends_on_whether_the_address_is_configured() {
    use Outcome::{Absent, Broken, Selected};
    let status = |status| TestReply::status(status, "");
    // reply -> outcome at the default address, at a configured address
    let table = [
        (ok(METADATA_ANSWER), Selected, Selected),
        (ok(r#"{"access_token":"CggVAgAAA-FAKE-older-shape-FAKE-FAKE"}"#), Selected, Selected),
        // no server
        (TestReply::Fail(HttpFault::ConnectTimeout), Absent, Broken),
        (TestReply::Fail(HttpFault::ConnectRefused), Absent, Broken),
        (TestReply::Fail(HttpFault::Unreachable), Absent, Broken),
        (TestReply::Fail(HttpFault::NameResolution), Absent, Broken),
        // a server that breaks the protocol
        (TestReply::Fail(HttpFault::Interrupted), Broken, Broken),
        (TestReply::Fail(HttpFault::Malformed), Broken, Broken),
        (TestReply::Fail(HttpFault::TooLarge), Broken, Broken),
        // machines of other clouds
        (status(301), Absent, Broken),
        (status(302), Absent, Broken),
        (status(307), Absent, Broken),
        (status(308), Absent, Broken),
        (status(400), Absent, Broken),
        (status(401), Absent, Broken),
        (status(403), Absent, Broken),
        (status(405), Absent, Broken),
        (ok(r#"{"access_token":"ya29.FAKE-google","expires_in":3599}"#), Absent, Broken),
        // no service account
        (status(404), Absent, Absent),
        // an outage of the metadata service
        (status(408), Broken, Broken),
        (status(418), Broken, Broken),
        (status(429), Broken, Broken),
        (status(500), Broken, Broken),
        (status(502), Broken, Broken),
        (status(503), Broken, Broken),
        (status(504), Broken, Broken),
        // unreadable
        (status(204), Broken, Broken),
        (ok(""), Broken, Broken),
        (ok("<html>hello</html>"), Broken, Broken),
        (ok("[]"), Broken, Broken),
        (ok("{}"), Broken, Broken),
        (ok(r#"{"access_token":7}"#), Broken, Broken),
        (ok(r#"{"access_token":""}"#), Broken, Broken),
        (ok(r#"{"access_token":"FAKE FAKE"}"#), Broken, Broken),
        (ok(r#"{"access_token":"t1.FAKE","expires_in":"soon"}"#), Broken, Broken),
        (ok(r#"{"access_token":"t1.FAKE","expires_in":-5}"#), Broken, Broken),
        (ok(r#"{"access_token":"t1.FAKE","expires_in":0}"#), Broken, Broken),
        (ok(r#"{"access_token":"t1.FAKE","expires_in":86401}"#), Broken, Broken),
        (ok(r#"{"access_token":"t1.FAKE""#), Broken, Broken),
        (TestReply::status(200, b"{\"access_token\":\"\xff\"}".to_vec()), Broken, Broken),
        (TestReply::status(200, vec![b' '; 2 << 20]), Broken, Broken),
    ];
    for (reply, at_default, at_configured) in table {
        for (address, expected) in [("", at_default), ("10.0.0.5", at_configured)] {
            let test_system = TestSystem::new()
                .set("YC_METADATA_ADDR", address)
                .set("YC_TOKEN", IAM_TOKEN)
                .always(reply.clone());
            let (outcome, error) = outcome(&test_system);
            assert_eq!(outcome, expected, "{reply:?} at {address:?}");
            assert_eq!(error.is_some(), expected == Broken, "{reply:?} at {address:?}");
            if let Some(error) = error {
                assert_eq!(error.method(), Some(Method::Metadata));
                assert!(error.location().unwrap().starts_with("http://"), "{error}");
                let help = error.help().unwrap_or_else(|| panic!("no help: {error}"));
                let no_server = matches!(&reply, TestReply::Fail(fault) if fault.is_before_connection());
                assert!(!no_server || help.contains("YC_METADATA_ADDR"), "{reply:?}: {help}");
                assert!(!error.to_string().contains("FAKE"), "{error}");
            }
        }
    }
}

#[test]
fn the_error_of_a_response_without_a_token_names_what_is_missing() {
    for (body, reason) in [
        ("{}", "`access_token`"),
        (r#"{"token":"x"}"#, "`access_token`"),
        (r#"{"access_token":null}"#, "`access_token`"),
        (r#"{"access_token":" "}"#, "`access_token`: the value is empty"),
        (r#"{"access_token":"t1.FAKE","expires_in":"1"}"#, "`expires_in`"),
        ("oops", "not JSON"),
        ("7", "not a JSON object"),
    ] {
        let test_system = TestSystem::new().always(ok(body));
        for credentials in [test_system.automatic(), test_system.with(MetadataAuth::new())] {
            let error = test_support::token_source::first_failure(&credentials);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}");
            assert!(error.reason().contains(reason), "{body}: {error}");
            assert_eq!(error.location(), Some("http://169.254.169.254"));
        }
    }
}

#[test]
fn an_explicit_method_has_its_own_error_for_each_failure() {
    let reply = TestReply::status;
    // reply -> kind, words of the reason, words of the help
    for (reply, kind, reason, help) in [
        (reply(404, ""), ErrorKind::Refused, "HTTP 404", "service account"),
        (reply(403, "no"), ErrorKind::Refused, "HTTP 403: no", "does not come from"),
        (reply(500, ""), ErrorKind::Unavailable, "HTTP 500", "unavailable at the moment"),
        (reply(429, ""), ErrorKind::Unavailable, "HTTP 429", "rate-limiting"),
        (reply(302, ""), ErrorKind::Refused, "redirect", "does not come from"),
        (ok("<html>"), ErrorKind::Unavailable, "not JSON", "does not come from"),
        (TestReply::Fail(HttpFault::Malformed), ErrorKind::Unavailable, "", "does not come from"),
        (TestReply::Fail(HttpFault::Interrupted), ErrorKind::Unavailable, "", "unavailable at the moment"),
        (TestReply::Fail(HttpFault::ConnectTimeout), ErrorKind::Unavailable, "", "YC_METADATA_ADDR"),
        (TestReply::Fail(HttpFault::Unreachable), ErrorKind::Unavailable, "", "YC_METADATA_ADDR"),
        (ok(r#"{"access_token":"ya29.FAKE"}"#), ErrorKind::Refused, "Google", "another cloud"),
    ] {
        let test_system = TestSystem::new().always(reply.clone());
        let error = test_support::token_source::first_failure(&test_system.with(MetadataAuth::new()));
        assert_eq!((error.kind(), error.method()), (kind, Some(Method::Metadata)), "{reply:?}");
        assert!(error.reason().contains(reason), "{error}");
        assert!(error.help().unwrap().contains(help), "{error}: {:?}", error.help());
    }
}

#[test]
fn a_token_that_is_switched_off_is_said_so() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).always(TestReply::status(400, ""));
    let credentials = test_system.automatic();
    assert_eq!(header(&credentials), format!("Bearer {IAM_TOKEN}"));
    let report = credentials.report().unwrap();
    let attempt = report.attempts().iter().find(|attempt| attempt.method == Method::Metadata).unwrap();
    assert_eq!(attempt.outcome, Outcome::Absent);
    assert!(attempt.reason.contains("switched off (`gce_http_token`)"), "{report}");

    let error = test_system.with(MetadataAuth::new()).blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.help().unwrap().contains("gce-http-token=enabled"), "{error:?}");
}

#[test]
fn the_longest_possible_deadline_works() {
    let test_system = TestSystem::new().always(ok(METADATA_ANSWER));
    let longest = HeaderOptions::new().deadline(Duration::MAX);
    assert!(test_system.with(MetadataAuth::new()).blocking().header_with(longest).is_ok());
}

#[test]
fn the_request_is_repeated_after_the_time_that_a_busy_service_asks_for() {
    let busy = TestReply::Response(429, vec![("retry-after", "20".to_owned())], Vec::new());
    let test_system = TestSystem::new().answering(move |_, count| match count {
        0 => busy.clone(),
        _ => ok(METADATA_ANSWER),
    });
    let credentials = test_system.automatic();
    let error = credentials.blocking().header().unwrap_err();
    assert_eq!(error.retry_after(), Some(secs(20)));
    assert!(error.is_transient());
    test_system.clock.advance(secs(19));
    credentials.blocking().header().unwrap_err();
    assert_eq!(test_system.http.requests().len(), 1);
    test_system.clock.advance(secs(1));
    assert_eq!(header(&credentials), format!("Bearer {METADATA_TOKEN}"));
}

#[test]
fn the_life_of_the_token_is_the_remaining_life_in_the_response() {
    let test_system = TestSystem::new().always(ok(METADATA_ANSWER));
    let credentials = test_system.automatic();
    header(&credentials);
    let expires_at = credentials.snapshot().unwrap().expires_at().unwrap();
    let left = expires_at.duration_since(SystemTime::UNIX_EPOCH).unwrap() - test_system.clock.now().wall;
    assert_eq!(left, secs(42_617));
}

#[test]
fn the_life_of_a_token_that_selection_fetched_counts_from_the_request() {
    for by_selection in [true, false] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5");
        let clock = test_system.clock.clone();
        let test_system = test_system.answering({
            let clock = clock.clone();
            move |_, count| {
                if count > 0 {
                    return TestReply::status(503, "");
                }
                clock.advance(secs(20));
                ok(r#"{"access_token":"t1.fake.short","expires_in":60}"#)
            }
        });
        let credentials =
            if by_selection { test_system.automatic() } else { test_system.with(MetadataAuth::new()) };
        header(&credentials);
        // 60 s of life, less a tenth, and 20 s for the response.
        for (passes, usable) in [(33, true), (2, false)] {
            clock.advance(secs(passes));
            assert_eq!(credentials.snapshot().is_some(), usable, "by selection: {by_selection}");
        }
    }
}

#[test]
fn an_address_outside_private_networks_is_used_with_a_warning() {
    for (address, warns) in [
        ("127.0.0.1:80", false),
        ("localhost:80", false),
        ("169.254.10.20", false),
        ("10.1.2.3", false),
        ("192.168.1.1", false),
        ("[fe80::1]", false),
        ("8.8.8.8", true),
        ("metadata.corp.example", true),
    ] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", address).always(ok(METADATA_ANSWER));
        header(&test_system.with(MetadataAuth::new()));
        let warned = test_system.log.warnings().iter().any(|line| line.contains("without TLS"));
        assert_eq!(warned, warns, "{address}");

        let credentials = test_system.automatic();
        header(&credentials);
        let report = credentials.report().unwrap();
        assert_eq!(report.selected().unwrap().reason.contains("without TLS"), warns, "{report}");
    }
}

#[test]
fn a_connection_without_a_response_times_out_and_no_other_identity_is_selected() {
    let test_system = TestSystem::new().set("YC_TOKEN", IAM_TOKEN).always(TestReply::Silence);
    let credentials = test_system.automatic();
    let call = std::thread::spawn(move || credentials.blocking().header());
    test_system.clock.wait_for_sleepers(1);
    test_system.clock.advance(Duration::from_millis(5100));
    let error = joined(call).unwrap_err();
    assert_eq!((error.kind(), error.method()), (ErrorKind::Unavailable, Some(Method::Metadata)));
    assert!(error.reason().contains("5 s"), "{error}");
    let report = error.report().unwrap();
    let broken = report.attempts().iter().find(|attempt| attempt.outcome == Outcome::Broken).unwrap();
    assert_eq!(broken.method, Method::Metadata);
    assert_eq!(test_system.http.requests().len(), 1, "the request is not repeated");
}

#[test]
fn the_timeouts_can_be_set() {
    let test_system = TestSystem::new().always(TestReply::Silence);
    let quick = MetadataAuth::builder()
        .connect_timeout(Duration::from_millis(50))
        .timeout(Duration::from_millis(250))
        .build();
    let credentials = test_system.with(quick);
    let call = std::thread::spawn(move || credentials.blocking().header());
    test_system.clock.wait_for_sleepers(1);
    test_system.clock.advance(Duration::from_millis(300));
    assert_eq!(joined(call).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn the_deadline_of_a_call_covers_the_selection() {
    let test_system = TestSystem::new().always(TestReply::Silence);
    let credentials = test_system.automatic();
    let options = HeaderOptions::new().deadline(Duration::from_millis(500));
    let call = {
        let credentials = credentials.clone();
        std::thread::spawn(move || credentials.blocking().header_with(options))
    };
    test_system.clock.wait_for_sleepers(2);
    test_system.clock.advance(Duration::from_millis(500));
    let error = joined(call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.reason().contains("0.5 s"), "{error}");
    assert!(
        error
            .reason()
            .contains("selection was at metadata (http://169.254.169.254), waiting for http://169.254"),
        "{error}"
    );
    assert!(credentials.method().is_none());
}

#[test]
fn a_silent_service_costs_its_timeout_and_no_more() {
    for automatic in [true, false] {
        let test_system = TestSystem::new().set("YC_METADATA_ADDR", "10.0.0.5").always(TestReply::Silence);
        let began = test_system.clock.now().monotonic;
        let (_, outcome) = match automatic {
            true => test_system.patient_header(Automatic::new()),
            false => test_system.patient_header(MetadataAuth::new()),
        };
        let error = outcome.unwrap_err();
        assert_eq!(test_system.clock.now().monotonic - began, secs(5), "{error}");
        assert!(error.to_string().contains("http://10.0.0.5"), "{error}");
    }
}

/// Credentials on real sockets, with an emulator's metadata service.
fn real(emulator: &Emulator) -> (Credentials, System) {
    let test_system = TestSystem::new().set("YC_METADATA_ADDR", &emulator.metadata_addr().to_string());
    let system = System::real().with_environment(test_system.environment.clone());
    let quick = MetadataAuth::builder().timeout(Duration::from_millis(500)).build();
    (Credentials::from(quick).with_system(system.clone()), system)
}

#[test]
fn over_a_socket_the_service_gives_a_token_of_the_cloud() {
    let emulator = Emulator::start_in_thread().unwrap();
    let (by_hand, system) = real(&emulator);
    let automatic = Automatic::new().with_system(system).build();
    assert_eq!(header(&by_hand), header(&automatic), "the service gives its cached token again");
    assert!(header(&automatic).starts_with("Bearer t1."));
    assert_eq!(automatic.method(), Some(Method::Metadata));
    assert_eq!(emulator.counters().requests(Service::Metadata), 2);
}

#[test]
fn over_a_socket_a_machine_without_a_service_account_is_absent() {
    let emulator = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    let (by_hand, system) = real(&emulator);
    assert_eq!(by_hand.blocking().header().unwrap_err().kind(), ErrorKind::Refused);
    let error = Automatic::new().with_system(system).build().blocking().header().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
}

#[test]
fn over_a_socket_each_fault_is_an_error_in_bounded_time() {
    let emulator = Emulator::start_in_thread().unwrap();
    for fault in [
        Fault::hang(),
        Fault::drip(Duration::from_millis(100)),
        Fault::reset(),
        Fault::garbage(),
        Fault::huge_body(8 << 20),
        Fault::truncated_body(),
        Fault::status(503),
    ] {
        emulator.faults().clear();
        emulator.faults().add(fault.clone());
        let (credentials, _) = real(&emulator);
        let began = Instant::now();
        let error = credentials.blocking().header().unwrap_err();
        assert_eq!(
            (error.kind(), error.method()),
            (ErrorKind::Unavailable, Some(Method::Metadata)),
            "{fault:?}: {error}"
        );
        assert!(error.to_string().contains(&emulator.metadata_addr().to_string()), "{error}");
        // The limits are 1 s to connect and 0.5 s for the response; the machine may be busy.
        assert!(began.elapsed() < secs(10), "{fault:?} took {:?}", began.elapsed());
    }
}
