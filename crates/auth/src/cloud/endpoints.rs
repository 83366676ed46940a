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
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::cloud::Endpoint;
/// use yandex_cloud_auth::testing::TestEnvironment;
///
/// let environment = TestEnvironment::new([("YC_API_ENDPOINT", "api.example.com")]);
/// let system = System::real().with_environment(environment);
/// let named = Endpoint::resolve(None, &system)?;
/// assert!(named.is_foreign() && !named.is_explicit());
/// let given = Endpoint::resolve(Some("http://127.0.0.1:8080"), &system)?;
/// assert_eq!(given.address().to_string(), "http://127.0.0.1:8080");
/// # Ok::<(), yandex_cloud_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) address: Address,
    /// The same as yc understands it.
    pub(crate) without_scheme: Address,
    /// Named in code: the user's own word for where secrets may go.
    pub(crate) explicit: bool,
    /// Where it came from, for errors.
    location: &'static str,
}

impl Endpoint {
    /// The endpoint given in code, else in `YC_API_ENDPOINT`, else the public one: `host`, `host:port` (TLS) or a URL.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is no address.
    pub fn resolve(given: Option<&str>, system: &System) -> Result<Self, Error> {
        Self::resolve_in(VARIABLE, Address::public_api(), given, system)
    }

    /// The endpoint given in code, else in `variable`, else the `usual` one.
    pub(crate) fn resolve_in(
        variable: &'static str,
        usual: Address,
        given: Option<&str>,
        system: &System,
    ) -> Result<Self, Error> {
        let (text, location) = match given {
            Some(text) => (text.to_owned(), "endpoint"),
            None => match system.variable(variable)? {
                Some(text) => (text.to_string(), variable),
                None => {
                    let without_scheme = usual.clone();
                    return Ok(Self { address: usual, without_scheme, explicit: false, location: "default" });
                }
            },
        };
        let address = Address::parse(&text, true).map_err(|error| error.at(location))?;
        let without_scheme = Address::parse_without_scheme(&text).map_err(|error| error.at(location))?;
        Ok(Self { address, without_scheme, explicit: given.is_some(), location })
    }

    /// The endpoint that a file names at `location`: like one in the environment, it is nobody's word in code.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where it is no address.
    #[cfg(feature = "profile")]
    pub(crate) fn in_file(text: &str, location: &'static str) -> Result<Self, Error> {
        let address = Address::parse(text, true).map_err(|error| error.at(location))?;
        let without_scheme = Address::parse_without_scheme(text).map_err(|error| error.at(location))?;
        Ok(Self { address, without_scheme, explicit: false, location })
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

    /// Refuses plain HTTP to anywhere but this machine, unless `plaintext` was allowed in code.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`].
    pub fn check(&self, plaintext: bool) -> Result<(), Error> {
        if self.address.is_tls() || self.address.is_loopback() || plaintext {
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
    /// use yandex_cloud_auth::System;
    /// use yandex_cloud_auth::cloud::Endpoint;
    /// use yandex_cloud_auth::testing::{TestHttp, TestReply};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
    /// let list = r#"{"endpoints": [{"id": "operation", "address": "operation.api.cloud.yandex.net:443"},
    ///                              {"id": "stray", "address": "stray.example:443"}]}"#;
    /// let http = TestHttp::new(move |_, _| TestReply::status(200, list));
    /// let system = System::real().with_http(http);
    ///
    /// let endpoint = Endpoint::resolve(Some("api.cloud.yandex.net:443"), &system)?;
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
        self.check(false)?;
        self.list(system, false, limit).await
    }

    async fn list(&self, system: &System, plaintext: bool, limit: Duration) -> Result<Services, Error> {
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
        Ok(Services { endpoint: self.clone(), plaintext, addresses })
    }
}

/// The addresses of services, as an [`Endpoint`] told them. Made by [`Endpoint::services`].
#[derive(Clone, Debug)]
pub struct Services {
    endpoint: Endpoint,
    plaintext: bool,
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
        admit(found, &self.endpoint, id, self.plaintext).map(Some)
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
    plaintext: bool,
    limit: Duration,
) -> Result<Address, Error> {
    let services = endpoint.list(system, plaintext, limit).await?;
    let missing = || unreadable(&services.url(), &format!("it has no address for `{id}`"));
    services.address(id)?.ok_or_else(missing)
}

/// A discovered host must be Yandex Cloud's, the endpoint's own or below it, or loopback when the endpoint is.
fn admit(found: Address, endpoint: &Endpoint, id: &str, plaintext: bool) -> Result<Address, Error> {
    let home = found.is_yandex_cloud()
        || found.is_at_or_below(&endpoint.address)
        || (found.is_loopback() && endpoint.address.is_loopback());
    let sealed = found.tls || found.is_loopback() || plaintext;
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
                location: "endpoint",
            };
            let address = Address::parse(found, endpoint.address.tls).unwrap();
            let admitted_as = admit(address, &endpoint, "iam", false);
            assert_eq!(admitted_as.as_ref().ok().map(Address::to_string).as_deref(), admitted, "{found}");
            assert!(
                admitted_as.is_ok() || admitted_as.is_err_and(|error| error.kind() == ErrorKind::Blocked)
            );
        }
    }
}
