//! TLS over an open connection, and the message for a handshake that failed.

use std::error::Error as StdError;
use std::sync::Arc;

use http::Uri;
use hyper_rustls::HttpsConnector;
use rustls::{CertificateError, ClientConfig};
use tower_service::Service;

use super::dial::{find_cause, reason};
use super::link::Link;
use super::{HttpError, HttpFault};

/// Starts TLS with the host of `target`, whose certificate has to be for this host.
pub(super) async fn start_tls(link: Link, config: Arc<ClientConfig>, target: Uri) -> Result<Link, HttpError> {
    let mut connector = HttpsConnector::from((link.connector(), config));
    connector.enforce_https();
    connector.call(target).await.map(Link::with_tls).map_err(|error| tls_error(&*error))
}

/// The error for a failed handshake, or for TLS that failed later on the connection.
pub(super) fn tls_error(error: &(dyn StdError + 'static)) -> HttpError {
    let message = match find_cause::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(invalid)) => match invalid {
            CertificateError::UnknownIssuer => {
                "the server's certificate comes from an unknown issuer".to_owned()
            }
            CertificateError::BadSignature => {
                "the server's certificate is not signed by the CA that it names".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the server's certificate is for another name".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the server's certificate has expired, or the clock is wrong".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet, or the clock is wrong".to_owned()
            }
            other => with_reason("the server's certificate is invalid", other),
        },
        Some(rustls::Error::InvalidMessage(_)) => "the server does not speak TLS".to_owned(),
        Some(other) => with_reason("TLS failed", other),
        None => match find_cause::<std::io::Error>(error) {
            Some(error) => {
                let message = format!("the connection broke during the TLS handshake: {}", reason(error));
                return HttpError { is_transient: true, ..HttpError::new(HttpFault::Tls, message) };
            }
            None => "TLS failed: the host is neither a name nor an address".to_owned(),
        },
    };
    HttpError::new(HttpFault::Tls, message)
}

/// Adds the reason. The reason may quote the server, so it is cut to one short line.
fn with_reason(what: &str, reason: &dyn std::fmt::Display) -> String {
    let reason: String = reason.to_string().chars().filter(|symbol| !symbol.is_control()).take(160).collect();
    format!("{what}: {reason}")
}
