//! Endpoint discovery: which address a service has (`GET /endpoints`, called without credentials).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::address::Address;
use super::{ask, json_object, refusal, unreadable};
use crate::system::System;
use crate::{Error, ErrorKind};

/// The variable with the discovery endpoint.
pub(crate) const VARIABLE: &str = "YC_API_ENDPOINT";

/// A discovery endpoint, and who named it.
///
/// ```
/// use yandex_cloud_auth::cloud::Endpoint;
/// use yandex_cloud_auth::testing::TestEnvironment;
/// use yandex_cloud_auth::{Endpoints, System};
///
/// let environment = TestEnvironment::new([("YC_API_ENDPOINT", "api.example.com")]);
/// let system = System::real().with_environment(environment);
/// let named = Endpoint::resolve(&system)?;
/// assert!(named.is_foreign() && !named.is_explicit());
/// let system = system.with_endpoints(Endpoints::new().api("http://127.0.0.1:8080"));
/// let given = Endpoint::resolve(&system)?;
/// assert_eq!(given.address().to_string(), "http://127.0.0.1:8080");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) address: Address,
    /// The same as yc understands it.
    pub(crate) without_scheme: Address,
    /// Named in code: the program's own word for where secrets may go.
    explicit: bool,
    /// Whether the program allows secrets to travel there without TLS.
    plaintext: bool,
    /// Where the address was set, for errors.
    location: &'static str,
}

impl Endpoint {
    /// The endpoint in the [`Endpoints`](crate::Endpoints) of the system, else in `YC_API_ENDPOINT`, else the public one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the address cannot be read.
    pub fn resolve(system: &System) -> Result<Self, Error> {
        Ok(match Self::configured(system)? {
            Some(endpoint) => endpoint,
            None => Self::public(Address::public_api(), system),
        })
    }

    /// The endpoint in code or in `YC_API_ENDPOINT`; `None` where neither names one.
    pub(crate) fn configured(system: &System) -> Result<Option<Self>, Error> {
        match Self::of_code(system)? {
            Some(endpoint) => Ok(Some(endpoint)),
            None => Self::in_variable(VARIABLE, system),
        }
    }

    /// The endpoint in the [`Endpoints`](crate::Endpoints) of the system; `None` where they name none. Reads no variable.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the address cannot be read.
    pub fn of_code(system: &System) -> Result<Option<Self>, Error> {
        let text = system.endpoints().given_api();
        text.map(|text| Self::in_code(text, "endpoint", system)).transpose()
    }

    /// The endpoint in a variable; `None` where it is not set.
    pub(crate) fn in_variable(variable: &'static str, system: &System) -> Result<Option<Self>, Error> {
        let text = system.variable(variable)?;
        text.map(|text| Self::parse(&text, false, variable, system)).transpose()
    }

    /// An endpoint that the program names.
    pub(crate) fn in_code(text: &str, location: &'static str, system: &System) -> Result<Self, Error> {
        Self::parse(text, true, location, system)
    }

    /// The endpoint that a file names at `location`. Like one in the environment, it was not named in code.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the address cannot be read.
    #[cfg(feature = "profile")]
    pub(crate) fn in_file(text: &str, location: &'static str, system: &System) -> Result<Self, Error> {
        Self::parse(text, false, location, system)
    }

    /// An address of Yandex Cloud that this library knows.
    pub(crate) fn public(address: Address, system: &System) -> Self {
        let (without_scheme, plaintext) = (address.clone(), system.endpoints().allows_plaintext());
        Self { address, without_scheme, explicit: false, plaintext, location: "default" }
    }

    fn parse(text: &str, explicit: bool, location: &'static str, system: &System) -> Result<Self, Error> {
        let address = Address::parse(text, true).map_err(|error| error.at(location))?;
        let without_scheme = Address::parse_without_scheme(text).map_err(|error| error.at(location))?;
        let plaintext = system.endpoints().allows_plaintext();
        Ok(Self { address, without_scheme, explicit, plaintext, location })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it was named in code, and not by the environment or by nobody.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    /// Where it came from: `endpoint` in code, `YC_API_ENDPOINT`, the configuration of yc, or `default`.
    #[must_use]
    pub fn location(&self) -> &'static str {
        self.location
    }

