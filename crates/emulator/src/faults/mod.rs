//! Faults: what goes wrong, where, and how often.
//!
//! This file is the list; `effect.rs` carries a fault out, `json.rs` reads one from the control API.

mod drip;
mod effect;
mod hangup;
mod json;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

pub(crate) use effect::apply;
pub(crate) use hangup::Hangup;
pub(crate) use json::FaultRequest;

use crate::counters::Service;
use crate::sync::lock;

/// One thing that goes wrong.
///
/// A fault hits every call of every service until [`Faults::clear`], unless it is narrowed with
/// [`on`](Self::on), [`on_path`](Self::on_path) or [`times`](Self::times). Over gRPC it has the nearest meaning: a
/// status becomes the code that belongs to it, garbage becomes a message that does not parse.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_emulator::{Fault, Service};
///
/// let twice_busy = Fault::status(503).retry_after(Duration::from_secs(1)).on(Service::Iam).times(2);
/// let slow_chat = Fault::latency(Duration::from_millis(200)).on_path("/v1/chat/");
/// # let _ = (twice_busy, slow_chat);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Fault {
    #[serde(flatten)]
    kind: Kind,
    #[serde(flatten)]
    target: Target,
    /// How many calls it still hits; `None` is all.
    times: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Kind {
    Latency {
        milliseconds: u64,
    },
    Status {
        #[serde(serialize_with = "as_number")]
        status: StatusCode,
        retry_after_seconds: Option<u64>,
        body: Option<String>,
    },
    Hang,
    Drip {
        milliseconds: u64,
    },
    Reset,
    Garbage,
    NotFound,
    HugeBody {
        bytes: u64,
    },
    TruncatedBody,
    SameOldToken,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Target {
    Service { target: Service },
    PathPrefix { path: String },
    Everything {},
}

impl Fault {
    /// The answer comes this much later. Combines with the next fault that hits the call.
    pub fn latency(by: Duration) -> Self {
        Self::of(Kind::Latency { milliseconds: milliseconds(by) })
    }

    /// The answer is an error with this HTTP status, from 200 to 599 (any other number becomes 500).
    pub fn status(status: u16) -> Self {
        let status = Some(status).filter(|status| (200..600).contains(status));
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        Self::of(Kind::Status {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            retry_after_seconds: None,
            body: None,
        })
    }

    /// The call is accepted and never answered.
    pub fn hang() -> Self {
        Self::of(Kind::Hang)
    }

    /// The body comes a byte at a time, with this pause before each.
    pub fn drip(pause: Duration) -> Self {
        Self::of(Kind::Drip { milliseconds: milliseconds(pause) })
    }

    /// The connection is closed without an answer.
    pub fn reset() -> Self {
        Self::of(Kind::Reset)
    }

    /// 200 with a body that nobody can read.
    pub fn garbage() -> Self {
        Self::of(Kind::Garbage)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::of(Kind::NotFound)
    }

    /// 200 with a body of this many bytes: valid JSON, but for its size.
    pub fn huge_body(bytes: u64) -> Self {
        Self::of(Kind::HugeBody { bytes })
    }

    /// The body breaks off half-way.
    pub fn truncated_body() -> Self {
        Self::of(Kind::TruncatedBody)
    }

    /// IAM and the metadata service go on giving the token that they gave last, expired or not.
    /// Combines with the next fault that hits the call.
    pub fn same_old_token() -> Self {
        Self::of(Kind::SameOldToken)
    }

    /// Hits one service.
    pub fn on(mut self, service: Service) -> Self {
        self.target = Target::Service { target: service };
        self
    }

    /// Hits the paths that start so, such as `/v1/` or `/yandex.cloud.iam.`.
    pub fn on_path(mut self, prefix: impl Into<String>) -> Self {
        self.target = Target::PathPrefix { path: prefix.into() };
        self
    }

    /// Hits this many calls, then is gone.
    pub fn times(mut self, calls: u32) -> Self {
        self.times = Some(calls);
        self
    }

    /// For a [status](Self::status): adds `Retry-After`, in whole seconds.
    pub fn retry_after(mut self, after: Duration) -> Self {
        if let Kind::Status { retry_after_seconds, .. } = &mut self.kind {
            *retry_after_seconds = Some(after.as_secs());
        }
        self
    }

    /// For a [status](Self::status): the body, instead of the usual JSON (the message, over gRPC).
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Kind::Status { body, .. } = &mut self.kind {
            *body = Some(text.into());
        }
        self
    }

    fn of(kind: Kind) -> Self {
        Self { kind, target: Target::Everything {}, times: None }
    }

    fn hits(&self, service: Service, path: &str) -> bool {
        match &self.target {
            Target::Everything {} => true,
            Target::Service { target } => *target == service,
            Target::PathPrefix { path: prefix } => path.starts_with(prefix.as_str()),
        }
    }
}

