//! The hooks: what a tool gets that runs `credential TOOL` or `headers`, for its hosts and for others.

mod aws;
mod bad_input;
mod docker;
mod git;
mod headers;
mod http;
mod keyring;
mod kubernetes;
mod page;
mod shared;

use std::time::{Duration, SystemTime};

use yandex_cloud_emulator::Emulator;

use crate::run::{Outcome, Run, yc_auth};

const TOKEN: &str = "t1.FAKE-token.of-the-hook";

/// The binary with an IAM token in its variable.
fn with_token(words: &[&str]) -> Run {
    yc_auth(words).secret("YC_IAM_TOKEN", TOKEN)
}

/// The binary with the metadata service of the emulator, whose tokens have an end.
fn on_machine(cloud: &Emulator, words: &[&str]) -> Run {
    yc_auth(words).env("YC_METADATA_ADDR", cloud.metadata_addr().to_string())
}

/// The binary on a machine where nothing is configured: its metadata service has no service account.
fn unconfigured(words: &[&str]) -> Outcome {
    let cloud = Emulator::builder().attach_service_account(false).start_in_thread().unwrap();
    on_machine(&cloud, words).stdin("cr.yandex").done()
}

/// The only line on standard error.
#[track_caller]
fn one_line(outcome: &Outcome, status: i32) -> &str {
    let line = outcome.fails(status).trim_end();
    assert!(line.contains("; ") && !line.contains('\n'), "no line with an advice: {outcome:?}");
    line
}

/// The time until a moment in RFC 3339, in UTC and whole seconds.
#[track_caller]
fn left(moment: &str) -> Duration {
    let format = &time::format_description::well_known::Rfc3339;
    let moment = time::OffsetDateTime::parse(moment, format).unwrap();
    let seconds = u64::try_from(moment.unix_timestamp()).unwrap();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    end.duration_since(SystemTime::now()).unwrap_or_default()
}

/// Whether a time that is left is about this many hours.
fn is_hours(left: Duration, hours: u64) -> bool {
    let hours = Duration::from_secs(hours * 3600);
    left <= hours && left + Duration::from_secs(120) > hours
}
