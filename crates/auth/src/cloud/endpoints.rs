//! Endpoint discovery: which address a service has (`GET /endpoints`, called without credentials).

use std::time::Duration;

use serde_json::Value;

use super::address::Address;
use super::{ask, json_object, refusal, unreadable};
use crate::system::System;
use crate::{Error, ErrorKind};

/// The variable with the discovery endpoint.
pub(crate) const VARIABLE: &str = "YC_API_ENDPOINT";

/// A discovery endpoint, and who named it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    /// The same as yc understands it.
    pub(crate) without_scheme: Address,
    /// Named in code: the user's own word for where secrets may go.
    pub(crate) explicit: bool,
    /// Where it came from, for errors.
    place: &'static str,
}

impl Endpoint {
    /// The endpoint given in code, else in `YC_API_ENDPOINT`, else the public one.
    pub(crate) fn resolve(given: Option<&str>, system: &System) -> Result<Self, Error> {
        let (text, place) = match given {
            Some(text) => (text.to_owned(), "endpoint"),
            None => match system.variable(VARIABLE)? {
                Some(text) => (text.to_string(), VARIABLE),
                None => {
                    let address = Address::public_api();
                    let without_scheme = address.clone();
                    return Ok(Self { address, without_scheme, explicit: false, place: "default" });
                }
            },
        };
        let address = Address::parse(&text, true).map_err(|error| error.at(place))?;
        let without_scheme = Address::parse_without_scheme(&text).map_err(|error| error.at(place))?;
        Ok(Self { address, without_scheme, explicit: given.is_some(), place })
    }

    /// Whether it is neither Yandex Cloud's nor on this machine.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.address.is_yandex_cloud() && !self.address.is_loopback()
    }

    /// Says in the log that the environment sends secrets to a host of somebody else's.
    pub(crate) fn warn_if_foreign(&self, what: &str) {
        if self.is_foreign() && !self.explicit {
            tracing::warn!(endpoint = %self.address, "YC_API_ENDPOINT names a host that is not Yandex Cloud's; {what}");
        }
    }

    /// Refuses plain HTTP to anywhere but this machine, unless `plaintext` was allowed in code.
    pub(crate) fn check(&self, plaintext: bool) -> Result<(), Error> {
        if self.address.tls || self.address.is_loopback() || plaintext {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Blocked, format!("{} would be spoken to without TLS", self.address))
            .at(self.place)
            .with_help("use https, or loopback; plain HTTP elsewhere has to be allowed in code"))
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
    let url = endpoint.address.url("/endpoints");
    let request = http::Request::get(&url)
        .header("accept", "application/json")
        .body(Vec::new())
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(&url))?;
    let answer = ask(system, request, &url, limit).await?;
    if answer.status() != 200 {
        let error = refusal(&answer, &url, &[]);
        return Err(match error.kind() {
            ErrorKind::Refused => error
                .with_help("no discovery answers there: look at YC_API_ENDPOINT, or the endpoint in code"),
            _ => error,
        });
    }
    let fields = json_object(&answer, &url)?;
    let Some(Value::Array(entries)) = fields.get("endpoints") else {
        return Err(unreadable(&url, "it has no list `endpoints`"));
    };
    let is_wanted = |entry: &&Value| entry.get("id").and_then(Value::as_str) == Some(id);
    let Some(address) =
        entries.iter().find(is_wanted).and_then(|entry| entry.get("address")).and_then(Value::as_str)
    else {
        return Err(unreadable(&url, &format!("it has no address for `{id}`")));
    };
    // What names no scheme is spoken to like the endpoint that named it.
    let found = Address::parse(address, endpoint.address.tls)
        .map_err(|error| unreadable(&url, &format!("the address of `{id}`: {}", error.reason())))?;
    admit(found, endpoint, id, plaintext)
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
        .with_help("check the endpoint; where this is meant, give the address of IAM in code"))
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
                place: "endpoint",
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
