//! Endpoint discovery: the cached list of the services of one endpoint (`GET /endpoints`, called without credentials).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::address::Address;
use super::endpoints::Endpoint;
use super::request::{finish, send};
use super::response::{date, json_object, refusal, unreadable};
use crate::Error;
use crate::log::log;
use crate::sync::Arc;
#[cfg(feature = "service-account-key")]
use crate::system::ClockDifference;
use crate::system::{System, dropped_work};
use crate::task::shared_value::SharedValue;

/// The wait after a failed refresh.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// The age from which a list that lacks a service is refreshed: the service may be new.
const MIN_AGE_FOR_MISSING: Duration = Duration::from_secs(5);

/// The services of one endpoint. All callers share one request and its list.
///
/// ```
/// use std::time::Duration;
/// use yandex_cloud_auth::sdk_internals::{Endpoint, ServiceList};
/// use yandex_cloud_auth::testing::{TestHttp, TestReply};
/// use yandex_cloud_auth::{Endpoints, System};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
/// let list = r#"{"endpoints": [{"id": "operation", "address": "operation.api.cloud.yandex.net:443"},
///                              {"id": "stray", "address": "stray.example:443"}]}"#;
/// let http = TestHttp::new(move |_, _| TestReply::status(200, list));
/// let system = System::real().with_http(http.clone());
/// let system = system.with_endpoints(Endpoints::new().api("api.cloud.yandex.net:443"));
///
/// let list = ServiceList::new(Endpoint::resolve(&system)?, Duration::from_secs(10));
/// let services = list.get("operation", &system).await?;
/// let operation = services.address("operation")?.unwrap();
/// assert_eq!(operation.to_string(), "https://operation.api.cloud.yandex.net");
/// assert!(list.get("unheard-of", &system).await?.address("unheard-of")?.is_none());
/// assert!(list.get("stray", &system).await?.address("stray").is_err());
/// assert_eq!(http.requests().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ServiceList {
    endpoint: Arc<Endpoint>,
    /// The timeout of one request.
    limit: Duration,
    validity: Option<Duration>,
    services: SharedValue<Services, Error>,
}

impl ServiceList {
    /// The list of `endpoint`, without I/O. A request may take `limit`. A fetched list has no age limit.
    #[must_use]
    pub fn new(endpoint: Endpoint, limit: Duration) -> Self {
        let services = SharedValue::new(dropped_work);
        Self { endpoint: Arc::new(endpoint), limit, validity: None, services }
    }

    /// Refreshes a list of this age in the background, plus or minus a tenth, so that the machines of a fleet do not
    /// refresh at the same time. The old list serves until a new one arrives, and stays where the refresh fails.
    #[must_use]
    pub fn with_validity(mut self, validity: Duration) -> Self {
        self.validity = Some(validity);
        self
    }

    /// The endpoint that lists the services.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The list for a look-up of the service `id`. Waits for the first list. Waits for a new list where the cached one
    /// lacks the service and is some seconds old, and keeps the cached one where that request fails.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] if the request would travel without TLS, [`ErrorKind::Unavailable`] if the request fails
    /// or the response cannot be read, [`ErrorKind::Refused`] if the server refuses.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request, which other callers may share.
    pub async fn get(&self, id: &str, system: &System) -> Result<Services, Error> {
        let now = monotonic(system);
        let expired = |services: &Services| (services.valid_until <= now).then(|| services.extended(now));
        self.services.renew(system, expired, |old| self.fetch(system, Some(old)));
        let services = self.services.get(system, || self.fetch(system, None)).await?;
        if services.addresses.contains_key(id)
            || monotonic(system) < services.requested_at.saturating_add(MIN_AGE_FOR_MISSING)
        {
            return Ok(services);
        }
        self.forget();
        self.services.get(system, || self.fetch(system, Some(services))).await
    }

    /// The difference of the clocks when the list was requested over TLS, less than a minute ago.
    #[cfg(feature = "service-account-key")]
    pub(super) fn clock_difference(&self, system: &System) -> Option<ClockDifference> {
        let services = self.services.peek()?;
        let is_recent = monotonic(system) < services.requested_at.saturating_add(RETRY_INTERVAL);
        let (ours, date) = services.clocks.filter(|_| is_recent && self.endpoint.address.is_tls())?;
        ClockDifference::between(ours, date)
    }

    /// Forgets the list, so that the next call requests a new one.
    pub(crate) fn forget(&self) {
        self.services.forget();
    }

    /// Requests the list. Keeps the old one where the request fails.
    fn fetch(
        &self,
        system: &System,
        old: Option<Services>,
    ) -> impl Future<Output = Result<Services, Error>> + Send + use<> {
        let (endpoint, system) = (Arc::clone(&self.endpoint), system.clone());
        let (limit, validity) = (self.limit, self.validity);
        async move {
            let outcome = request(&endpoint, &system, limit).await;
            let requested_at = monotonic(&system);
            match (outcome, old) {
                (Ok((addresses, date)), _) => {
                    let validity = validity.map_or(Duration::MAX, |validity| {
                        validity.mul_f64(0.9 + 0.2 * system.clock().random().clamp(0.0, 1.0))
                    });
                    let valid_until = requested_at.saturating_add(validity);
                    let clocks = date.map(|date| (system.clock().now().wall, date));
                    let addresses = Arc::new(addresses);
                    Ok(Services { endpoint, addresses, requested_at, valid_until, clocks })
                }
                (Err(error), Some(old)) => {
                    log(
                        || tracing::warn!(%error, "the list of services could not be refreshed; the old list stays"),
                    );
                    Ok(old.extended(requested_at))
                }
                (Err(error), None) => Err(error),
            }
        }
    }
}

