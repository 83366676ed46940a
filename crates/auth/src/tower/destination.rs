//! Where the header may be sent. The rules are checked before anything is fetched or sent.

use std::borrow::Cow;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::cloud::address::{Address, ip, is_below, normal};
use crate::cloud::endpoints::Endpoint;
use crate::cloud::regions::is_yandex_cloud;
use crate::system::{System, is_loopback};
use crate::{Error, ErrorKind};

/// The rules of one layer. Without an option, the header goes to Yandex Cloud's hosts over TLS only.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) allowed: Vec<Allowed>,
    pub(super) loopback: bool,
    /// The one address of this computer that the program or the environment names as the API, if it names one.
    pub(super) local_api: Option<Address>,
    pub(super) any_host: bool,
    pub(super) plain_text: bool,
    /// Requests to other hosts are sent without the header.
    pub(super) skip_other_hosts: bool,
    /// The destination of requests whose URI names no host.
    pub(super) origin: Option<Uri>,
}

/// Hosts that the program allows.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    /// One host, at one port or at any.
    Host(String, Option<u16>),
    /// All hosts below a name.
    Below(String),
}

impl Allowed {
    /// From `host`, `host:port` or an `https://` URL of them.
    pub(super) fn host(text: &str) -> Result<Self, Error> {
        let address = parse_tls_address(text)?;
        let rest = text.trim().rsplit_once("://").map_or(text.trim(), |(_, rest)| rest);
        let has_port = rest.trim_end_matches('/').ends_with(&format!(":{}", address.port));
        Ok(Self::Host(address.host, has_port.then_some(address.port)))
    }

    /// From a name of at least two labels, with or without a leading `*.`.
    pub(super) fn below(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let address = parse_tls_address(text.strip_prefix("*.").unwrap_or(text))?;
        let is_name = ip(&address.host).is_none() && address.host.contains('.');
        if !is_name || text.contains([':', '/']) {
            return Err(Error::new(ErrorKind::Invalid, "not a domain that hosts can be below")
                .at(text)
                .with_help("give a name of at least two labels, such as `corp.example`"));
        }
        Ok(Self::Below(address.host))
    }

    fn covers(&self, host: &str, port: Option<u16>) -> bool {
        match self {
            Self::Host(allowed, None) => host == allowed,
            Self::Host(allowed, at) => host == allowed && port == *at,
            Self::Below(parent) => is_below(host, parent),
        }
    }
}

fn parse_tls_address(text: &str) -> Result<Address, Error> {
    let address = Address::parse(text, true).map_err(|error| error.at(text))?;
    if !address.tls {
        return Err(Error::new(ErrorKind::Invalid, "a host can be allowed over TLS only")
            .at(text)
            .with_help("remove `http://`, or use `allow_loopback` for a server on this computer"));
    }
    Ok(address)
}

/// Whether a request gets the header.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send the request with the header.
    Attach,
    /// Send the request without the header.
    Omit,
}

impl Rules {
    /// The default rules, and the loopback address where the API is on this system: an emulator.
    ///
    /// An endpoint that is not loopback, or that cannot be read, allows nothing.
    pub(super) fn on(system: &System) -> Self {
        let endpoint = Endpoint::configured(system).ok().flatten();
        let local_api = endpoint.map(|endpoint| endpoint.address).filter(Address::is_loopback);
        Self { local_api, ..Self::default() }
    }

    /// Decides by the destination of a request; an error where the request must not be sent.
    #[inline]
    pub(super) fn check_destination(&self, uri: &Uri) -> Result<Decision, Error> {
        let Some((scheme, authority)) = scheme_and_authority(uri).or_else(|| self.origin_of(uri)) else {
            return self.check_unknown_host(uri);
        };
        let host = normalized_host(authority);
        // The common case first, so that it costs two comparisons.
        if *scheme == Scheme::HTTPS && is_yandex_cloud(&host) {
            return Ok(Decision::Attach);
        }
        self.check_host(scheme, &host, authority.port_u16())
    }

