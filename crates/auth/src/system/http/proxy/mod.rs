//! Which proxy leads to a TLS host, by the variables that other tools read too.
//!
//! `HTTPS_PROXY`, else `ALL_PROXY`, for the hosts that `NO_PROXY` does not list. The upper-case name wins over the
//! lower-case one. Plain HTTP never goes through a proxy, so `HTTP_PROXY` is not read. Loopback never does either: the
//! loopback of a proxy is another computer. The SDK uses the same rules.

mod address;
mod exceptions;
mod tunnel;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use zeroize::Zeroizing;

pub use self::address::Proxy;
use self::exceptions::Exceptions;
pub(super) use self::tunnel::open_tunnel;
use super::super::{Environment, is_loopback};
use super::dial::Dial;
use super::resolver::Resolver;
use super::{HttpError, HttpFault};

/// The proxy that the environment names, and the hosts that do not use it.
#[doc(hidden)]
pub struct ProxyRules {
    exceptions: Exceptions,
    /// An unusable value fails the requests that would use the proxy. To ignore the value would send them past the
    /// proxy, which the user did not ask for.
    proxy: Result<Proxy, HttpError>,
}

impl ProxyRules {
    /// Reads the rules; `None` where no variable names a proxy.
    #[must_use]
    pub fn from_environment(environment: &dyn Environment) -> Option<Self> {
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let (name, value) = first_set(environment, names)?;
        let invalid =
            |name: &str, why: &str| HttpError::new(HttpFault::ProxyInvalid, format!("{name} {why}"));
        let mut proxy =
            value.and_then(|value| Proxy::parse(without_quotes(&value))).map_err(|why| invalid(name, why));
        let exceptions = match first_set(environment, ["NO_PROXY", "no_proxy"]) {
            Some((_, Ok(list))) => Exceptions::parse(&list),
            Some((name, Err(why))) => {
                proxy = Err(invalid(name, why));
                Exceptions::default()
            }
            None => Exceptions::default(),
        };
        Some(Self { exceptions, proxy })
    }

    /// The proxy for `target`; `None` where requests go to the target itself.
    ///
    /// # Errors
    /// [`HttpFault::ProxyInvalid`] where the target needs the proxy, and its variable is unusable.
    pub fn for_target(&self, target: &Uri) -> Result<Option<&Proxy>, HttpError> {
        if !may_use_proxy(target) || self.exceptions.contain(target) {
            return Ok(None);
        }
        self.proxy().map(Some)
    }

    /// The proxy, whatever the target.
    ///
    /// # Errors
    /// [`HttpFault::ProxyInvalid`] where the variable is unusable.
    pub fn proxy(&self) -> Result<&Proxy, HttpError> {
        self.proxy.as_ref().map_err(Clone::clone)
    }

    /// Opens a tunnel to `target` for at most `limit`, and closes it: another HTTP client does not tell why its own
    /// tunnel failed. A tunnel that takes longer is no error.
    ///
    /// # Errors
    /// Why there is no tunnel.
    pub async fn check_tunnel(
        &self,
        target: &Uri,
        tls: ClientConfig,
        limit: Duration,
    ) -> Result<(), HttpError> {
        let Some(proxy) = self.for_target(target)? else { return Ok(()) };
        let dial = Dial::new(limit, Resolver::new(Arc::from([])));
        let tunnel = tokio::time::timeout(limit, open_tunnel(proxy, target, &dial, &Arc::new(tls))).await;
        tunnel.map_or(Ok(()), |tunnel| tunnel.map(drop))
    }
}

impl fmt::Debug for ProxyRules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProxyRules")
    }
}

/// The proxy for `target`, if there is one. Reads the variables only for a target that may use a proxy.
pub(in super::super) fn for_target(
    environment: &dyn Environment,
    target: &Uri,
) -> Result<Option<Proxy>, HttpError> {
    if !may_use_proxy(target) {
        return Ok(None);
    }
    match ProxyRules::from_environment(environment) {
        Some(rules) => Ok(rules.for_target(target)?.cloned()),
        None => Ok(None),
    }
}

fn may_use_proxy(target: &Uri) -> bool {
    target.scheme_str() == Some("https") && target.host().is_some_and(|host| !is_loopback(host))
}

