//! Where the header may go: decided before a byte leaves.

use std::borrow::Cow;

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::cloud::address::{Address, ip, is_below, is_yandex_cloud, normal};
use crate::system::is_loopback;
use crate::{Error, ErrorKind};

/// The rules of one layer. Those of the library hold until they are lifted.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) allowed: Vec<Allowed>,
    pub(super) loopback: bool,
    pub(super) any_host: bool,
    pub(super) plain_text: bool,
    /// Requests to other hosts go as they are.
    pub(super) skip_other_hosts: bool,
    /// Where requests go that name no host.
    pub(super) origin: Option<Uri>,
}

/// Hosts that the program has added.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    /// This one, at this port or at any.
    Host(String, Option<u16>),
    /// All below this name.
    Below(String),
}

impl Allowed {
    /// `host`, `host:port` or an `https://` URL of them.
    pub(super) fn host(text: &str) -> Result<Self, Error> {
        let address = named(text)?;
        let rest = text.trim().rsplit_once("://").map_or(text.trim(), |(_, rest)| rest);
        let has_port = rest.trim_end_matches('/').ends_with(&format!(":{}", address.port));
        Ok(Self::Host(address.host, has_port.then_some(address.port)))
    }

    /// A name of at least two labels, with or without `*.` in front.
    pub(super) fn below(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let address = named(text.strip_prefix("*.").unwrap_or(text))?;
        let is_name = ip(&address.host).is_none() && address.host.contains('.');
        if !is_name || text.contains([':', '/']) {
            return Err(Error::new(ErrorKind::Invalid, "not a domain that hosts can be below")
                .at(text)
                .with_help("give a name of at least two labels, as in `corp.example`"));
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

fn named(text: &str) -> Result<Address, Error> {
    let address = Address::parse(text, true).map_err(|error| error.at(text))?;
    if !address.tls {
        return Err(Error::new(ErrorKind::Invalid, "a host is allowed over TLS alone")
            .at(text)
            .with_help("leave `http://` away, or use `allow_loopback` where it is this machine"));
    }
    Ok(address)
}

/// What becomes of the header.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Send,
    /// The request goes without it.
    Bare,
}

impl Rules {
    /// Whether the header may go where a URI leads, in whatever spelling.
    #[inline]
    pub(super) fn judge(&self, uri: &Uri) -> Result<Verdict, Error> {
        let Some((scheme, authority)) = named_in(uri).or_else(|| self.of_origin(uri)) else {
            return self.nameless(uri);
        };
        let host = host_of(authority);
        if *scheme == Scheme::HTTPS && is_yandex_cloud(&host) {
            return Ok(Verdict::Send);
        }
        self.judge_other(scheme, &host, authority.port_u16())
    }

    fn of_origin(&self, uri: &Uri) -> Option<(&Scheme, &Authority)> {
        // A URI with half of a destination is not completed: who knows where it goes.
        if uri.authority().is_some() || uri.scheme().is_some() {
            return None;
        }
        named_in(self.origin.as_ref()?)
    }

    /// The same for HTTP and a host that is spelt as [`normal`] would spell it.
    #[cfg(feature = "reqwest")]
    pub(super) fn judge_plain(&self, tls: bool, host: &str, port: Option<u16>) -> Result<Verdict, Error> {
        self.judge_other(if tls { &Scheme::HTTPS } else { &Scheme::HTTP }, host, port)
    }

    fn judge_other(&self, scheme: &Scheme, host: &str, port: Option<u16>) -> Result<Verdict, Error> {
        let tls = *scheme == Scheme::HTTPS;
        let port = port.or(tls.then_some(443));
        // An emulator's address, mostly: told without parsing it.
        let is_near = || host == "127.0.0.1" || is_loopback(host);
        if self.loopback && (tls || *scheme == Scheme::HTTP) && is_near() {
            return Ok(Verdict::Send);
        }
        let known = self.any_host
            || is_yandex_cloud(host)
            || self.allowed.iter().any(|allowed| allowed.covers(host, port));
        if known && (tls || self.plain_text) {
            return Ok(Verdict::Send);
        }
        if self.skip_other_hosts {
            return Ok(Verdict::Bare);
        }
        let (reason, help) = if known {
            (
                "the header would travel in plain text",
                "use https; for a server on this machine there is `AuthLayer::allow_loopback`",
            )
        } else if is_loopback(host) {
            ("the header would go to this machine", "where that is meant, say `AuthLayer::allow_loopback`")
        } else {
            (
                "the header would go to a host that is not Yandex Cloud's",
                "where the host may have it, say `AuthLayer::allow_host`",
            )
        };
        Err(Error::new(ErrorKind::Blocked, reason).at(format!("{scheme}://{host}")).with_help(help))
    }

    #[cold]
    fn nameless(&self, uri: &Uri) -> Result<Verdict, Error> {
        if self.any_host && self.plain_text {
            return Ok(Verdict::Send);
        }
        if self.skip_other_hosts {
            return Ok(Verdict::Bare);
        }
        Err(Error::new(
            ErrorKind::Blocked,
            format!("the request to {} does not name its host, so nobody knows where the header would go", uri.path()),
        )
        .with_help(
            "send requests with whole URLs, or tell where the client goes by `AuthLayer::origin` (tonic: `AuthLayer::channel`)",
        ))
    }
}

/// As [`normal`] gives it. Most authorities are a host in lower case and nothing else, which one look tells.
#[inline]
fn host_of(authority: &Authority) -> Cow<'_, str> {
    let text = authority.as_str();
    // Without a way out in the middle, so that many bytes are looked at together.
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    match text.bytes().fold(true, |so_far, byte| so_far & plain(byte)) {
        true => Cow::Borrowed(text.strip_suffix('.').unwrap_or(text)),
        false => normal(authority.host()),
    }
}

fn named_in(uri: &Uri) -> Option<(&Scheme, &Authority)> {
    Some((uri.scheme()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judge(rules: &Rules, uri: &str) -> Option<Verdict> {
        match rules.judge(&uri.parse().unwrap()) {
            Ok(verdict) => Some(verdict),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Blocked);
                assert!(error.help().is_some());
                None
            }
        }
    }

    #[test]
    fn the_header_goes_to_yandex_clouds_hosts_alone() {
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
            assert_eq!(judge(&rules, uri), Some(Verdict::Send), "{uri}");
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
            assert_eq!(judge(&rules, uri), None, "{uri}");
        }
    }

