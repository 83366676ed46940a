//! The metadata service: plain HTTP at a link-local address, past every proxy, with short connect timeouts.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroize;

use super::access_token::{is_of_google, read_fields};
use super::address::Address;
use super::request::{fault, finish, send_unbounded};
use super::response::{json_object, refusal, unreadable};
use crate::error::in_seconds;
use crate::system::{HttpFault, HttpOptions, System};
use crate::task::deadline::Deadline;
use crate::task::pace::{Next, Outage};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// The variable with the address of the metadata service.
pub(crate) const VARIABLE: &str = "YC_METADATA_ADDR";

const DEFAULT_HOST: &str = "169.254.169.254";
const TOKEN_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// The address of the metadata service, and why a service is expected there.
#[derive(Clone, Debug)]
pub(crate) struct MetadataAddress {
    pub(crate) address: Address,
    /// Whether code or a variable sets the address.
    pub(crate) configured: bool,
    /// What shows that this machine is one of Yandex Cloud's, which have a service at the default address.
    pub(crate) machine: Option<&'static str>,
}

impl MetadataAddress {
    /// The address given in code, else in `YC_METADATA_ADDR`, else the link-local one.
    pub(crate) fn resolve(given: Option<&str>, system: &System) -> Result<Self, Error> {
        let (text, location) = match given {
            Some(text) => (text.to_owned(), "address"),
            None => match system.variable(VARIABLE)? {
                Some(text) => (text.to_string(), VARIABLE),
                None => {
                    let address = Address { tls: false, host: DEFAULT_HOST.to_owned(), port: 80 };
                    return Ok(Self { address, configured: false, machine: None });
                }
            },
        };
        let address = Address::parse(&text, false).map_err(|error| error.at(location))?;
        if address.tls {
            return Err(Error::new(ErrorKind::Invalid, "the metadata service does not support https")
                .at(location)
                .with_help("give the address as `host`, `host:port` or `http://host:port`"));
        }
        Ok(Self { address, configured: true, machine: None })
    }

    /// The help if no connection is made.
    fn no_connection(&self) -> Cow<'static, str> {
        match self.machine {
            _ if self.configured => {
                "correct or unset YC_METADATA_ADDR (or the address in code), or set another credential".into()
            }
            Some(sign) => format!(
                "this machine is one of Yandex Cloud's ({sign}), so it has a metadata service: check the network of \
                 the machine, or set another credential, for example YC_API_KEY"
            )
            .into(),
            None => "this machine may be outside Yandex Cloud; YC_METADATA_ADDR sets another address".into(),
        }
    }

    /// The warning about a token that travels without TLS outside a private network.
    pub(crate) fn warning(&self) -> Option<String> {
        (!self.address.is_near())
            .then(|| format!("{} is not in a private range: the token is sent without TLS", self.address))
    }
}

/// How long a request to the metadata service may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeTimeouts {
    /// How many connections are tried.
    pub(crate) connects: u32,
    /// For one connection.
    pub(crate) connect_timeout: Duration,
    /// For one request: the connection and the response.
    pub(crate) response: Duration,
}

impl ProbeTimeouts {
    /// The timeouts without options.
    pub(crate) const DEFAULT: Self =
        Self { connects: 1, connect_timeout: Duration::from_secs(1), response: Duration::from_secs(5) };

    /// The timeouts of a probe that does not expect a service. Outside Yandex Cloud no service listens at the default
    /// address, and a program should not wait long for that result.
    pub(crate) fn of_short_probe(self) -> Self {
        Self { connects: 3, connect_timeout: Duration::from_millis(100), ..self }
    }

    /// The timeouts of automatic selection without options: at a configured address a service is expected.
    pub(crate) fn for_selection(self, at: &MetadataAddress) -> Self {
        if at.configured { self } else { self.of_short_probe() }
    }

    /// The longest that one request can take. A service that accepts the connection and stays silent costs as much.
    pub(crate) fn total(self) -> Duration {
        self.connect_timeout.saturating_mul(self.connects).max(self.response)
    }
}

/// Why the service gave no token, as selection needs to know.
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) error: Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection was made, for this reason.
    NoConnection(HttpFault),
    /// A status other than 200.
    Status(u16),
    /// A token, or another value, that is not of Yandex Cloud.
    Foreign,
    /// No response after connecting, or a response that cannot be read.
    Other,
}

impl Failure {
    fn new(kind: FailureKind, error: Error) -> Self {
        Self { kind, error }
    }