/// The first of these variables that is set and not blank: its name, and its value or why it has none.
fn first_set<'a>(
    environment: &dyn Environment,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, Result<Zeroizing<String>, &'static str>)> {
    for name in names {
        let Some(value) = environment.variable(name) else { continue };
        let Ok(value) = value.into_string() else { return Some((name, Err("is not UTF-8"))) };
        let value = Zeroizing::new(value);
        if !value.trim().is_empty() {
            return Some((name, Ok(value)));
        }
    }
    None
}

/// The value without white space around, and without quotes that a shell or a file of variables left there.
fn without_quotes(value: &str) -> &str {
    let value = value.trim();
    let inside = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    inside.map_or(value, str::trim)
}

#[cfg(test)]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::*;

    fn choose(variables: &[(&str, &str)], target: &str) -> Result<Option<String>, String> {
        let environment = TestEnvironment::new(variables.iter().copied());
        match for_target(&environment, &target.parse().unwrap()) {
            Ok(proxy) => Ok(proxy.map(|proxy| format!("{proxy:?}"))),
            Err(error) => {
                assert_eq!(error.fault(), HttpFault::ProxyInvalid);
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn the_variables_choose_the_proxy() {
        let iam = "https://iam.api.cloud.yandex.net/iam/v1/tokens";
        let first = [("HTTPS_PROXY", "http://first:1")];
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], iam, None),
            (&first, iam, Some("http://first:1")),
            (&[("HTTPS_PROXY", " \"http://first:1\" ")], iam, Some("http://first:1")),
            (&[("https_proxy", "http://second:2")], iam, Some("http://second:2")),
            (&[("ALL_PROXY", "socks5://third:3")], iam, Some("socks5://third:3")),
            (&[("all_proxy", "http://fourth:4")], iam, Some("http://fourth:4")),
            (&[("HTTPS_PROXY", " "), ("ALL_PROXY", "http://third:3")], iam, Some("http://third:3")),
            (
                &[("HTTPS_PROXY", "http://first:1"), ("ALL_PROXY", "http://third:3")],
                iam,
                Some("http://first:1"),
            ),
            (&[("HTTP_PROXY", "http://plain:5")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "other, .yandex.net")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("no_proxy", "*")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "cloud.yandex")], iam, Some("http://first:1")),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "10.0.0.0/8")], "https://10.1.2.3/", None),
            (&first, "http://169.254.169.254/latest", None),
            (&first, "https://localhost:8443/", None),
            (&first, "https://iam.localhost./", None),
            (&first, "https://127.0.0.1:8443/", None),
            (&first, "https://[::1]:8443/", None),
            (&first, "https://[::ffff:127.0.0.1]:8443/", None),
            (&first, "https://localhost.example/", Some("http://first:1")),
        ];
        for (variables, target, expected) in cases {
            assert_eq!(choose(variables, target), Ok(expected.map(str::to_owned)), "{variables:?} {target}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_an_error_for_the_hosts_that_need_it() {
        let broken = ("HTTPS_PROXY", "http://user:hid#den@proxy:3128");
        let iam = "https://iam.api.cloud.yandex.net/";
        let refused = Err("HTTPS_PROXY has `/`, `?` or `#` in the user or password".to_owned());
        assert_eq!(choose(&[broken], iam), refused);
        assert_eq!(choose(&[broken, ("NO_PROXY", "other.example")], iam), refused);
        for list in ["*", "yandex.net", "iam.api.cloud.yandex.net:443"] {
            assert_eq!(choose(&[broken, ("NO_PROXY", list)], iam), Ok(None), "{list}");
        }
        assert_eq!(choose(&[broken], "https://localhost:1/"), Ok(None));
        let all = ("ALL_PROXY", "ftp://user:hidden@proxy");
        assert_eq!(choose(&[all], iam), Err("ALL_PROXY is not the address of a proxy".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_an_error() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let text = OsString::from_vec(b"http://prox\xff:1".to_vec());
        for (name, other) in [("HTTPS_PROXY", None), ("NO_PROXY", Some("HTTPS_PROXY"))] {
            let environment = TestEnvironment::new([(name, text.clone())]);
            if let Some(other) = other {
                environment.set(other, "http://proxy:1");
            }
            let error = for_target(&environment, &Uri::from_static("https://host.example/")).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} is not UTF-8"));
        }
    }
}
