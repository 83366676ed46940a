//! The JSON format of a fault in `POST /_emulator/faults`.

use std::time::Duration;

use serde::Deserialize;

use super::Fault;
use crate::counters::Service;
use crate::wire::status::Status;

/// `{"kind": "status", "status": 503, "target": "iam", "times": 2}`; the documentation of the crate has the fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultRequest {
    kind: String,
    target: Option<String>,
    path: Option<String>,
    times: Option<u32>,
    milliseconds: Option<u64>,
    status: Option<u16>,
    retry_after_seconds: Option<u64>,
    body: Option<String>,
    bytes: Option<u64>,
}

impl FaultRequest {
    pub(crate) fn into_fault(self) -> Result<Fault, Status> {
        let pause = self.milliseconds.map(Duration::from_millis);
        let need = |field: &'static str| Status::invalid(format!("a fault of this kind needs {field}"));
        let mut fault = match self.kind.as_str() {
            "latency" => Fault::latency(pause.ok_or_else(|| need("milliseconds"))?),
            "drip" => Fault::drip(pause.ok_or_else(|| need("milliseconds"))?),
            "status" => match self.status {
                Some(status @ 200..=599) => Fault::status(status),
                _ => return Err(need("status, from 200 to 599")),
            },
            "hang" => Fault::hang(),
            "reset" => Fault::reset(),
            "garbage" => Fault::garbage(),
            "not-found" => Fault::not_found(),
            "huge-body" => Fault::huge_body(self.bytes.ok_or_else(|| need("bytes"))?),
            "truncated-body" => Fault::truncated_body(),
            "same-old-token" => Fault::same_old_token(),
            _ => {
                return Err(Status::invalid(
                    "kind must be latency, status, hang, drip, reset, garbage, not-found, huge-body, \
                     truncated-body or same-old-token",
                ));
            }
        };
        fault = match (self.target.as_deref(), self.path) {
            (None, None) => fault,
            (None, Some(path)) => fault.on_path(path),
            (Some(target), None) => fault.on(Service::named(target)
                .ok_or_else(|| Status::invalid("target must be iam, metadata, endpoints, ai or other"))?),
            (Some(_), Some(_)) => return Err(Status::invalid("a fault has a target or a path, not both")),
        };
        if let Some(times) = self.times {
            fault = fault.times(times);
        }
        if let Some(seconds) = self.retry_after_seconds {
            fault = fault.retry_after(Duration::from_secs(seconds));
        }
        if let Some(body) = self.body {
            fault = fault.body(body);
        }
        Ok(fault)
    }
}