    /// The failure of the last attempt, with the time that all attempts had.
    fn after(self, limit: Duration) -> Self {
        Self { error: self.error.with_note(&format!("tried for {}", in_seconds(limit))), ..self }
    }
}

/// What a 400 means on the path of the token (docs, "Metadata service settings").
const TOKEN_SWITCHED_OFF: &str =
    "on a machine of Yandex Cloud this means that tokens are switched off (`gce_http_token`)";

/// Whether a failure means that this machine has no metadata service of Yandex Cloud. Other clouds have a service at
/// the default address too, which responds with different statuses. At a configured address only "no service account"
/// (404) counts.
pub(crate) fn is_absent(kind: FailureKind, configured: bool) -> bool {
    match kind {
        FailureKind::Status(404) => true,
        FailureKind::Status(300..400 | 400 | 401 | 403 | 405)
        | FailureKind::NoConnection(_)
        | FailureKind::Foreign => !configured,
        FailureKind::Status(_) | FailureKind::Other => false,
    }
}

/// Requests the token of the machine's service account.
pub(crate) async fn fetch_token(
    system: &System,
    at: &MetadataAddress,
    timeouts: ProbeTimeouts,
) -> Result<Token, Failure> {
    let mut response = exchange_metadata(system, at, timeouts, TOKEN_PATH).await?;
    let token = read_token(&response, &at.address.to_string());
    response.body_mut().zeroize();
    token
}

/// The time that [`fetch_token_patiently`] keeps for its last connection.
const LAST_CONNECTION: Duration = Duration::from_millis(100);

/// As [`fetch_token`], with further attempts for as long as `limit` where there is no connection: the program may have
/// started before the network of its machine. `on_failure` gets the error of each attempt that is followed by another.
pub(crate) async fn fetch_token_patiently(
    system: &System,
    at: &MetadataAddress,
    timeouts: ProbeTimeouts,
    limit: Duration,
    on_failure: impl Fn(Error) + Send,
) -> Result<Token, Failure> {
    let deadline = Deadline::after(limit, system);
    let mut outage = Outage::default();
    loop {
        // The last connection ends with the limit, and not up to a second after it.
        let connect_timeout = timeouts.connect_timeout.min(deadline.left(system));
        let outcome = fetch_token(system, at, ProbeTimeouts { connect_timeout, ..timeouts }).await;
        let Err(failure) = outcome else { return outcome };
        let FailureKind::NoConnection(_) = failure.kind else { return Err(failure) };
        let left = deadline.left(system).saturating_sub(LAST_CONNECTION);
        if left.is_zero() {
            return Err(failure.after(limit));
        }
        on_failure(failure.error);
        let clock = system.clock();
        let next = outage.next(clock.now(), left, None, clock.random());
        let (Next::TryAgain(pause) | Next::GiveUp(pause)) = next;
        clock.sleep(pause.min(left)).await;
    }
}

/// Requests one key. The result has the status 200.
pub(crate) async fn exchange_metadata(
    system: &System,
    at: &MetadataAddress,
    timeouts: ProbeTimeouts,
    path: &str,
) -> Result<http::Response<Vec<u8>>, Failure> {
    let url = at.address.url(path);
    let shown = at.address.to_string();
    // Without a proxy: a proxy would send its own machine's token, and would see this one.
    let options = HttpOptions::new().connect_timeout(timeouts.connect_timeout).direct();
    let other = |error| Failure::new(FailureKind::Other, error);
    let mut tries = 0;
    let mut response = loop {
        tries += 1;
        let request = http::Request::get(&url).header("metadata-flavor", "Google");
        let request = finish(request, Vec::new(), &shown).map_err(other)?;
        let limit = timeouts.connect_timeout.max(timeouts.response);
        match system.within(limit, send_unbounded(system, request, options, &shown)).await {
            None => {
                let reason = format!("connected, but no complete response within {}", in_seconds(limit));
                let error = Error::new(ErrorKind::Unavailable, reason).at(&shown).without_retry();
                return Err(other(error.with_help(
                    "the metadata service sends nothing: it may be starting, or a sidecar of the container intercepts the request",
                )));
            }
            Some(Ok(response)) => break response,
            Some(Err(error)) => {
                let Some(fault) = fault(&error).filter(|fault| fault.is_before_connection()) else {
                    return Err(other(error));
                };
                // Only a timeout is tried again: a refused connection gives the same result at once.
                if fault == HttpFault::ConnectTimeout && tries < timeouts.connects {
                    continue;
                }
                let error = error.with_help(at.no_connection());
                return Err(Failure::new(FailureKind::NoConnection(fault), error));
            }
        }
    };
    if response.status() == 200 {
        return Ok(response);
    }
    let error = refusal(&response, &shown, &[]);
    let error = match response.status().as_u16() {
        400 if path == TOKEN_PATH => error.with_note(TOKEN_SWITCHED_OFF).with_help(
            "switch it on (`yc compute instance update NAME --metadata-options gce-http-token=enabled`), or set another credential",
        ),
        404 => error.with_help("attach a service account to this machine, or set another credential"),
        _ if error.is_transient() && !response.status().is_redirection() => error,
        _ => error.with_help(
            "the response does not come from the metadata service; YC_METADATA_ADDR sets another address",
        ),
    };
    response.body_mut().zeroize();
    Err(Failure::new(FailureKind::Status(response.status().as_u16()), error))
}

