//! Faults: injected errors.
//!
//! This file has the list of faults. `effect.rs` applies faults; `json.rs` parses faults of the control API.

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

/// An injected error.
///
/// A fault applies to every call of every service until [`Faults::clear`]. [`on`](Self::on), [`on_path`](Self::on_path)
/// and [`times`](Self::times) limit a fault. For a gRPC call, a status becomes the corresponding code, and garbage
/// becomes a message that cannot be decoded.
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
    /// The number of calls that the fault still applies to. `None` means all calls.
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
    /// Delays the response. Combines with the next fault of the call.
    pub fn latency(by: Duration) -> Self {
        Self::of(Kind::Latency { milliseconds: milliseconds(by) })
    }

    /// Responds with this HTTP status, from 200 to 599. Any other number becomes 500.
    pub fn status(status: u16) -> Self {
        let status = Some(status).filter(|status| (200..600).contains(status));
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        Self::of(Kind::Status {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            retry_after_seconds: None,
            body: None,
        })
    }

    /// Accepts the call and never responds.
    pub fn hang() -> Self {
        Self::of(Kind::Hang)
    }

    /// Sends the body one byte at a time, with this pause before each byte.
    pub fn drip(pause: Duration) -> Self {
        Self::of(Kind::Drip { milliseconds: milliseconds(pause) })
    }

    /// Closes the connection without a response.
    pub fn reset() -> Self {
        Self::of(Kind::Reset)
    }

    /// Responds with 200 and a body that cannot be decoded.
    pub fn garbage() -> Self {
        Self::of(Kind::Garbage)
    }

    /// Responds with 404.
    pub fn not_found() -> Self {
        Self::of(Kind::NotFound)
    }

    /// Responds with 200 and a JSON body of this many bytes.
    pub fn huge_body(bytes: u64) -> Self {
        Self::of(Kind::HugeBody { bytes })
    }

    /// Closes the connection in the middle of the body.
    pub fn truncated_body() -> Self {
        Self::of(Kind::TruncatedBody)
    }

    /// IAM and the metadata service return their last token again, even if the token has expired. Combines with the
    /// next fault of the call.
    pub fn same_old_token() -> Self {
        Self::of(Kind::SameOldToken)
    }

    /// Limits the fault to one service.
    pub fn on(mut self, service: Service) -> Self {
        self.target = Target::Service { target: service };
        self
    }

    /// Limits the fault to paths with this prefix, such as `/v1/` or `/yandex.cloud.iam.`.
    pub fn on_path(mut self, prefix: impl Into<String>) -> Self {
        self.target = Target::PathPrefix { path: prefix.into() };
        self
    }

    /// Limits the fault to this number of calls.
    pub fn times(mut self, calls: u32) -> Self {
        self.times = Some(calls);
        self
    }

    /// Adds `Retry-After` to a [status](Self::status) fault, in whole seconds.
    pub fn retry_after(mut self, after: Duration) -> Self {
        if let Kind::Status { retry_after_seconds, .. } = &mut self.kind {
            *retry_after_seconds = Some(after.as_secs());
        }
        self
    }

    /// Sets the body of a [status](Self::status) fault, or the message over gRPC. The default is a JSON error.
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

/// The active faults. Clones are handles to the same list.
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
    /// Adds a fault. If several faults apply to a call, the oldest one has effect. Latency and the same old token
    /// combine with one more fault.
    pub fn add(&self, fault: Fault) {
        if fault.times != Some(0) {
            lock(&self.active).push(fault);
        }
    }

    /// Removes all faults. The effect on calls that have started continues.
    pub fn clear(&self) {
        lock(&self.active).clear();
    }

    /// The active faults, each with its remaining number of calls.
    #[must_use]
    pub fn active(&self) -> Vec<Fault> {
        lock(&self.active).clone()
    }

    /// The faults of a call. Decrements the remaining calls of each of them.
    pub(crate) fn take(&self, service: Service, path: &str) -> CallFaults {
        let mut faults = CallFaults::default();
        // One lock for the whole list, so that two calls cannot use the same remaining call of a fault.
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

/// The faults of one call.
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
    fn counts_only_the_calls_that_the_fault_applies_to() {
        let faults = Faults::default();
        faults.add(Fault::hang().on(Service::Iam).times(1));
        assert!(faults.take(Service::Ai, "/v1/models").effect.is_none());
        assert!(faults.take(Service::Iam, "/iam/v1/tokens").effect.is_some());
        assert!(faults.take(Service::Iam, "/iam/v1/tokens").effect.is_none());
        assert!(faults.active().is_empty());
    }

    #[test]
    fn latency_combines_with_another_fault() {
        let faults = Faults::default();
        faults.add(Fault::latency(Duration::from_millis(5)));
        faults.add(Fault::reset().on_path("/v1/"));
        faults.add(Fault::hang());
        let faults = faults.take(Service::Ai, "/v1/models");
        assert_eq!((faults.latency, faults.effect), (Duration::from_millis(5), Some(Kind::Reset)));
    }
}