    /// Whether it is neither Yandex Cloud's nor on this machine.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.address.is_yandex_cloud() && !self.address.is_loopback()
    }

    /// Says in the log that the environment sends secrets to a host of somebody else's.
    pub(crate) fn warn_if_foreign(&self, what: &str) {
        if self.is_foreign() && !self.explicit {
            tracing::warn!(endpoint = %self.address, "{} names a host that is not Yandex Cloud's; {what}", self.location);
        }
    }

    /// Refuses plain HTTP to a host that is not this machine, unless the program allows it
    /// ([`Endpoints::danger_allow_plaintext`](crate::Endpoints::danger_allow_plaintext)).
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`].
    pub fn check(&self) -> Result<(), Error> {
        if self.address.is_tls() || self.address.is_loopback() || self.plaintext {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Blocked, format!("{} would be spoken to without TLS", self.address))
            .at(self.location)
            .with_help("use https, or loopback; plain HTTP elsewhere has to be allowed in code"))
    }

    /// Asks for the addresses of all services (`GET /endpoints`), without credentials, for at most `limit`.
    ///
    /// Nothing is kept: who asks for more than one service keeps the list.
    ///
    /// ```
    /// use std::time::Duration;
    /// use yandex_cloud_auth::cloud::Endpoint;
    /// use yandex_cloud_auth::testing::{TestHttp, TestReply};
    /// use yandex_cloud_auth::{Endpoints, System};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
    /// let list = r#"{"endpoints": [{"id": "operation", "address": "operation.api.cloud.yandex.net:443"},
    ///                              {"id": "stray", "address": "stray.example:443"}]}"#;
    /// let http = TestHttp::new(move |_, _| TestReply::status(200, list));
    /// let system = System::real().with_http(http).with_endpoints(Endpoints::new().api("api.cloud.yandex.net:443"));
    ///
    /// let endpoint = Endpoint::resolve(&system)?;
    /// let services = endpoint.services(&system, Duration::from_secs(10)).await?;
    /// let operation = services.address("operation")?.unwrap();
    /// assert_eq!(operation.to_string(), "https://operation.api.cloud.yandex.net");
    /// assert!(services.address("unheard-of")?.is_none());
    /// assert!(services.address("stray").is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] where it would be asked in plain text, [`ErrorKind::Unavailable`] where nobody answers or
    /// the answer cannot be read, [`ErrorKind::Refused`] where the answer is a "no".
    pub async fn services(&self, system: &System, limit: Duration) -> Result<Services, Error> {
        self.check()?;
        let url = self.address.url("/endpoints");
        let request = http::Request::get(&url)
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(&url))?;
        let answer = ask(system, request, &url, limit).await?;
        if answer.status() != 200 {
            let error = refusal(&answer, &url, &[]);
            return Err(match error.kind() {
                ErrorKind::Refused => error.with_help(
                    "no discovery answers there: look at YC_API_ENDPOINT, or the endpoint in code",
                ),
                _ => error,
            });
        }
        let fields = json_object(&answer, &url)?;
        let Some(Value::Array(entries)) = fields.get("endpoints") else {
            return Err(unreadable(&url, "it has no list `endpoints`"));
        };
        let mut addresses = BTreeMap::new();
        for entry in entries {
            let field = |name| entry.get(name).and_then(Value::as_str);
            if let (Some(id), Some(address)) = (field("id"), field("address")) {
                addresses.entry(id.to_owned()).or_insert_with(|| address.to_owned());
            }
        }
        Ok(Services { endpoint: self.clone(), addresses })
    }
}

/// The addresses of services, as an [`Endpoint`] told them. Made by [`Endpoint::services`].
#[derive(Clone, Debug)]
pub struct Services {
    endpoint: Endpoint,
    /// As they were told: one that may not be used is the error of whoever asks for it.
    addresses: BTreeMap<String, String>,
}