/// Reads a token. `expires_in` is the remaining life of the token.
fn read_token(response: &http::Response<Vec<u8>>, at: &str) -> Result<Token, Failure> {
    let other = |error| Failure::new(FailureKind::Other, error);
    let mut fields = json_object(response, at).map_err(other)?;
    if is_of_google(&fields) {
        if let Some(Value::String(token)) = fields.get_mut("access_token") {
            token.zeroize();
        }
        let error = Error::new(ErrorKind::Refused, "the token belongs to Google Cloud, not to Yandex Cloud")
            .at(at)
            .with_help(
                "this is a machine of another cloud: set a credential of Yandex Cloud, for example YC_API_KEY",
            );
        return Err(Failure::new(FailureKind::Foreign, error));
    }
    read_fields(fields).map_err(|reason| other(unreadable(at, &reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestEnvironment;
    use crate::token::Life;
    use proptest::prelude::*;

    fn resolve(value: &str) -> Result<MetadataAddress, Error> {
        let environment = TestEnvironment::new([(VARIABLE, value)]);
        MetadataAddress::resolve(None, &System::real().with_environment(environment))
    }

    #[test]
    fn an_address_is_read_in_every_form() {
        for (value, address, warns) in [
            ("10.0.0.5", "http://10.0.0.5", false),
            ("10.0.0.5:8080", "http://10.0.0.5:8080", false),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", false),
            ("meta.corp.example", "http://meta.corp.example", true),
            ("8.8.8.8", "http://8.8.8.8", true),
        ] {
            let at = resolve(value).unwrap();
            assert_eq!((at.address.to_string().as_str(), at.configured), (address, true));
            assert_eq!(at.warning().is_some(), warns, "{value}");
        }
        assert!(!resolve("").unwrap().configured);
        for value in ["https://h", "h/path", "h?q=1", "user@h", "http://user:secret@h", "h:99999"] {
            let error = resolve(value).unwrap_err();
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some(VARIABLE)), "{value}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_token_is_read_and_other_responses_are_refused() {
        let read = |body: &str| read_token(&http::Response::new(body.as_bytes().to_vec()), "m");
        let token =
            read(r#"{"access_token":"t1.fake","expires_in":42617,"token_type":"Bearer"}"#).ok().unwrap();
        assert_eq!(token.life, Life::In(Duration::from_secs(42_617)));
        for (body, kind) in [
            ("{}", FailureKind::Other),
            (r#"{"access_token":null}"#, FailureKind::Other),
            (r#"{"access_token":"a b"}"#, FailureKind::Other),
            (r#"{"access_token":"t1.x","expires_in":-1}"#, FailureKind::Other),
            (r#"{"access_token":"t1.x","expires_in":0}"#, FailureKind::Other),
            (r#"{"access_token":"t1.x","expires_in":86401}"#, FailureKind::Other),
            (r#"{"access_token":"t1.x","expires_in":1e300}"#, FailureKind::Other),
            (r#"{"access_token":"t1.x","expires_in":"5"}"#, FailureKind::Other),
            ("<html>", FailureKind::Other),
            (r#"{"access_token":"ya29.fake"}"#, FailureKind::Foreign),
        ] {
            assert_eq!(read(body).err().unwrap().kind, kind, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_response_panics(body: Vec<u8>, token in "\\PC{0,40}", life: f64) {
            let _ = read_token(&http::Response::new(body), "m");
            let body = serde_json::json!({"access_token": token, "expires_in": life}).to_string();
            let _ = read_token(&http::Response::new(body.into_bytes()), "m");
        }
    }
}
