//! The metadata service: plain HTTP at a link-local address, past every proxy, with a short patience for connecting.

use std::time::Duration;

use zeroize::Zeroize;

use super::access_token::access_token;
use super::address::Address;
use super::{exchange, fault, refusal};
use crate::system::{HttpFault, HttpOptions, System};
use crate::token::Token;
use crate::{Error, ErrorKind};

/// The variable with another address.
pub(crate) const VARIABLE: &str = "YC_METADATA_ADDR";

const DEFAULT_HOST: &str = "169.254.169.254";
const TOKEN_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// Where the metadata service is, and whether somebody said so.
#[derive(Clone, Debug)]
pub(crate) struct MetadataAddress {
    pub(crate) address: Address,
    pub(crate) configured: bool,
}

impl MetadataAddress {
    /// The address given in code, else in `YC_METADATA_ADDR`, else the link-local one.
    pub(crate) fn resolve(given: Option<&str>, system: &System) -> Result<Self, Error> {
        let (text, place) = match given {
            Some(text) => (text.to_owned(), "address"),
            None => match system.variable(VARIABLE)? {
                Some(text) => (text.to_string(), VARIABLE),
                None => {
                    let address = Address { tls: false, host: DEFAULT_HOST.to_owned(), port: 80 };
                    return Ok(Self { address, configured: false });
                }
            },
        };
        let address = Address::parse(&text, false).map_err(|error| error.at(place))?;
        if address.tls {
            return Err(Error::new(ErrorKind::Invalid, "the metadata service does not speak https")
                .at(place)
                .with_help("give it as `host`, `host:port` or `http://host:port`"));
        }
        Ok(Self { address, configured: true })
    }

    /// What to do where nobody is reached.
    fn nobody(&self) -> &'static str {
        if self.configured {
            "correct or unset YC_METADATA_ADDR (or the address in code), or set another credential"
        } else {
            "this machine may be outside Yandex Cloud; YC_METADATA_ADDR names another address"
        }
    }

    /// A warning, where the token would travel in clear through networks of others.
    pub(crate) fn warning(&self) -> Option<String> {
        (!self.address.is_near())
            .then(|| format!("{} is not in a private range: the token travels in clear", self.address))
    }
}

/// How patiently to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connects: u32,
    pub(crate) connect_timeout: Duration,
    /// For an answer, once connected.
    pub(crate) answer: Duration,
}

impl Patience {
    /// Where nothing else is said.
    pub(crate) const USUAL: Self =
        Self { connects: 1, connect_timeout: Duration::from_secs(1), answer: Duration::from_secs(5) };

    /// For a first look. Off-cloud nobody answers at the default address, and a program should not wait to find that
    /// out; where an address is configured, somebody is expected there.
    pub(crate) fn at_first(self, at: &MetadataAddress) -> Self {
        match at.configured {
            true => self,
            false => Self { connects: 3, connect_timeout: Duration::from_millis(100), ..self },
        }
    }

    /// The longest that a fetch can take.
    pub(crate) fn total(self) -> Duration {
        self.connect_timeout.saturating_mul(self.connects).saturating_add(self.answer)
    }
}

/// Why there is no token, as far as selection wants to tell cases apart.
pub(crate) struct Failure {
    pub(crate) what: What,
    pub(crate) error: Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Nobody was reached; whether that took the whole time.
    NoConnection { timed_out: bool },
    /// A status other than 200.
    Status(u16),
    /// A token of another cloud.
    ForeignToken,
    /// Silence after connecting, or an answer that cannot be read.
    Other,
}

impl Failure {
    fn new(what: What, error: Error) -> Self {
        Self { what, error }
    }
}

/// Whether an answer means that there is no metadata service for us here. Machines of other clouds answer at the
/// default address too, each in its way; at a configured one only "no service account" does.
pub(crate) fn is_absent(what: What, configured: bool) -> bool {
    match what {
        What::Status(404) => true,
        What::Status(300..400 | 400 | 401 | 403 | 405) | What::NoConnection { .. } | What::ForeignToken => {
            !configured
        }
        What::Status(_) | What::Other => false,
    }
}

/// Asks for the token of the machine's service account.
pub(crate) async fn fetch_token(
    system: &System,
    at: &MetadataAddress,
    patience: Patience,
) -> Result<Token, Failure> {
    let mut answer = exchange_metadata(system, at, patience, TOKEN_PATH).await?;
    let token = read_token(&answer, &at.address.to_string());
    answer.body_mut().zeroize();
    token
}

