//! Which proxy leads to a TLS host, by the variables that other tools read too.
//!
//! `HTTPS_PROXY`, else `ALL_PROXY`, for the hosts that `NO_PROXY` does not list. The upper-case name wins over the
//! lower-case one. Plain HTTP never goes through a proxy, so `HTTP_PROXY` is not read. Loopback never does either: the
//! loopback of a proxy is another computer. The SDK uses the same rules.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use super::super::{Environment, is_loopback};
use super::{HttpError, HttpFault};
use crate::secret::is_pasted_secret;

/// A proxy that opens tunnels (`CONNECT`).
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its address, without user and password.
    pub address: Uri,
    /// `Proxy-Authorization`, where the variable has a user.
    pub authorization: Option<HeaderValue>,
}

/// The proxy that the environment names, and the hosts that do not use it.
#[doc(hidden)]
pub struct ProxyRules {
    proxy: Result<Proxy, HttpError>,
    /// A matcher that has the exceptions; it finds a proxy for all other hosts.
    exceptions: Matcher,
}

impl ProxyRules {
    /// Reads the rules; `None` where no variable names a proxy.
    ///
    /// # Errors
    /// [`HttpFault::Proxy`] where a variable holds no address. To ignore it would send requests past the proxy, which
    /// the user did not ask for.
    pub fn from_environment(environment: &dyn Environment) -> Result<Option<Self>, HttpError> {
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let Some((name, value)) = first_set(environment, names)? else { return Ok(None) };
        let error = |why: &str| HttpError::new(HttpFault::Proxy, format!("{name} {why}"));
        if is_pasted_secret(&value) {
            return Err(error("holds what looks like a secret, not the address of a proxy"));
        }
        let any_host = Uri::from_static("https://host.invalid/");
        let Some(found) = Matcher::builder().https(value.as_str()).build().intercept(&any_host) else {
            return Err(error("is not the address of a proxy"));
        };
        let proxy = match found.uri().scheme_str() {
            Some("http") => {
                Ok(Proxy { address: found.uri().clone(), authorization: found.basic_auth().cloned() })
            }
            other => {
                let scheme = other.unwrap_or("nothing");
                Err(error(&format!("names a proxy over {scheme}: only http:// is supported")))
            }
        };
        let exceptions = first_set(environment, ["NO_PROXY", "no_proxy"])?;
        let exceptions = exceptions.map(|(_, value)| value).unwrap_or_default();
        Ok(Some(Self { proxy, exceptions: Matcher::builder().https(value).no(exceptions).build() }))
    }

    /// The proxy, whatever the target.
    ///
    /// # Errors
    /// [`HttpFault::Proxy`] where it is one that is not supported.
    pub fn proxy(&self) -> Result<&Proxy, HttpError> {
        self.proxy.as_ref().map_err(Clone::clone)
    }

    /// Whether requests to `target` go through the proxy.
    #[must_use]
    pub fn apply_to(&self, target: &Uri) -> bool {
        may_use_proxy(target) && self.exceptions.intercept(target).is_some()
    }
}

impl fmt::Debug for ProxyRules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProxyRules")
    }
}

/// The proxy for `target`, if there is one. Reads the variables only for a target that may use a proxy.
pub(super) fn for_target(environment: &dyn Environment, target: &Uri) -> Result<Option<Proxy>, HttpError> {
    if !may_use_proxy(target) {
        return Ok(None);
    }
    match ProxyRules::from_environment(environment)? {
        Some(rules) if rules.apply_to(target) => rules.proxy.map(Some),
        _ => Ok(None),
    }
}

fn may_use_proxy(target: &Uri) -> bool {
    target.scheme_str() == Some("https") && target.host().is_some_and(|host| !is_loopback(host))
}

