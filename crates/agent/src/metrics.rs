//! Counters and histograms in the format of `OpenMetrics`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::identity::Identity;

/// The content type of a response with metrics.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper ends of the histogram of the time that a response takes, in seconds.
const BUCKETS: [f64; 8] = [0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 20.0];

type Labels = [(&'static str, String); 2];

/// The metrics of an agent. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Arc<Mutex<Families>>);

#[derive(Default)]
struct Families {
    requests: Family<Labels, Counter>,
    durations: Vec<(&'static str, Histogram)>,
}

/// The counters of one listener's requests.
pub(crate) struct Requests {
    good: Counter,
    refused: Counter,
    failed: Counter,
    duration: Histogram,
}

impl Requests {
    /// Counts a response.
    pub(crate) fn count(&self, status: StatusCode, duration: Duration) {
        match status.as_u16() {
            0..400 => self.good.inc(),
            400..500 => self.refused.inc(),
            _ => self.failed.inc(),
        };
        self.duration.observe(duration.as_secs_f64());
    }
}

impl Metrics {
    /// The counters of a kind of listener.
    pub(crate) fn requests(&self, kind: &'static str) -> Requests {
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = |outcome: &str| {
            let labels = [("listener", kind.to_owned()), ("outcome", outcome.to_owned())];
            families.requests.get_or_create(&labels).clone()
        };
        let (good, refused, failed) = (counter("ok"), counter("refused"), counter("failed"));
        let found =
            families.durations.iter().find(|(other, _)| *other == kind).map(|(_, found)| found.clone());
        let duration = found.unwrap_or_else(|| {
            let histogram = Histogram::new(BUCKETS);
            families.durations.push((kind, histogram.clone()));
            histogram
        });
        Requests { good, refused, failed, duration }
    }

    /// All metrics as text.
    pub(crate) fn text(&self, identities: &[Arc<Identity>]) -> String {
        let mut registry = Registry::with_prefix("yc_auth_agent");
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("requests", "Requests by listener and outcome", families.requests.clone());
        for (kind, histogram) in &families.durations {
            let registry = registry.sub_registry_with_label(("listener".into(), (*kind).into()));
            registry.register_with_unit(
                "response",
                "Time until the response was ready",
                Unit::Seconds,
                histogram.clone(),
            );
        }
        for identity in identities {
            let registry =
                registry.sub_registry_with_label(("identity".into(), identity.name().to_owned().into()));
            let counts = identity.credentials.counters();
            let ready = ConstGauge::new(i64::from(identity.is_ready()));
            registry.register("ready", "Whether a token can be served", ready);
            if let Some(end) = identity.credentials.snapshot().and_then(|token| token.expires_at()) {
                let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                registry.register_with_unit(
                    "token_expires",
                    "When the current token ends, since the Unix epoch",
                    Unit::Seconds,
                    ConstGauge::new(end),
                );
            }
            registry.register("fetches", "Fetches of tokens", ConstCounter::new(counts.fetches));
            registry.register("fetch_failures", "Fetches that failed", ConstCounter::new(counts.failures));
        }
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
