//! A connection that switches to another protocol, such as the WebSocket of a realtime session.

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use zeroize::Zeroizing;

use crate::service::Caller;

/// How the key begins that a browser sends. A browser can set no header for a WebSocket, so that the key is among the
/// protocols inside (`src/realtime/websocket.ts` of openai-node).
const KEY_OF_BROWSER: &str = "openai-insecure-api-key.";

/// The protocol that a client asks for, and its side of the connection.
pub(super) struct Switch {
    protocol: HeaderValue,
    client: OnUpgrade,
}

/// The protocols inside the WebSocket that a request offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

/// The key that a browser sends.
pub(super) fn key_of_browser(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut keys = offered(headers).filter_map(|name| name.strip_prefix(KEY_OF_BROWSER));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Some(Zeroizing::new(key.to_owned())),
        _ => None,
    }
}

/// Takes the key of a browser from the protocols that a request offers.
pub(super) fn remove_key_of_browser(headers: &mut HeaderMap) {
    let others: Vec<&str> = offered(headers).filter(|name| !name.starts_with(KEY_OF_BROWSER)).collect();
    let others = (!others.is_empty()).then(|| HeaderValue::from_str(&others.join(", ")));
    match others {
        Some(Ok(others)) => drop(headers.insert(header::SEC_WEBSOCKET_PROTOCOL, others)),
        _ => drop(headers.remove(header::SEC_WEBSOCKET_PROTOCOL)),
    }
}

impl Switch {
    /// The switch that a request asks for. `None` if it asks for none, or for another one than to WebSocket.
    pub(super) fn of(request: &mut Request<Incoming>) -> Option<Self> {
        let asks = request.headers().get_all(header::CONNECTION).iter().any(|value| {
            let names = value.to_str().unwrap_or_default().split(',');
            names.into_iter().any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
        });
        let protocol = request.headers().get(header::UPGRADE)?.clone();
        let is_web_socket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
        (asks && is_web_socket).then(|| Self { protocol, client: hyper::upgrade::on(request) })
    }

    /// Asks the service for the same switch. The request has no body.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, self.protocol.clone());
    }

    /// Once both sides have switched, passes on what they send. A response that does not switch is left alone.
    pub(super) fn connect<B>(self, response: &mut Response<B>, mut caller: Caller) {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let service = hyper::upgrade::on(&mut *response);
        let (client, protocol) = (self.client, self.protocol);
        tokio::spawn(async move {
            let (Ok(client), Ok(service)) = tokio::join!(client, service) else { return };
            let (mut client, mut service) = (TokioIo::new(client), TokioIo::new(service));
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut service) => {}
                () = caller.has_to_end() => {}
            }
        });
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}
