//! Which proxy stands before a TLS host, by the variables that other tools read too.
//!
//! `HTTPS_PROXY`, else `ALL_PROXY`, less what `NO_PROXY` lists; in upper case first, then in lower. Plain http
//! never goes through a proxy, so `HTTP_PROXY` is not read. Neither does this machine itself: a proxy has its own
//! loopback.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use super::super::{Environment, is_loopback};
use super::{HttpError, HttpFault};

/// A proxy that opens tunnels.
#[derive(Clone)]
pub(super) struct Proxy {
    /// Its address, without user and password.
    pub(super) address: Uri,
    /// `Proxy-Authorization`, where the variable held a user.
    pub(super) authorization: Option<HeaderValue>,
}

/// The proxy for a target, if there is one.
///
/// A variable that cannot be followed is an error, so that nobody who relies on a proxy goes past it unawares.
pub(super) fn for_target(environment: &dyn Environment, target: &Uri) -> Result<Option<Proxy>, HttpError> {
    if target.scheme_str() != Some("https") || target.host().is_none_or(is_loopback) {
        return Ok(None);
    }
    let Some((name, value)) = first(environment, ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])?
    else {
        return Ok(None);
    };
    let refuse = |why: &str| Err(HttpError::new(HttpFault::Proxy, format!("{name} {why}")));
    let Some(found) = Matcher::builder().https(value.as_str()).build().intercept(target) else {
        return refuse("is not the address of a proxy");
    };
    let exceptions =
        first(environment, ["NO_PROXY", "no_proxy"])?.map(|(_, value)| value).unwrap_or_default();
    if Matcher::builder().https(value).no(exceptions).build().intercept(target).is_none() {
        return Ok(None);
    }
    match found.uri().scheme_str() {
        Some("http") => {
            Ok(Some(Proxy { address: found.uri().clone(), authorization: found.basic_auth().cloned() }))
        }
        other => {
            refuse(&format!("names a proxy over {}: only http:// is supported", other.unwrap_or("nothing")))
        }
    }
}

fn first<'a>(
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
    fn follows_the_variables() {
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
    fn refuses_what_it_cannot_follow_without_showing_it() {
        for (value, reason) in [
            (
                "socks5://user:hidden@proxy:1080",
                "HTTPS_PROXY names a proxy over socks5: only http:// is supported",
            ),
            ("https://user:hidden@proxy", "HTTPS_PROXY names a proxy over https: only http:// is supported"),
            ("http://user:hid den@proxy", "HTTPS_PROXY is not the address of a proxy"),
            ("ftp://user:hidden@proxy", "HTTPS_PROXY is not the address of a proxy"),
        ] {
            assert_eq!(choose(&[("HTTPS_PROXY", value)], "https://host.example/"), Err(reason.to_owned()));
        }
    }

    #[test]
    fn keeps_the_user_for_the_proxy_alone() {
        let environment = TestEnvironment::new([("HTTPS_PROXY", "http://user:p%40ss@proxy:1")]);
        let proxy = for_target(&environment, &Uri::from_static("https://host.example/")).unwrap().unwrap();
        let authorization = proxy.authorization.unwrap();
        assert_eq!(authorization, "Basic dXNlcjpwQHNz");
        assert!(authorization.is_sensitive());
        assert_eq!(proxy.address, "http://proxy:1/");
    }
}