/// Asks for one key. The answer is a 200.
pub(crate) async fn exchange_metadata(
    system: &System,
    at: &MetadataAddress,
    patience: Patience,
    path: &str,
) -> Result<http::Response<Vec<u8>>, Failure> {
    let url = at.address.url(path);
    let shown = at.address.to_string();
    let options = HttpOptions::new().connect_timeout(patience.connect_timeout).direct();
    let other = |error| Failure::new(What::Other, error);
    let mut tries = 0;
    let mut answer = loop {
        tries += 1;
        let request = http::Request::get(&url)
            .header("metadata-flavor", "Google")
            .body(Vec::new())
            .map_err(|error| other(Error::new(ErrorKind::Invalid, error.to_string()).at(&shown)))?;
        let limit = patience.connect_timeout.saturating_add(patience.answer);
        match system.within(limit, exchange(system, request, options, &shown)).await {
            None => {
                let reason = format!("connected, and no whole answer within {:?}", patience.answer);
                let error = Error::new(ErrorKind::Unavailable, reason).at(&shown);
                return Err(other(error.with_help(
                    "the metadata service is silent: it may be starting, or a sidecar of the container intercepts it",
                )));
            }
            Some(Ok(answer)) => break answer,
            Some(Err(error)) => {
                let fault = fault(&error);
                let timed_out = fault == Some(HttpFault::ConnectTimeout);
                if timed_out && tries < patience.connects {
                    continue;
                }
                if !fault.is_some_and(HttpFault::is_before_connection) {
                    return Err(other(error));
                }
                return Err(Failure::new(What::NoConnection { timed_out }, error.with_help(at.nobody())));
            }
        }
    };
    if answer.status() == 200 {
        return Ok(answer);
    }
    let error = refusal(&answer, &shown, &[]);
    let error = match answer.status().as_u16() {
        404 => error.with_help("attach a service account to this machine, or set another credential"),
        _ if error.is_transient() && !answer.status().is_redirection() => error,
        _ => error.with_help(
            "something else than the metadata service answers there; YC_METADATA_ADDR names another address",
        ),
    };
    answer.body_mut().zeroize();
    Err(Failure::new(What::Status(answer.status().as_u16()), error))
}

/// The life of the token is what remains of it.
fn read_token(answer: &http::Response<Vec<u8>>, at: &str) -> Result<Token, Failure> {
    let token = access_token(answer, at).map_err(|error| Failure::new(What::Other, error))?;
    if token.secret.expose().starts_with("ya29.") {
        let error = Error::new(ErrorKind::Refused, "the token is one of Google Cloud, not of Yandex Cloud")
            .at(at)
            .with_help(
                "this is another cloud's machine: set a credential of Yandex Cloud, YC_API_KEY for one",
            );
        return Err(Failure::new(What::ForeignToken, error));
    }
    Ok(token)
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
    fn reads_the_address_in_every_form() {
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
    fn reads_tokens_and_refuses_the_rest() {
        let read = |body: &str| read_token(&http::Response::new(body.as_bytes().to_vec()), "m");
        let token =
            read(r#"{"access_token":"t1.fake","expires_in":42617,"token_type":"Bearer"}"#).ok().unwrap();
        assert_eq!(token.life, Life::In(Duration::from_secs(42_617)));
        for (body, what) in [
            ("{}", What::Other),
            (r#"{"access_token":null}"#, What::Other),
            (r#"{"access_token":"a b"}"#, What::Other),
            (r#"{"access_token":"t1.x","expires_in":-1}"#, What::Other),
            (r#"{"access_token":"t1.x","expires_in":0}"#, What::Other),
            (r#"{"access_token":"t1.x","expires_in":86401}"#, What::Other),
            (r#"{"access_token":"t1.x","expires_in":1e300}"#, What::Other),
            (r#"{"access_token":"t1.x","expires_in":"5"}"#, What::Other),
            ("<html>", What::Other),
            (r#"{"access_token":"ya29.fake"}"#, What::ForeignToken),
        ] {
            assert_eq!(read(body).err().unwrap().what, what, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(body: Vec<u8>, token in "\\PC{0,40}", life: f64) {
            let _ = read_token(&http::Response::new(body), "m");
            let body = serde_json::json!({"access_token": token, "expires_in": life}).to_string();
            let _ = read_token(&http::Response::new(body.into_bytes()), "m");
        }
    }
}
