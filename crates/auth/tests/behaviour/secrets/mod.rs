//! Law 7: a secret is never printed, in no failure, and not if a server repeats it.

mod inputs;
mod responses;

use std::error::Error as _;
use std::fmt::Debug;
use std::time::Duration;

use crate::support::TestSystem;
use test_support::wait::secs;
use yandex_cloud_auth::{Credentials, Error, HeaderOptions};

/// Part of every secret in these tests. No printed text may contain it.
const HUSH: &str = "HUSH";

/// Secrets of every known shape.
const SECRETS: [&str; 8] = [
    "t1.HUSH-body==.HUSH-signature",
    "y0_HUSH-oauth_token",
    "AQVN-HUSH-key",
    "AQAAAA-HUSH-legacy-oauth",
    "eyJHUSH.eyJHUSH.HUSH",
    "ya29.HUSH-google",
    "https://user:HUSH@proxy.corp.example:3128",
    "-----BEGIN PRIVATE KEY-----\nHUSH\n-----END PRIVATE KEY-----",
];

/// A token without a known shape: the library masks it because it sent it.
const SHAPELESS: &str = "HUSH-no.shape_at=all-HUSH-no.shape_at-all";

/// All that a program could print about these credentials after a call.
fn everything(test_system: &TestSystem, credentials: &Credentials) -> String {
    let mut shown = String::new();
    let mut show = |value: &dyn Debug| shown.push_str(&format!("{value:?}\n{value:#?}\n"));
    for _ in 0..2 {
        match credentials.blocking().get(HeaderOptions::new().deadline(Duration::from_millis(1))) {
            Ok(snapshot) => {
                show(&snapshot);
                show(&snapshot.header());
                show(&credentials.invalidate(&snapshot));
            }
            Err(error) => show(&of_error(&error)),
        }
        show(&credentials.try_header().map(|header| header.map_err(|error| of_error(&error))));
        test_system.clock.advance(secs(3601));
    }
    show(credentials);
    show(&credentials.blocking());
    show(&credentials.counters());
    show(&credentials.subscribe());
    if let Some(report) = credentials.report() {
        show(&format!("{report} {report:?} {}", serde_json::to_string(&report).unwrap()));
    }
    show(&test_system.system());
    show(&test_system.environment);
    show(&test_system.processes.commands());
    show(&test_system.log.lines());
    shown
}

/// All that a program could print about an error.
fn of_error(error: &Error) -> String {
    let mut shown =
        format!("{error} {error:#} {error:?} {error:#?} {:?} {:?}", error.location(), error.help());
    if let Some(report) = error.report() {
        shown.push_str(&format!("{report} {report:?} {}", serde_json::to_string(report).unwrap()));
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        shown.push_str(&format!("{error} {error:?}"));
        cause = error.source();
    }
    shown
}

fn assert_silent(scenario: &str, shown: &str) {
    if let Some(at) = shown.find(HUSH) {
        let from = shown[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
        panic!("{scenario} prints a secret: …{}", &shown[from..at + HUSH.len()]);
    }
}

/// The ways in which a server or a program may repeat a secret.
fn ways_to_repeat(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    vec![
        secret.to_owned(),
        format!("bad token {secret}, sorry"),
        format!("token={secret}&x=1"),
        format!("\"{secret}\""),
        format!("\u{1b}[31m{secret}\u{1b}[0m"),
        format!("desc = \\n{secret}"),
        percent_encoded(secret),
        format!("url = https://h.example/?t={}&x=1", percent_encoded(secret)),
        json.replace('=', "\\u003d"),
        format!("{{\"code\":16,\"message\":{json}}}"),
        format!("{{\"error\":\"invalid_token\",\"error_description\":{json}}}"),
        format!("{{\"access_token\":{json},\"iamToken\":{json},\"expires_in\":\"x\",\"expiresAt\":\"x\"}}"),
        format!("{{\"access_token\":{json},\"iamToken\":{json}"),
        format!("{{\"message\":\"{}\"}}", "x".repeat(1010) + &json[1..json.len() - 1]),
        format!("{}{secret}", "é".repeat(508)),
    ]
}

/// A secret as a URL contains it. The characters that structure a URL stay.
fn percent_encoded(secret: &str) -> String {
    secret.replace('=', "%3D").replace('+', "%2B").replace('\n', "%0A")
}
