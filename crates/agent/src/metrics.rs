//! Counters and histograms in the format of `OpenMetrics`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::identity::Identity;

/// The content type of a response with metrics.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper ends of the histogram of the time that a response takes, in seconds.
const BUCKETS: [f64; 8] = [0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 20.0];

type Label = [(&'static str, String); 1];
type Labels = [(&'static str, String); 2];

/// The metrics of an agent. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    requests: Family<Labels, Counter>,
    durations: Family<Label, Histogram, fn() -> Histogram>,
    sds: SdsMetrics,
    /// The counters of each kind of listener.
    kinds: Arc<Mutex<BTreeMap<&'static str, Requests>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            sds: SdsMetrics::default(),
            kinds: Arc::default(),
        }
    }
}

/// What Envoy's clients do. Clones share the numbers.
#[derive(Clone, Default)]
pub(crate) struct SdsMetrics {
    pub(crate) pushes: Counter,
    pub(crate) rejections: Counter,
    streams: Gauge,
}

impl SdsMetrics {
    /// Counts a stream as open as long as the result exists.
    pub(crate) fn stream(&self) -> impl Send + use<> {
        self.streams.inc();
        OpenStream(self.streams.clone())
    }
}

struct OpenStream(Gauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The counters of one kind of listener. Clones share them.
#[derive(Clone)]
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
        let counter = |outcome: &str| {
            let labels = [("listener", kind.to_owned()), ("outcome", outcome.to_owned())];
            self.requests.get_or_create(&labels).clone()
        };
        let requests = Requests {
            good: counter("ok"),
            refused: counter("refused"),
            failed: counter("failed"),
            duration: self.durations.get_or_create(&[("listener", kind.to_owned())]).clone(),
        };
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, requests.clone());
        requests
    }

    /// The numbers of Envoy's clients.
    pub(crate) fn sds(&self) -> SdsMetrics {
        self.sds.clone()
    }

    /// How many requests each kind of listener has answered well, refused, and failed.
    pub(crate) fn counts(&self) -> Vec<(&'static str, [u64; 3])> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let counts =
            |requests: &Requests| [&requests.good, &requests.refused, &requests.failed].map(Counter::get);
        kinds.iter().map(|(kind, requests)| (*kind, counts(requests))).collect()
    }

    /// All metrics as text.
    pub(crate) fn text(&self, identities: &[Arc<Identity>]) -> String {
        let (fetches, failures) = (Family::<Label, Counter>::default(), Family::<Label, Counter>::default());
        let (ready, ends) =
            (Family::<Label, Gauge>::default(), Family::<Label, Gauge<f64, AtomicU64>>::default());
        for identity in identities {
            let label = [("identity", identity.name().to_owned())];
            let counts = identity.credentials.counters();
            fetches.get_or_create(&label).inc_by(counts.fetches);
            failures.get_or_create(&label).inc_by(counts.failures);
            ready.get_or_create(&label).set(i64::from(identity.has_token()));
            if let Some(end) = identity.credentials.snapshot().and_then(|token| token.expires_at()) {
                let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                ends.get_or_create(&label).set(end.as_secs_f64());
            }
        }
        let mut registry = Registry::with_prefix("yc_auth_agent");
        registry.register("requests", "Requests by listener and outcome", self.requests.clone());
        let help = "Time until the response was ready";
        registry.register_with_unit("response", help, Unit::Seconds, self.durations.clone());
        registry.register("ready", "Whether a token can be served", ready);
        let help = "When the current token ends, since the Unix epoch";
        registry.register_with_unit("token_expires", help, Unit::Seconds, ends);
        registry.register("fetches", "Fetches of tokens", fetches);
        registry.register("fetch_failures", "Fetches that failed", failures);
        registry.register("sds_streams", "Streams of Envoy", self.sds.streams.clone());
        registry.register("sds_pushes", "Secrets sent to Envoy", self.sds.pushes.clone());
        registry.register("sds_rejections", "Secrets that Envoy has refused", self.sds.rejections.clone());
        register_secrets(&mut registry, identities);
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// The metrics of the Secrets of Kubernetes.
fn register_secrets(registry: &mut Registry, identities: &[Arc<Identity>]) {
    let (leads, ends) =
        (Family::<Label, Gauge>::default(), Family::<Label, Gauge<f64, AtomicU64>>::default());
    let (writes, failures) = (Family::<Label, Counter>::default(), Family::<Label, Counter>::default());
    for duty in identities.iter().flat_map(|identity| identity.duties.all()) {
        let label = [("secret", duty.secret.clone())];
        leads.get_or_create(&label).set(i64::from(duty.leads()));
        writes.get_or_create(&label).inc_by(duty.writes());
        failures.get_or_create(&label).inc_by(duty.failures());
        if let Some(end) = duty.end() {
            let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            ends.get_or_create(&label).set(end.as_secs_f64());
        }
    }
    registry.register("secret_leads", "Whether this agent holds the Lease of the Secret", leads);
    let help = "When the token in the Secret ends, since the Unix epoch";
    registry.register_with_unit("secret_expires", help, Unit::Seconds, ends);
    registry.register("secret_writes", "Tokens that were written to the Secret", writes);
    registry.register(
        "secret_failures",
        "Turns that could not renew the Lease or write the Secret",
        failures,
    );
}
