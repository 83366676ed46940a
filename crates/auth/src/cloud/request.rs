//! One request to a service, in bounded time. A failure becomes an error that says what to check.

use std::borrow::Cow;
use std::error::Error as _;
use std::time::Duration;

use http::request::Builder;
use http::{Request, Response, Uri};

use super::response::{NOT_THE_SERVICE, UNAVAILABLE};
use crate::error::in_seconds;
use crate::system::transport_policy::{NotLoopback, proxy_help};
use crate::system::{HttpError, HttpFault, HttpOptions, System, is_loopback};
use crate::{Error, ErrorKind};

/// A response is a token, or a list of a hundred endpoints.
const MAX_RESPONSE: usize = 256 << 10;

/// The request with its body. The error names `place` instead of the URL, which can identify a job.
pub(crate) fn finish(request: Builder, body: Vec<u8>, place: &str) -> Result<Request<Vec<u8>>, Error> {
    request.body(body).map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(place))
}

/// Sends a request, for at most `limit`. The result is the response, whatever its status.
pub(crate) async fn send(
    system: &System,
    request: Request<Vec<u8>>,
    url: &str,
    limit: Duration,
) -> Result<Response<Vec<u8>>, Error> {
    let through =
        system.proxy_for(request.uri()).map_or_else(String::new, |proxy| format!(" through {proxy}"));
    let response = system.within(limit, send_unbounded(system, request, HttpOptions::new(), url)).await;
    response.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Unavailable, format!("no response within {}{through}", in_seconds(limit)))
            .at(url)
            .with_help(UNAVAILABLE)
            .without_retry())
    })
}

/// As [`send`], with other options and without a limit.
pub(super) async fn send_unbounded(
    system: &System,
    request: Request<Vec<u8>>,
    options: HttpOptions,
    url: &str,
) -> Result<Response<Vec<u8>>, Error> {
    match system.proxy_for(request.uri()).filter(|_| !options.direct) {
        Some(proxy) => system.begin_step(&format!("{url} through {proxy}")),
        None => system.begin_step(url),
    }
    let response = system.http()?.send(request, options.max_body(MAX_RESPONSE)).await;
    response.map_err(|error| transport_error(url, error))
}

/// The step at which a request failed.
pub(super) fn fault(error: &Error) -> Option<HttpFault> {
    error.source()?.downcast_ref().map(HttpError::fault)
}

const OWN_AUTHORITY: &str =
    "for your own certificate authority set SSL_CERT_FILE, or add the authority in code";

const NOTHING_LISTENS: &str = "nothing listens at this address: check whether the emulator or service runs, and the \
                               endpoint (YC_API_ENDPOINT, YC_OAUTH_ENDPOINT, `Endpoints` in code, `--endpoint` of \
                               yc-auth)";

/// Whether a request to this URL stays on this machine.
fn is_of_loopback(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|url| url.host().is_some_and(is_loopback))
}

/// The address of a URL, for plain HTTP.
fn plaintext_url(url: &str) -> Option<String> {
    Some(format!("http://{}", url.parse::<Uri>().ok()?.authority()?))
}

fn transport_error(url: &str, error: HttpError) -> Error {
    let fault = error.fault();
    let help: Cow<'static, str> = match fault {
        HttpFault::ConnectRefused if is_of_loopback(url) => NOTHING_LISTENS.into(),
        HttpFault::Tls if is_of_loopback(url) => match plaintext_url(url) {
            Some(plaintext) => format!(
                "for a service without TLS, such as an emulator, give the endpoint as `{plaintext}`; {OWN_AUTHORITY}"
            )
            .into(),
            None => OWN_AUTHORITY.into(),
        },
        HttpFault::ConnectTimeout
        | HttpFault::ConnectRefused
        | HttpFault::Unreachable
        | HttpFault::NameResolution => {
            "the server could not be reached: check the network, HTTPS_PROXY, and the endpoint if one is set \
             (YC_API_ENDPOINT, YC_OAUTH_ENDPOINT, `Endpoints` in code, `--endpoint` of yc-auth)"
                .into()
        }
        HttpFault::NotLoopback => NotLoopback::HELP.into(),
        HttpFault::Tls => OWN_AUTHORITY.into(),
        HttpFault::NoAuthorities => {
            "install the package `ca-certificates`; where SSL_CERT_FILE or SSL_CERT_DIR is set, set the variable to PEM \
             files of certificate authorities, or unset it"
                .into()
        }
        HttpFault::Proxy | HttpFault::ProxyAuthentication | HttpFault::ProxyInvalid => {
            proxy_help(fault).into()
        }
        HttpFault::Interrupted => UNAVAILABLE.into(),
        HttpFault::Malformed | HttpFault::TooLarge => NOT_THE_SERVICE.into(),
        HttpFault::Request => "check the address; fetches need a tokio runtime with I/O and time".into(),
    };
    let is_transient = error.is_transient();
    let kind = match fault {
        HttpFault::NoAuthorities | HttpFault::ProxyInvalid => ErrorKind::Invalid,
        // The secret would have gone to another computer, in plain text where the name allows that.
        HttpFault::NotLoopback => ErrorKind::Blocked,
        _ => ErrorKind::Unavailable,
    };
    let failure = Error::new(kind, error.to_string()).at(url).with_help(help).with_source(error);
    if is_transient { failure } else { failure.without_retry() }
}
