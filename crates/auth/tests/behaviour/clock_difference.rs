//! A wrong clock of this machine: a JWT that IAM refuses is made once more, dated by the clock of IAM.
#![cfg(feature = "service-account-key")]

use std::sync::{Arc, Mutex};

use crate::service_account_key::{KEY, verified};
use crate::support::{IAM_TOKEN, TestSystem};
use serde_json::Value;
use test_support::token_source::try_header;
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{
    Credentials, Endpoints, Error, ErrorKind, HeaderOptions, ImpersonationAuth, ServiceAccountKeyAuth,
};

/// The test clock shows 2026-11-24T00:00:00Z. This server is 2 h 5 min ahead of it.
const AHEAD: &str = "Tue, 24 Nov 2026 02:05:00 GMT";

/// The seconds between the clock of the machine and the time that dates each JWT.
type Dated = Arc<Mutex<Vec<i64>>>;

/// A system whose IAM and discovery have these clocks, and whose IAM replies `status` to the first `refusals` JWTs.
fn cloud(status: u16, refusals: usize, iam: &'static str, discovery: &'static str) -> (TestSystem, Dated) {
    let dated = Dated::default();
    let seen = Arc::clone(&dated);
    let test_system = TestSystem::new();
    let clock = test_system.clock.clone();
    let with_date = |status, date: &str, body: String| {
        let headers = if date.is_empty() { Vec::new() } else { vec![("date", date.to_owned())] };
        TestReply::Response(status, headers, body.into_bytes())
    };
    let test_system = test_system.answering(move |request, _| {
        if request.uri().path() == "/endpoints" {
            let list = r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#;
            return with_date(200, discovery, list.to_owned());
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let claims = verified(body["jwt"].as_str().unwrap()).1;
        let (issued, expires) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert_eq!(expires - issued, 660, "both times are shifted by the same");
        let mut seen = seen.lock().unwrap();
        seen.push(issued + 60 - i64::try_from(clock.now().wall.as_secs()).unwrap());
        match seen.len() <= refusals {
            true => with_date(status, iam, r#"{"code":16,"message":"JWT refused"}"#.to_owned()),
            false => with_date(200, iam, format!(r#"{{"iamToken":"{IAM_TOKEN}"}}"#)),
        }
    });
    (test_system, dated)
}

fn credentials(test_system: &TestSystem) -> Credentials {
    test_system.with(ServiceAccountKeyAuth::new(&*KEY).unwrap())
}

fn outcome(test_system: &TestSystem) -> Result<String, Error> {
    try_header(&credentials(test_system))
}

#[test]
fn a_refused_jwt_is_made_once_more_by_the_clock_of_iam() {
    // the clock of IAM, the shift of the second JWT
    for (date, shift) in [
        (AHEAD, Some(7500)),
        ("Mon, 23 Nov 2026 23:50:00 GMT", Some(-600)),
        ("Tue, 24 Nov 2026 00:01:00 GMT", Some(60)),
        ("Tue, 24 Nov 2026 00:00:59 GMT", None),
        ("Mon, 23 Nov 2026 23:59:01 GMT", None),
        ("Wed, 25 Nov 2026 00:00:00 GMT", Some(86_400)),
        ("Wed, 25 Nov 2026 00:00:01 GMT", None),
        ("yesterday", None),
    ] {
        let (test_system, dated) = cloud(401, 1, date, "");
        let outcome = outcome(&test_system);
        match shift {
            Some(shift) => {
                assert_eq!(outcome.unwrap(), format!("Bearer {IAM_TOKEN}"), "{date}");
                assert_eq!(*dated.lock().unwrap(), [0, shift], "{date}");
            }
            None => {
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused, "{date}");
                assert_eq!(*dated.lock().unwrap(), [0], "{date}");
            }
        }
    }
}

#[test]
fn a_shifted_jwt_that_is_taken_is_told_and_nothing_is_stored() {
    let (test_system, dated) = cloud(400, 1, AHEAD, "");
    let credentials = credentials(&test_system);
    let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
    let warnings = test_system.log.warnings();
    assert!(warnings.iter().any(|line| line.contains("2 h 5 min behind")), "{warnings:?}");

    assert!(credentials.invalidate(&sent));
    credentials.blocking().header().unwrap();
    assert_eq!(*dated.lock().unwrap(), [0, 7500, 0], "the next JWT is dated by our own clock again");
}

/// What stands in reports while IAM is 2 h 5 min ahead.
const BEHIND: &str = "the clock of this machine is 2 h 5 min behind: set it";

fn notes(credentials: &Credentials) -> Vec<String> {
    credentials.report().unwrap().notes().to_vec()
}

#[test]
fn the_report_and_the_identity_tell_the_difference_until_a_jwt_is_taken_as_it_is() {
    let (test_system, _) = cloud(401, 1, AHEAD, "");
    let credentials = credentials(&test_system);
    assert_eq!(credentials.blocking().select().unwrap().notes(), Vec::<String>::new());
    let sent = credentials.blocking().get(HeaderOptions::new()).unwrap();
    assert_eq!(notes(&credentials), [BEHIND]);
    assert_eq!(credentials.blocking().select().unwrap().notes(), [BEHIND]);
    let identity = credentials.blocking().identity(HeaderOptions::new()).unwrap();
    assert!(identity.remarks.iter().any(|remark| remark == BEHIND), "{identity:?}");

    assert!(credentials.invalidate(&sent));
    credentials.blocking().header().unwrap();
    assert_eq!(notes(&credentials), Vec::<String>::new());
}

#[test]
fn the_report_tells_the_difference_after_a_second_refusal_and_around_impersonation() {
    let (test_system, _) = cloud(401, usize::MAX, AHEAD, "");
    let alone = credentials(&test_system);
    try_header(&alone).unwrap_err();
    assert_eq!(notes(&alone), [BEHIND]);

    let (test_system, _) = cloud(401, usize::MAX, AHEAD, "");
    let inner = ServiceAccountKeyAuth::new(&*KEY).unwrap();
    let outer = test_system.with(ImpersonationAuth::new("ajefakefakefakefakef", inner));
    try_header(&outer).unwrap_err();
    assert_eq!(notes(&outer), [BEHIND]);
}

#[test]
fn a_second_refusal_is_the_error_and_its_help_tells_the_difference() {
    let (test_system, dated) = cloud(401, usize::MAX, AHEAD, "");
    let error = outcome(&test_system).unwrap_err();
    assert_eq!((error.kind(), dated.lock().unwrap().len()), (ErrorKind::Refused, 2));
    let help = error.help().unwrap();
    let first = "check these causes in this order: the clock of this machine is 2 h 5 min behind (it shows 2026-11-24";
    assert!(help.starts_with(first) && help.contains("yc iam key list"), "{help}");
}

#[test]
fn the_discovery_that_named_iam_has_a_clock_too() {
    let (test_system, dated) = cloud(401, 1, "", AHEAD);
    outcome(&test_system).unwrap();
    assert_eq!(*dated.lock().unwrap(), [0, 7500]);
}

#[test]
fn other_failures_and_plain_http_are_no_reason_for_a_second_jwt() {
    for status in [404, 405] {
        let (test_system, dated) = cloud(status, 1, AHEAD, AHEAD);
        outcome(&test_system).unwrap_err();
        assert_eq!(dated.lock().unwrap().len(), 1, "{status}");
    }
    for iam in ["http://127.0.0.1:1", "http://localhost:1"] {
        let (test_system, dated) = cloud(401, 1, AHEAD, AHEAD);
        outcome(&test_system.at(Endpoints::new().iam(iam))).unwrap_err();
        assert_eq!(dated.lock().unwrap().len(), 1, "{iam}");
    }
}
