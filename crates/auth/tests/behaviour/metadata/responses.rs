//! The meaning of each response, at the default address and at a configured address.

use std::time::{Duration, SystemTime};

use super::ok;
use crate::support::{IAM_TOKEN, METADATA_ANSWER, METADATA_TOKEN, TestSystem};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::{Clock, HttpFault};
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Error, ErrorKind, HeaderOptions, MetadataAuth, Method, Outcome};

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