    #[test]
    fn what_is_added_is_allowed_over_tls() {
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
            assert_eq!(judge(&rules, uri).is_some(), goes, "{uri}");
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
    fn each_lift_lifts_what_its_name_says() {
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
            let judged = [&loopback, &any_host, &plain, &both].map(|rules| judge(rules, uri).is_some());
            assert_eq!(judged, goes, "{uri}");
        }
    }

    #[test]
    fn a_request_without_a_host_goes_by_the_origin_and_a_host_of_its_own_goes_first() {
        let rules = |origin: &str| Rules { origin: Some(origin.parse().unwrap()), ..Rules::default() };
        let ours = rules("https://llm.api.cloud.yandex.net:443");
        assert_eq!(judge(&ours, "/x"), Some(Verdict::Send));
        assert_eq!(judge(&ours, "https://other.example/x"), None);
        assert_eq!(judge(&rules("https://other.example"), "/x"), None);
        assert_eq!(judge(&rules("http://127.0.0.1:1"), "/x"), None, "loopback has to be allowed as well");
        assert_eq!(judge(&rules("/nowhere"), "/x"), None);
        assert_eq!(judge(&ours, "other.example:443"), None, "half a destination is none");
    }

    #[test]
    fn elsewhere_goes_bare_where_that_was_asked_for() {
        let rules = Rules { skip_other_hosts: true, ..Rules::default() };
        assert_eq!(judge(&rules, "https://storage.yandexcloud.net/x"), Some(Verdict::Bare));
        assert_eq!(judge(&rules, "http://api.cloud.yandex.net"), Some(Verdict::Bare));
        assert_eq!(judge(&rules, "/x"), Some(Verdict::Bare));
        assert_eq!(judge(&rules, "https://api.cloud.yandex.net"), Some(Verdict::Send));
    }

    proptest! {
        #[test]
        fn no_uri_panics_and_only_ours_pass(text in "(https?://)?[a-zA-Z0-9.@:\\[\\]%-]{0,30}(api\\.cloud\\.yandex\\.net)?[a-z.:@/]{0,12}") {
            if let Ok(uri) = text.parse::<Uri>()
                && let Ok(verdict) = Rules::default().judge(&uri)
            {
                prop_assert_eq!(verdict, Verdict::Send);
                prop_assert_eq!(uri.scheme(), Some(&Scheme::HTTPS));
                let host = uri.host().unwrap_or_default().to_ascii_lowercase();
                let host = host.strip_suffix('.').unwrap_or(&host);
                prop_assert!(host == "api.cloud.yandex.net" || host.ends_with(".api.cloud.yandex.net"));
            }
        }

        #[test]
        fn the_host_is_read_as_the_address_rules_read_it(text in "([a-zA-Z]{1,3}@)?[a-zA-Z0-9.-]{1,20}(:[0-9]{1,4})?") {
            if let Ok(authority) = text.parse::<Authority>() {
                prop_assert_eq!(host_of(&authority), normal(authority.host()));
            }
        }

        #[test]
        fn the_verdict_is_that_of_the_address_rules(host in "[a-zA-Z0-9.-]{0,12}(api\\.cloud\\.yandex\\.net|API\\.yandexcloud\\.KZ|auth\\.yandex\\.cloud)\\.?[a-z]{0,3}") {
            if let (Ok(uri), Ok(address)) = (format!("https://{host}/").parse::<Uri>(), Address::parse(&host, true)) {
                prop_assert_eq!(Rules::default().judge(&uri).is_ok(), address.is_yandex_cloud());
            }
        }
    }
}