/// One fetched list. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    endpoint: Arc<Endpoint>,
    /// As listed, unchecked: an address that must not be used is an error of the call that looks it up.
    addresses: Arc<BTreeMap<String, String>>,
    /// When the list was last requested, on the monotonic clock.
    requested_at: Duration,
    valid_until: Duration,
    /// Our wall clock and that of the server when the list arrived, if the server said so.
    #[cfg_attr(
        not(feature = "service-account-key"),
        expect(dead_code, reason = "only a JWT needs the clocks")
    )]
    clocks: Option<(Duration, SystemTime)>,
}

impl Services {
    /// The address of the service `id`; `None` if the list has none.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] if a secret must not go there. A discovered host must be Yandex Cloud's (of the endpoint's
    /// region, where the endpoint is the API of one), the host of the endpoint or below it, or loopback if the endpoint is loopback; and it needs TLS, except for loopback.
    /// [`ErrorKind::Unavailable`] if the text is not an address.
    pub fn address(&self, id: &str) -> Result<Option<Address>, Error> {
        let Some(text) = self.addresses.get(id) else { return Ok(None) };
        // An address without a scheme has the scheme of the endpoint.
        let found = Address::parse(text, self.endpoint.address.tls)
            .map_err(|error| self.unreadable(&format!("the address of `{id}`: {}", error.reason())))?;
        self.endpoint.admit(found, id).map(Some)
    }

    /// The address of a service that every list has.
    pub(super) fn required(&self, id: &str) -> Result<Address, Error> {
        self.address(id)?.ok_or_else(|| self.unreadable(&format!("the address of `{id}` is missing")))
    }

    /// Until when the list is valid, on the monotonic clock.
    #[must_use]
    pub fn valid_until(&self) -> Duration {
        self.valid_until
    }

    /// The same list, valid until the next attempt of a refresh.
    fn extended(&self, now: Duration) -> Self {
        Self { requested_at: now, valid_until: now.saturating_add(RETRY_INTERVAL), ..self.clone() }
    }

    fn unreadable(&self, reason: &str) -> Error {
        unreadable(&self.endpoint.address.url(PATH), reason)
    }
}

const PATH: &str = "/endpoints";

/// Requests the addresses of all services, without credentials; with them comes the time on the clock of the server.
async fn request(
    endpoint: &Endpoint,
    system: &System,
    limit: Duration,
) -> Result<(BTreeMap<String, String>, Option<SystemTime>), Error> {
    endpoint.check()?;
    let url = endpoint.address.url(PATH);
    let request = http::Request::get(&url).header("accept", "application/json");
    let request = finish(request, Vec::new(), &url)?;
    let response = send(system, request, &url, limit).await?;
    if response.status() != 200 {
        let error = refusal(&response, &url, &[]);
        return Err(match error.is_refusal() {
            true => error.with_help(
                "the address is not that of endpoint discovery: check YC_API_ENDPOINT, or the endpoint in code",
            ),
            false => error,
        });
    }
    let fields = json_object(&response, &url)?;
    let Some(Value::Array(entries)) = fields.get("endpoints") else {
        return Err(unreadable(&url, "the list `endpoints` is missing"));
    };
    let field = |entry: &Value, name| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let addresses = entries.iter().filter_map(|entry| Some((field(entry, "id")?, field(entry, "address")?)));
    // Reversed, because the last entry of an id stays in the map, and the first one counts.
    Ok((addresses.rev().collect(), date(response.headers())))
}

fn monotonic(system: &System) -> Duration {
    system.clock().now().monotonic
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::Endpoints;
    use crate::testing::{TestHttp, TestReply};

    #[tokio::test]
    async fn concurrent_callers_share_one_request_and_a_forgotten_list_is_requested_again() {
        let body = r#"{"endpoints": [{"id": "iam", "address": "iam.api.cloud.yandex.net:443"}]}"#;
        let http = TestHttp::new(move |_, _| TestReply::status(200, body));
        let system = System::real().with_http(http.clone());
        let system = system.with_endpoints(Endpoints::new().api("api.cloud.yandex.net"));
        let list = ServiceList::new(Endpoint::resolve(&system).unwrap(), Duration::from_secs(5));

        for requests in [1, 1, 2] {
            if requests == 2 {
                list.forget();
            }
            for services in join_all((0..100).map(|_| list.get("iam", &system))).await {
                let address = services.unwrap().required("iam").unwrap();
                assert_eq!(address.to_string(), "https://iam.api.cloud.yandex.net");
            }
            assert_eq!(http.requests().len(), requests);
        }
    }
}