    fn origin_of(&self, uri: &Uri) -> Option<(&Scheme, &Authority)> {
        // A URI with only a scheme or only an authority is not completed: the client decides where it goes.
        if uri.authority().is_some() || uri.scheme().is_some() {
            return None;
        }
        scheme_and_authority(self.origin.as_ref()?)
    }

    /// The same for an HTTP destination whose host is normalized as [`normal`] does it.
    #[cfg(feature = "reqwest")]
    pub(super) fn check_normalized(
        &self,
        tls: bool,
        host: &str,
        port: Option<u16>,
    ) -> Result<Decision, Error> {
        self.check_host(if tls { &Scheme::HTTPS } else { &Scheme::HTTP }, host, port)
    }

    fn check_host(&self, scheme: &Scheme, host: &str, port: Option<u16>) -> Result<Decision, Error> {
        let tls = *scheme == Scheme::HTTPS;
        let is_local_api = |api: &Address| {
            let default = if tls { 443 } else { 80 };
            api.tls == tls && api.host == host && api.port == port.unwrap_or(default)
        };
        if (tls || *scheme == Scheme::HTTP) && self.local_api.as_ref().is_some_and(is_local_api) {
            return Ok(Decision::Attach);
        }
        let given_port = port;
        let port = port.or(tls.then_some(443));
        // Usually an emulator: compare its address before parsing the host.
        let near = || host == "127.0.0.1" || is_loopback(host);
        if self.loopback && (tls || *scheme == Scheme::HTTP) && near() {
            return Ok(Decision::Attach);
        }
        let known = self.any_host
            || is_yandex_cloud(host)
            || self.allowed.iter().any(|allowed| allowed.covers(host, port));
        if known && (tls || self.plain_text) {
            return Ok(Decision::Attach);
        }
        if self.skip_other_hosts {
            return Ok(Decision::Omit);
        }
        let (reason, help) = if known {
            (
                "the header would travel in plain text",
                "use https; for a server on this computer call `AuthLayer::allow_loopback`",
            )
        } else if is_loopback(host) {
            (
                "the header would go to loopback",
                "to send the header to this computer, set YC_API_ENDPOINT to the address, or call `AuthLayer::allow_loopback`",
            )
        } else {
            (
                "the header would go to a host that is not Yandex Cloud's",
                "to send the header to this host, call `AuthLayer::allow_host`",
            )
        };
        let port = given_port.map_or_else(String::new, |port| format!(":{port}"));
        Err(Error::new(ErrorKind::Blocked, reason).at(format!("{scheme}://{host}{port}")).with_help(help))
    }

    #[cold]
    fn check_unknown_host(&self, uri: &Uri) -> Result<Decision, Error> {
        if self.any_host && self.plain_text {
            return Ok(Decision::Attach);
        }
        if self.skip_other_hosts {
            return Ok(Decision::Omit);
        }
        let path = uri.path();
        Err(Error::new(
            ErrorKind::Blocked,
            format!("the request to {path} names no host, so the layer cannot check where the header would go"),
        )
        .with_help(
            "send requests with full URLs, or name the host of the client by `AuthLayer::origin` (tonic: `AuthLayer::channel`)",
        ))
    }
}

/// The host as [`normal`] gives it. Most authorities are a lower-case host and nothing else: one pass detects that.
#[inline]
fn normalized_host(authority: &Authority) -> Cow<'_, str> {
    let text = authority.as_str();
    // No early exit, so that the compiler can vectorize the loop.
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    match text.bytes().fold(true, |so_far, byte| so_far & plain(byte)) {
        true => Cow::Borrowed(text.strip_suffix('.').unwrap_or(text)),
        false => normal(authority.host()),
    }
}