impl Services {
    /// The address of the service `id`; `None` where the list has none.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`] where a secret may not go there: a discovered host must be Yandex Cloud's, the endpoint's
    /// own or below it, or loopback when the endpoint is; over TLS, loopback aside.
    /// [`ErrorKind::Unavailable`] where it is no address.
    pub fn address(&self, id: &str) -> Result<Option<Address>, Error> {
        let Some(text) = self.addresses.get(id) else { return Ok(None) };
        // What names no scheme is spoken to like the endpoint that named it.
        let found = Address::parse(text, self.endpoint.address.tls).map_err(|error| {
            unreadable(&self.url(), &format!("the address of `{id}`: {}", error.reason()))
        })?;
        admit(found, &self.endpoint, id).map(Some)
    }

    /// The ids of the services, in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.addresses.keys().map(String::as_str)
    }

    fn url(&self) -> String {
        self.endpoint.address.url("/endpoints")
    }
}

/// Asks for the address of the service `id`.
pub(crate) async fn discover(
    system: &System,
    endpoint: &Endpoint,
    id: &str,
    limit: Duration,
) -> Result<Address, Error> {
    let services = endpoint.services(system, limit).await?;
    let missing = || unreadable(&services.url(), &format!("it has no address for `{id}`"));
    services.address(id)?.ok_or_else(missing)
}

/// A discovered host must be Yandex Cloud's, the endpoint's own or below it, or loopback when the endpoint is.
fn admit(found: Address, endpoint: &Endpoint, id: &str) -> Result<Address, Error> {
    let home = found.is_yandex_cloud()
        || found.is_at_or_below(&endpoint.address)
        || (found.is_loopback() && endpoint.address.is_loopback());
    let sealed = found.tls || found.is_loopback() || endpoint.plaintext;
    if home && sealed {
        return Ok(found);
    }
    let why = if home { "without TLS" } else { "neither Yandex Cloud's nor below the endpoint" };
    Err(Error::new(ErrorKind::Blocked, format!("discovery names {found} for `{id}`: {why}"))
        .at(endpoint.address.to_string())
        .with_help(format!("check the endpoint; where this is meant, give the address of `{id}` in code")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discovered_host_must_belong_to_the_endpoint() {
        // endpoint, discovered -> admitted as
        for (endpoint, found, admitted) in [
            (
                "api.cloud.yandex.net",
                "iam.api.cloud.yandex.net:443",
                Some("https://iam.api.cloud.yandex.net"),
            ),
            ("api.cloud.yandex.net", "iam.api.yandexcloud.kz:443", Some("https://iam.api.yandexcloud.kz")),
            ("api.cloud.yandex.net", "iam.evil.example:443", None),
            ("api.cloud.yandex.net", "http://iam.api.cloud.yandex.net", None),
            ("api.cloud.yandex.net", "127.0.0.1:443", None),
            ("api.corp.example", "iam.api.corp.example", Some("https://iam.api.corp.example")),
            ("api.corp.example", "api.corp.example:8443", Some("https://api.corp.example:8443")),
            ("api.corp.example", "iam.corp.example", None),
            ("api.corp.example", "http://iam.api.corp.example", None),
            ("http://127.0.0.1:9", "127.0.0.1:10", Some("http://127.0.0.1:10")),
            ("http://127.0.0.1:9", "localhost:10", Some("http://localhost:10")),
            ("http://127.0.0.1:9", "10.0.0.1:10", None),
            ("127.0.0.1:9", "127.0.0.1:10", Some("https://127.0.0.1:10")),
        ] {
            let endpoint = Endpoint {
                address: Address::parse(endpoint, true).unwrap(),
                without_scheme: Address::parse_without_scheme(endpoint).unwrap(),
                explicit: true,
                plaintext: false,
                location: "endpoint",
            };
            let address = Address::parse(found, endpoint.address.tls).unwrap();
            let admitted_as = admit(address, &endpoint, "iam");
            assert_eq!(admitted_as.as_ref().ok().map(Address::to_string).as_deref(), admitted, "{found}");
            assert!(
                admitted_as.is_ok() || admitted_as.is_err_and(|error| error.kind() == ErrorKind::Blocked)
            );
        }
    }
}
