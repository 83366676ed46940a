//! Callers without a usable token wait through an outage: transient failures are tried again while they have time.

mod deadlines;
mod leaving;
mod pauses;

use std::time::Duration;

use test_support::token_source::{Source, token, unavailable};
use test_support::virtual_time::VirtualTime;
use test_support::wait::HOUR;
use yandex_cloud_auth::system::Clock;
use yandex_cloud_auth::testing::TestClock;
use yandex_cloud_auth::{Credentials, Error, HeaderOptions};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A source that is down until this time after the start of the clock.
fn down_until(clock: &TestClock, end: Duration) -> Source {
    let (clock, end) = (clock.clone(), clock.now().monotonic + end);
    Source::new(move |count| match clock.now().monotonic < end {
        true => Err(unavailable()),
        false => Ok(token(count)?.expiring_in(HOUR)),
    })
}

/// The outcome of a call with this deadline, and when it came.
async fn call(
    time: &VirtualTime,
    credentials: &Credentials,
    deadline: Duration,
) -> (Result<String, Error>, Duration) {
    let header = credentials.header_with(HeaderOptions::new().deadline(deadline)).await;
    (header.map(|header| header.unwrap().to_str().unwrap().to_owned()), time.elapsed())
}