fn scheme_and_authority(uri: &Uri) -> Option<(&Scheme, &Authority)> {
    Some((uri.scheme()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decide(rules: &Rules, uri: &str) -> Option<Decision> {
        match rules.check_destination(&uri.parse().unwrap()) {
            Ok(decision) => Some(decision),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Blocked);
                assert!(error.help().is_some());
                None
            }
        }
    }

    #[test]
    fn by_default_the_header_goes_to_yandex_cloud_hosts_over_tls_only() {
        let rules = Rules::default();
        for uri in [
            "https://api.cloud.yandex.net",
            "https://llm.api.cloud.yandex.net:443/x",
            "https://LLM.api.Cloud.yandex.NET./x",
            "https://ai.api.cloud.yandex.net:8443/v1",
            "https://iam.api.yandexcloud.kz",
            "https://auth.yandex.cloud/oauth",
            "HTTPS://api.cloud.yandex.net/",
        ] {
            assert_eq!(decide(&rules, uri), Some(Decision::Attach), "{uri}");
        }
        for uri in [
            "http://api.cloud.yandex.net",
            "https://storage.yandexcloud.net",
            "https://evilapi.cloud.yandex.net",
            "https://api.cloud.yandex.net.evil.example",
            "https://api.cloud.yandex.net@evil.example/",
            "https://api.cloud.yandex.net..",
            "https://x.auth.yandex.cloud",
            "https://cloud.yandex.net",
            "https://127.0.0.1",
            "http://localhost:8080",
            "ftp://api.cloud.yandex.net",
            "wss://api.cloud.yandex.net",
            "/v1/models",
            "api.cloud.yandex.net:443",
        ] {
            assert_eq!(decide(&rules, uri), None, "{uri}");
        }
    }

    #[test]
    fn a_refusal_names_the_host_with_its_port() {
        for (uri, place) in [
            ("http://localhost:8080/x", "http://localhost:8080"),
            ("https://Other.example:8443/x", "https://other.example:8443"),
            ("https://[::1]:1/", "https://[::1]:1"),
            ("https://other.example/x", "https://other.example"),
        ] {
            let error = Rules::default().check_destination(&uri.parse().unwrap()).unwrap_err();
            assert_eq!(error.location(), Some(place));
        }
    }

    #[test]
    fn an_added_host_gets_the_header_over_tls() {
        let rules = Rules {
            allowed: vec![
                Allowed::host("Api.Corp.example").unwrap(),
                Allowed::host("https://gate.example:8443/").unwrap(),
                Allowed::host("[fd00::1]").unwrap(),
                Allowed::below("*.in.example").unwrap(),
            ],
            ..Rules::default()
        };
        for (uri, goes) in [
            ("https://api.corp.example/x", true),
            ("https://api.corp.example.:9999/x", true),
            ("http://api.corp.example/x", false),
            ("https://a.api.corp.example", false),
            ("https://corp.example", false),
            ("https://gate.example:8443", true),
            ("https://gate.example", false),
            ("https://[fd00::1]:1", true),
            ("https://in.example", false),
            ("https://a.b.in.example", true),
            ("https://ain.example", false),
        ] {
            assert_eq!(decide(&rules, uri).is_some(), goes, "{uri}");
        }
        assert!(rules.allowed[0].covers("api.corp.example", None));
        for bad in ["", "http://api.corp.example", "a b", "user@host", "https://h/path"] {
            assert_eq!(Allowed::host(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        for bad in ["", "net", "*", "10.0.0.1", "corp.example:443", "*.*.example"] {
            assert_eq!(Allowed::below(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn each_option_allows_what_its_name_says() {
        let loopback = Rules { loopback: true, ..Rules::default() };
        let any_host = Rules { any_host: true, ..Rules::default() };
        let plain = Rules { plain_text: true, ..Rules::default() };
        let both = Rules { any_host: true, plain_text: true, ..Rules::default() };
        // uri -> loopback, any host, plain text, both
        for (uri, goes) in [
            ("http://127.0.0.1:1", [true, false, false, true]),
            ("https://[::1]:1", [true, true, false, true]),
            ("http://a.localhost", [true, false, false, true]),
            ("http://10.0.0.1", [false, false, false, true]),
            ("https://other.example", [false, true, false, true]),
            ("http://other.example", [false, false, false, true]),
            ("http://api.cloud.yandex.net", [false, false, true, true]),
            ("/path", [false, false, false, true]),
        ] {
            let decided = [&loopback, &any_host, &plain, &both].map(|rules| decide(rules, uri).is_some());
            assert_eq!(decided, goes, "{uri}");
        }
    }

    #[test]
    fn the_origin_decides_for_a_request_without_a_host_only() {
        let rules = |origin: &str| Rules { origin: Some(origin.parse().unwrap()), ..Rules::default() };
        let ours = rules("https://llm.api.cloud.yandex.net:443");
        assert_eq!(decide(&ours, "/x"), Some(Decision::Attach));
        assert_eq!(decide(&ours, "https://other.example/x"), None);
        assert_eq!(decide(&rules("https://other.example"), "/x"), None);
        assert_eq!(decide(&rules("http://127.0.0.1:1"), "/x"), None, "loopback must be allowed as well");
        assert_eq!(decide(&rules("/nowhere"), "/x"), None);
        assert_eq!(
            decide(&ours, "other.example:443"),
            None,
            "an authority without a scheme is no destination"
        );
    }

    #[test]
    fn requests_to_other_hosts_go_without_the_header_on_request() {
        let rules = Rules { skip_other_hosts: true, ..Rules::default() };
        assert_eq!(decide(&rules, "https://storage.yandexcloud.net/x"), Some(Decision::Omit));
        assert_eq!(decide(&rules, "http://api.cloud.yandex.net"), Some(Decision::Omit));
        assert_eq!(decide(&rules, "/x"), Some(Decision::Omit));
        assert_eq!(decide(&rules, "https://api.cloud.yandex.net"), Some(Decision::Attach));
    }

    proptest! {
        #[test]
        fn no_uri_panics_and_only_yandex_cloud_hosts_pass(text in "(https?://)?[a-zA-Z0-9.@:\\[\\]%-]{0,30}(api\\.cloud\\.yandex\\.net)?[a-z.:@/]{0,12}") {
            if let Ok(uri) = text.parse::<Uri>()
                && let Ok(decision) = Rules::default().check_destination(&uri)
            {
                prop_assert_eq!(decision, Decision::Attach);
                prop_assert_eq!(uri.scheme(), Some(&Scheme::HTTPS));
                let host = uri.host().unwrap_or_default().to_ascii_lowercase();
                let host = host.strip_suffix('.').unwrap_or(&host);
                prop_assert!(host == "api.cloud.yandex.net" || host.ends_with(".api.cloud.yandex.net"));
            }
        }

        #[test]
        fn the_host_is_normalized_as_the_address_rules_do_it(text in "([a-zA-Z]{1,3}@)?[a-zA-Z0-9.-]{1,20}(:[0-9]{1,4})?") {
            if let Ok(authority) = text.parse::<Authority>() {
                prop_assert_eq!(normalized_host(&authority), normal(authority.host()));
            }
        }

        #[test]
        fn the_decision_agrees_with_the_address_rules(host in "[a-zA-Z0-9.-]{0,12}(api\\.cloud\\.yandex\\.net|API\\.yandexcloud\\.KZ|auth\\.yandex\\.cloud)\\.?[a-z]{0,3}") {
            if let (Ok(uri), Ok(address)) = (format!("https://{host}/").parse::<Uri>(), Address::parse(&host, true)) {
                prop_assert_eq!(Rules::default().check_destination(&uri).is_ok(), address.is_yandex_cloud());
            }
        }
    }
}