/// The faults in force; clones are handles to the same list.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use yandex_cloud_emulator::{Emulator, Fault, Service};
///
/// let emulator = Emulator::start().await?;
/// emulator.faults().add(Fault::hang().on(Service::Metadata).times(1));
/// assert_eq!(emulator.faults().active().len(), 1);
/// emulator.faults().clear();
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    active: Arc<Mutex<Vec<Fault>>>,
}

impl Faults {
    /// Adds a fault. Of the faults that hit one call the oldest is carried out; latency and
    /// the same old token leave room for one more.
    pub fn add(&self, fault: Fault) {
        if fault.times != Some(0) {
            lock(&self.active).push(fault);
        }
    }

    /// Removes all faults. Calls that already hang, drip or wait go on doing so.
    pub fn clear(&self) {
        lock(&self.active).clear();
    }

    /// The faults in force, with the number of calls that each still hits.
    #[must_use]
    pub fn active(&self) -> Vec<Fault> {
        lock(&self.active).clone()
    }

    /// What goes wrong with this call. Uses up one of the counted hits of each fault concerned.
    pub(crate) fn take(&self, service: Service, path: &str) -> CallFaults {
        let mut faults = CallFaults::default();
        lock(&self.active).retain_mut(|fault| {
            if faults.effect.is_some() || !fault.hits(service, path) {
                return true;
            }
            match &fault.kind {
                Kind::Latency { milliseconds } => faults.latency += Duration::from_millis(*milliseconds),
                Kind::SameOldToken if matches!(service, Service::Iam | Service::Metadata) => {
                    faults.same_old_token = true;
                }
                Kind::SameOldToken => return true,
                effect => faults.effect = Some(effect.clone()),
            }
            match &mut fault.times {
                None => true,
                Some(left) => {
                    *left -= 1;
                    *left > 0
                }
            }
        });
        faults
    }
}

/// What goes wrong with one call.
#[derive(Default)]
pub(crate) struct CallFaults {
    latency: Duration,
    effect: Option<Kind>,
    pub(crate) same_old_token: bool,
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_only_the_calls_it_hits() {
        let faults = Faults::default();
        faults.add(Fault::hang().on(Service::Iam).times(1));
        assert!(faults.take(Service::Ai, "/v1/models").effect.is_none());
        assert!(faults.take(Service::Iam, "/iam/v1/tokens").effect.is_some());
        assert!(faults.take(Service::Iam, "/iam/v1/tokens").effect.is_none());
        assert!(faults.active().is_empty());
    }

    #[test]
    fn latency_leaves_room_for_another_fault() {
        let faults = Faults::default();
        faults.add(Fault::latency(Duration::from_millis(5)));
        faults.add(Fault::reset().on_path("/v1/"));
        faults.add(Fault::hang());
        let faults = faults.take(Service::Ai, "/v1/models");
        assert_eq!((faults.latency, faults.effect), (Duration::from_millis(5), Some(Kind::Reset)));
    }
}
