//! The hosts that each hook answers for: one table. A token for another host would be a gift to its owner.
//!
//! A host counts over https only. A loopback host that the user names counts over http too.

use yandex_cloud_auth::sdk_internals::Address;
use yandex_cloud_auth::{Error, ErrorKind};

/// A hook that is told a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Docker,
    Git,
    Headers,
    Http,
    /// pip and uv, which run `keyring`.
    Keyring,
}

/// The hosts of a hook: whether they include those of Yandex Cloud's API, and the others. `*.` means every host below.
const TABLE: [(Hook, bool, &[&str]); 5] = [
    (
        Hook::Docker,
        false,
        &["cr.yandex", "cr.yandexcloud.kz", "registry.yandexcloud.net", "registry.pe.yandexcloud.net"],
    ),
    (Hook::Git, false, &[]),
    (Hook::Headers, true, &["*.mcp.cloud.yandex.net", "storage.yandexcloud.net"]),
    (Hook::Http, true, &["*.mcp.cloud.yandex.net", "storage.yandexcloud.net"]),
    (Hook::Keyring, false, &["registry.yandexcloud.net"]),
];

/// The hosts that one run of a hook answers for.
pub(crate) struct Hosts {
    api: bool,
    rules: Vec<Rule>,
}

/// Where a host comes from: the user of an added host knows which user name its server wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    InTable,
    Added,
}

impl Hosts {
    /// The hosts in the table, and those that the user adds.
    ///
    /// # Errors
    /// `Invalid` where an added host is neither a host nor `*.` and a domain.
    pub(crate) fn of(hook: Hook, added: &[String]) -> Result<Self, Error> {
        let (_, api, hosts) = TABLE.iter().find(|(other, ..)| *other == hook).unwrap_or(&TABLE[1]);
        let in_table = hosts.iter().map(|host| Rule::parse(host, Known::InTable));
        let added = added.iter().map(|host| Rule::parse(host, Known::Added));
        let rules = in_table.chain(added).collect::<Result<_, _>>()?;
        Ok(Self { api: *api, rules })
    }

    /// Whether the hook answers for this URL.
    pub(crate) fn of_url(&self, url: &str) -> Option<Known> {
        if url.contains("://") { self.of_server(url) } else { None }
    }

    /// Whether the hook answers for this server: a URL, or `host[:port]`, which means https.
    pub(crate) fn of_server(&self, server: &str) -> Option<Known> {
        let address = address(server)?;
        if self.api && address.is_yandex_cloud() {
            return Some(Known::InTable);
        }
        self.rules.iter().find(|rule| rule.covers(&address)).map(|rule| rule.known)
    }

    /// The hosts with a name of their own: those in the table, and the added ones.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|rule| !rule.is_below).map(|rule| &*rule.text)
    }
}

struct Rule {
    text: String,
    address: Address,
    /// Whether the rule is about one port.
    has_port: bool,
    /// Whether the rule is about the hosts below the address, and not about the address itself.
    is_below: bool,
    known: Known,
}

impl Rule {
    fn parse(text: &str, known: Known) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            Error::new(ErrorKind::Invalid, reason)
                .at("--host")
                .with_help("give `HOST`, `HOST:PORT` or `*.DOMAIN`, such as `registry.example.com`")
        };
        let text = text.trim();
        let (name, is_below) = match text.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (text, false),
        };
        let address: Address = name.parse().map_err(|error: Error| invalid(error.reason()))?;
        if !address.is_tls() && !address.is_loopback() {
            return Err(invalid("credentials go to a host over https only"));
        }
        if is_below && (name.contains([':', '/']) || !is_domain(address.host())) {
            return Err(invalid("not a domain of at least two labels"));
        }
        let written = name.rsplit_once("://").map_or(name, |(_, rest)| rest);
        let has_port = written.trim_end_matches('/').ends_with(&format!(":{}", address.port()));
        Ok(Self { text: text.to_owned(), address, has_port, is_below, known })
    }

    fn covers(&self, asked: &Address) -> bool {
        let is_protected = asked.is_tls() || (asked.is_loopback() && self.address.is_loopback());
        let is_port = !self.has_port || asked.port() == self.address.port();
        let is_host = if self.is_below {
            asked.host() != self.address.host() && asked.is_at_or_below(&self.address)
        } else {
            asked.host() == self.address.host()
        };
        is_protected && is_port && is_host
    }
}

