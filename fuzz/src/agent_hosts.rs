use std::net::SocketAddr;

use http::{HeaderValue, Request, Uri, header};
use url::{Host, Url};
use yandex_cloud_auth_agent::fuzz_internals::allows_host;

/// The address of a listener, the target of a request and its `Host` headers, a line each. The second reading is `url`'s.
pub fn agent_hosts(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(listener) = lines.next().and_then(text).and_then(|line| line.parse::<SocketAddr>().ok()) else {
        return;
    };
    let Some(target) = lines.next().and_then(text).and_then(|line| line.parse::<Uri>().ok()) else { return };
    let mut request = Request::new(());
    *request.uri_mut() = target;
    for line in lines.take(3) {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        request.headers_mut().append(header::HOST, value);
    }
    if !allows_host(listener, &request) {
        return;
    }
    let hosts: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
    assert!(hosts.len() <= 1, "two hosts: {hosts:?}");
    let host = match (request.uri().authority(), hosts.first()) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().expect("visible ASCII"),
        (None, None) => panic!("there is no host"),
    };
    let read = Url::parse(&format!("http://{host}/")).unwrap_or_else(|error| panic!("{host:?}: {error}"));
    assert_eq!((read.username(), read.password(), read.path()), ("", None, "/"), "{host:?}");
    assert_eq!(read.port_or_known_default(), Some(listener.port()), "{host:?}");
    let own = listener.ip();
    let is_own = match read.host().expect("a URL of HTTP has a host") {
        Host::Domain(name) => own.is_loopback() && name == "localhost",
        Host::Ipv4(ip) => own == ip || own.is_unspecified() || own.is_loopback() && ip.is_loopback(),
        Host::Ipv6(ip) => own == ip || own.is_unspecified() || own.is_loopback() && ip.is_loopback(),
    };
    assert!(is_own, "a listener at {listener} answers for {host:?}");
}

fn text(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(line).ok()
}