/// The first of these variables that is set and not blank.
fn first_set<'a>(
    environment: &dyn Environment,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Option<(&'a str, String)>, HttpError> {
    for name in names {
        let Some(value) = environment.variable(name) else { continue };
        let Ok(value) = value.into_string() else {
            return Err(HttpError::new(HttpFault::Proxy, format!("{name} is not UTF-8")));
        };
        if !value.trim().is_empty() {
            return Ok(Some((name, value.trim().to_owned())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::super::doubles::TestEnvironment;
    use super::*;

    fn choose(variables: &[(&str, &str)], target: &str) -> Result<Option<String>, String> {
        let environment = TestEnvironment::new(variables.iter().copied());
        match for_target(&environment, &target.parse().unwrap()) {
            Ok(proxy) => Ok(proxy.map(|proxy| proxy.address.authority().unwrap().to_string())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_variables_choose_the_proxy() {
        let iam = "https://iam.api.cloud.yandex.net/iam/v1/tokens";
        let first = [("HTTPS_PROXY", "http://first:1")];
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[], iam, None),
            (&first, iam, Some("first:1")),
            (&[("HTTPS_PROXY", "first:1")], iam, Some("first:1")),
            (&[("https_proxy", "http://second:2")], iam, Some("second:2")),
            (&[("ALL_PROXY", "http://third:3")], iam, Some("third:3")),
            (&[("all_proxy", "http://fourth:4")], iam, Some("fourth:4")),
            (&[("HTTPS_PROXY", " "), ("ALL_PROXY", "http://third:3")], iam, Some("third:3")),
            (&[("HTTPS_PROXY", "http://first:1"), ("ALL_PROXY", "http://third:3")], iam, Some("first:1")),
            (&[("HTTPS_PROXY", "http://user:word@first:1/path")], iam, Some("first:1")),
            (&[("HTTP_PROXY", "http://plain:5")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "other, .yandex.net")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("no_proxy", "*")], iam, None),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "cloud.yandex")], iam, Some("first:1")),
            (&[("HTTPS_PROXY", "http://first:1"), ("NO_PROXY", "10.0.0.0/8")], "https://10.1.2.3/", None),
            (&[("HTTPS_PROXY", "socks5://first:1"), ("NO_PROXY", ".yandex.net")], iam, None),
            (&first, "http://169.254.169.254/latest", None),
            (&first, "https://localhost:8443/", None),
            (&first, "https://iam.localhost./", None),
            (&first, "https://127.0.0.1:8443/", None),
            (&first, "https://[::1]:8443/", None),
            (&first, "https://[::ffff:127.0.0.1]:8443/", None),
            (&first, "https://localhost.example/", Some("first:1")),
        ];
        for (variables, target, expected) in cases {
            assert_eq!(choose(variables, target), Ok(expected.map(str::to_owned)), "{variables:?} {target}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_an_error_that_does_not_show_the_password() {
        for (value, reason) in [
            (
                "socks5://user:hidden@proxy:1080",
                "HTTPS_PROXY names a proxy over socks5: only http:// is supported",
            ),
            ("https://user:hidden@proxy", "HTTPS_PROXY names a proxy over https: only http:// is supported"),
            ("http://user:hid den@proxy", "HTTPS_PROXY is not the address of a proxy"),
            ("ftp://user:hidden@proxy", "HTTPS_PROXY is not the address of a proxy"),
            ("y0_hidden", "HTTPS_PROXY holds what looks like a secret, not the address of a proxy"),
            (
                "http://AQVNhidden:3128",
                "HTTPS_PROXY holds what looks like a secret, not the address of a proxy",
            ),
        ] {
            assert_eq!(choose(&[("HTTPS_PROXY", value)], "https://host.example/"), Err(reason.to_owned()));
        }
    }

    #[test]
    fn the_user_of_a_proxy_is_not_in_its_address() {
        let environment = TestEnvironment::new([("HTTPS_PROXY", "http://user:p%40ss@proxy:1")]);
        let proxy = for_target(&environment, &Uri::from_static("https://host.example/")).unwrap().unwrap();
        let authorization = proxy.authorization.unwrap();
        assert_eq!(authorization, "Basic dXNlcjpwQHNz");
        assert!(authorization.is_sensitive());
        assert_eq!(proxy.address, "http://proxy:1/");
    }
}