/// Whether hosts can be below the name: at least two labels, and no IP address.
fn is_domain(host: &str) -> bool {
    let top = host.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| top.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// The address of a server or in a URL. `None` for what two parsers could read differently, such as a user before the
/// host: the tool may then connect to another host than the one that was checked.
fn address(text: &str) -> Option<Address> {
    let text = text.trim_matches(' ');
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    text[..end].parse().ok()
}

/// Whether a tool that calls the URL sends a secret over TLS, or stays on this machine.
pub(crate) fn is_protected(url: &str) -> bool {
    is_loopback(url) || (url.contains("://") && address(url).is_some_and(|address| address.is_tls()))
}

/// Whether the host of the URL is this machine: a loopback address, or `localhost`. The resolver of a tool may take a name
/// below `localhost` to another machine, so such a name does not count.
pub(crate) fn is_loopback(url: &str) -> bool {
    let is_exact = |address: Address| address.is_loopback() && !address.host().ends_with(".localhost");
    url.contains("://") && address(url).is_some_and(is_exact)
}

/// The address of a URL, for messages: without the path, which can hold a secret.
pub(crate) fn shown(url: &str) -> Option<String> {
    address(url).map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hook: Hook, added: &[&str]) -> Hosts {
        let added: Vec<_> = added.iter().map(|host| (*host).to_owned()).collect();
        Hosts::of(hook, &added).unwrap()
    }

    #[test]
    fn each_hook_answers_for_its_hosts_alone() {
        for (hook, host, answers) in [
            (Hook::Docker, "cr.yandex", true),
            (Hook::Docker, "cr.yandexcloud.kz", true),
            (Hook::Docker, "registry.yandexcloud.net", true),
            (Hook::Docker, "registry.pe.yandexcloud.net", true),
            (Hook::Docker, "storage.yandexcloud.net", false),
            (Hook::Docker, "api.cloud.yandex.net", false),
            (Hook::Docker, "index.docker.io", false),
            (Hook::Keyring, "registry.yandexcloud.net", true),
            (Hook::Keyring, "cr.yandex", false),
            (Hook::Keyring, "pypi.org", false),
            (Hook::Git, "registry.yandexcloud.net", false),
            (Hook::Git, "api.cloud.yandex.net", false),
            (Hook::Git, "github.com", false),
            (Hook::Http, "ai.api.cloud.yandex.net", true),
            (Hook::Http, "iam.api.yandexcloud.kz", true),
            (Hook::Http, "toolkit.mcp.cloud.yandex.net", true),
            (Hook::Http, "mcp.cloud.yandex.net", false),
            (Hook::Http, "storage.yandexcloud.net", true),
            (Hook::Http, "bucket.storage.yandexcloud.net", false),
            (Hook::Http, "functions.yandexcloud.net", false),
            (Hook::Http, "registry.yandexcloud.net", false),
            (Hook::Headers, "toolkit.mcp.cloud.yandex.net", true),
            (Hook::Headers, "auth.yandex.cloud", true),
            (Hook::Headers, "id.mcpgw.serverless.yandexcloud.net", false),
        ] {
            let hosts = hosts(hook, &[]);
            let url = format!("https://{host}/some/path?query#fragment");
            assert_eq!(hosts.of_url(&url).is_some(), answers, "{hook:?} {host}");
            assert_eq!(hosts.of_server(host).is_some(), answers, "{hook:?} {host}");
            assert_eq!(hosts.of_url(&format!("http://{host}/")), None, "{hook:?} {host} without TLS");
            assert_eq!(hosts.of_url(host), None, "{hook:?} {host} is no URL");
        }
    }

    #[test]
    fn the_host_is_the_one_that_the_tool_connects_to() {
        let docker = hosts(Hook::Docker, &[]);
        for same in [
            "https://cr.yandex",
            "https://CR.Yandex/v2/",
            "HTTPS://cr.yandex./",
            "https://cr.yandex:443/",
            "https://cr.yandex:8443/",
            "cr.yandex.",
            "cr.yandex:443",
            "cr.yandex/v2",
        ] {
            assert_eq!(docker.of_server(same), Some(Known::InTable), "{same}");
        }
        for other in [
            "",
            " ",
            "https://",
            "https:///cr.yandex",
            "https:cr.yandex",
            "https:/cr.yandex",
            "//cr.yandex",
            "http://cr.yandex",
            "ftp://cr.yandex",
            "https://evilcr.yandex",
            "https://x.cr.yandex",
            "https://cr.yandex.evil.example",
            "https://cr.yandex..",
            "https://cr.yandex@evil.example",
            "https://cr.yandex:443@evil.example/",
            "https://evil.example@cr.yandex",
            "https://evil.example\\@cr.yandex",
            "https://evil.example#@cr.yandex",
            "https://evil.example?@cr.yandex",
            "https://cr.yandex\\.evil.example",
            "https://cr.yandex%2eevil.example",
            "https://cr.yandex:0",
            "https://cr.yandex:99999",
            "https://cr.yandex:",
            "https://cr.yandex:x",
            "https://cr.yandex\n.evil.example",
            "https://cr.yandex\t",
            "https://cr.yandex\0",
            "https://cr. yandex",
            "https://cr.yаndex",
            "https://[cr.yandex]",
            "cr.yandex\r\nevil",
            "https://https://cr.yandex",
        ] {
            assert_eq!(docker.of_server(other), None, "{other:?}");
        }
    }

    #[test]
    fn an_added_host_counts_over_https_and_loopback_without() {
        let git = hosts(
            Hook::Git,
            &[
                "Git.Example",
                "https://port.example:8443/",
                "*.in.example",
                "127.0.0.1:3000",
                "http://localhost",
            ],
        );
        for (url, answers) in [
            ("https://git.example/x", true),
            ("https://git.example:9999/x", true),
            ("http://git.example/x", false),
            ("https://a.git.example/x", false),
            ("https://port.example:8443", true),
            ("https://port.example", false),
            ("https://a.in.example", true),
            ("https://a.b.in.example", true),
            ("https://in.example", false),
            ("https://ain.example", false),
            ("http://127.0.0.1:3000", true),
            ("https://127.0.0.1:3000", true),
            ("http://127.0.0.1:3001", false),
            ("http://localhost:80/", true),
            ("http://evil.localhost/", false),
        ] {
            assert_eq!(git.of_url(url).is_some(), answers, "{url}");
            assert!(!answers || git.of_url(url) == Some(Known::Added));
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.example",
            "*.10.0.0.1",
            "*.in.example:443",
            "http://git.example",
            "user@git.example",
            "git.example/path",
            "a b",
            "t1.fake.token",
        ] {
            let error = Hosts::of(Hook::Git, &[bad.to_owned()]).err().unwrap_or_else(|| panic!("{bad}"));
            assert_eq!((error.kind(), error.location()), (ErrorKind::Invalid, Some("--host")), "{bad}");
            assert!(!error.to_string().contains("fake"), "{error}");
        }
    }
}
