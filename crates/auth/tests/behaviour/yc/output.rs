//! How the output of yc is read.

use std::sync::mpsc;

use super::{by_hand, failure};
use crate::support::{TestSystem, YC, YC_TOKEN};
use test_support::token_source::header;
use test_support::wait::secs;
use yandex_cloud_auth::system::Command;
use yandex_cloud_auth::testing::TestRun;
use yandex_cloud_auth::{ErrorKind, Method};

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
