//! The address of one installation, where it was set, and which hosts belong to the installation.

use super::address::Address;
use crate::log::log;
use crate::report::NOTICE;
use crate::system::System;
use crate::{Error, ErrorKind};

/// The variable with the discovery endpoint.
pub(crate) const VARIABLE: &str = "YC_API_ENDPOINT";

/// The address of the API, of IAM or of the authorization server, and where the address was set.
///
/// ```
/// use yandex_cloud_auth::sdk_internals::Endpoint;
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
    /// The address as yc reads it.
    pub(crate) without_scheme: Address,
    /// Whether the program names the address. Then secrets may go there.
    explicit: bool,
    /// Whether the program allows secrets to travel there without TLS.
    plaintext: bool,
    /// Where the address was set, for errors.
    location: &'static str,
}

impl Endpoint {
    /// The endpoint in the [`Endpoints`](crate::Endpoints) of the system, else in `YC_API_ENDPOINT`, else the public
    /// one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address cannot be read.
    pub fn resolve(system: &System) -> Result<Self, Error> {
        Ok(match Self::configured(system)? {
            Some(endpoint) => endpoint,
            None => Self::public(Address::public_api(), system),
        })
    }

    /// The endpoint in code or in `YC_API_ENDPOINT`; `None` if neither is set.
    pub(crate) fn configured(system: &System) -> Result<Option<Self>, Error> {
        match Self::of_code(system)? {
            Some(endpoint) => Ok(Some(endpoint)),
            None => Self::in_variable(VARIABLE, system),
        }
    }

    /// The endpoint in the [`Endpoints`](crate::Endpoints) of the system; `None` if they do not give one. No variable
    /// is read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address cannot be read.
    pub fn of_code(system: &System) -> Result<Option<Self>, Error> {
        let text = system.endpoints().given_api();
        text.map(|text| Self::in_code(text, "endpoint", system)).transpose()
    }

    /// The endpoint in a variable; `None` if the variable is not set.
    pub(crate) fn in_variable(variable: &'static str, system: &System) -> Result<Option<Self>, Error> {
        let text = system.variable(variable)?;
        text.map(|text| Self::parse(&text, false, variable, system)).transpose()
    }

    /// An endpoint that the program names.
    pub(crate) fn in_code(text: &str, location: &'static str, system: &System) -> Result<Self, Error> {
        Self::parse(text, true, location, system)
    }

    /// The endpoint that a file names. Like an endpoint in the environment, it is not the program's own decision.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address cannot be read.
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

    /// The address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the program named the address, in contrast to the environment and the default.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    /// Where the address was set: `endpoint` in code, `YC_API_ENDPOINT`, the configuration of yc, or `default`.
    #[must_use]
    pub fn location(&self) -> &'static str {
        self.location
    }

    /// Whether the host is neither Yandex Cloud's nor this machine.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.address.is_yandex_cloud() && !self.address.is_loopback()
    }

    /// The warning about a foreign host. The log and the report use the same words, so that `doctor` shows them once.
    pub(crate) fn foreign_host(&self) -> String {
        format!("{} names {}, which is not one of Yandex Cloud's hosts", self.location, self.address)
    }

    /// Warns in the log if the environment, not the program, sends secrets to a foreign host.
    pub(crate) fn warn_if_foreign(&self, what: &str) {
        if self.is_foreign() && !self.explicit {
            log(
                || tracing::warn!(target: NOTICE, endpoint = %self.address, "{}; {what}", self.foreign_host()),
            );
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
        Err(Error::new(ErrorKind::Blocked, format!("{} does not use TLS", self.address))
            .at(self.location)
            .with_help(
                "use https or a loopback address; for plain HTTP to another host, the program must allow it in code",
            ))
    }

    /// Checks a discovered host: it must be Yandex Cloud's, the host of the endpoint or below it, or loopback if the
    /// endpoint is loopback; and it needs TLS, except for loopback. The API of a region must name hosts of that region:
    /// a secret of one installation does not go to another one.
    ///
    /// # Errors
    /// [`ErrorKind::Blocked`].
    pub(super) fn admit(&self, found: Address, id: &str) -> Result<Address, Error> {
        let is_own = self.address.may_list(&found)
            || found.is_at_or_below(&self.address)
            || (found.is_loopback() && self.address.is_loopback());
        let is_protected = found.tls || found.is_loopback() || self.plaintext;
        if is_own && is_protected {
            return Ok(found);
        }
        let why = match () {
            () if is_own => "it does not use TLS",
            () if found.is_yandex_cloud() => "it belongs to another installation",
            () => "neither Yandex Cloud's nor below the endpoint",
        };
        Err(Error::new(ErrorKind::Blocked, format!("discovery names {found} for `{id}`: {why}"))
            .at(self.address.to_string())
            .with_help(format!(
                "check the endpoint; if this address is right, give the address of `{id}` in code"
            )))
    }
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
            ("api.cloud.yandex.net", "iam.api.yandexcloud.kz:443", None),
            ("api.yandexcloud.kz", "iam.api.yandexcloud.kz:443", Some("https://iam.api.yandexcloud.kz")),
            ("api.yandexcloud.kz", "iam.api.cloud.yandex.net:443", None),
            ("api.corp.example", "iam.api.yandexcloud.kz", Some("https://iam.api.yandexcloud.kz")),
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
            let admitted_as = endpoint.admit(address, "iam");
            assert_eq!(admitted_as.as_ref().ok().map(Address::to_string).as_deref(), admitted, "{found}");
            assert!(
                admitted_as.is_ok() || admitted_as.is_err_and(|error| error.kind() == ErrorKind::Blocked)
            );
        }
    }
}
