//! Which installation of Yandex Cloud the credentials belong to, and its addresses: a token of one installation is worth
//! nothing at another one.

use yandex_cloud_auth::{Error, ErrorKind};

/// The installation of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Installation {
    /// The public one, in Russia.
    Public,
    /// That of Kazakhstan, with its endpoint.
    Kazakhstan(String),
    /// Another one, with its endpoint.
    Other(String),
}

impl Installation {
    /// The installation of an endpoint as `--endpoint` takes it; without one, the public installation.
    pub(super) fn of(endpoint: Option<&str>) -> Self {
        let Some(endpoint) = endpoint.map(str::trim) else { return Self::Public };
        let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
        let host =
            rest.split(['/', ':']).next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let is_in = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|start| start.is_empty() || start.ends_with('.'))
        };
        if is_in("cloud.yandex.net") || is_in("yandexcloud.net") {
            Self::Public
        } else if is_in("yandexcloud.kz") {
            Self::Kazakhstan(endpoint.to_owned())
        } else {
            Self::Other(endpoint.to_owned())
        }
    }

    /// The address of AI Studio's API.
    ///
    /// # Errors
    /// `NotConfigured` where no documentation gives the address.
    pub(super) fn ai_studio(&self) -> Result<&'static str, Error> {
        match self {
            Self::Public => Ok("https://ai.api.cloud.yandex.net/v1"),
            Self::Kazakhstan(endpoint) | Self::Other(endpoint) => {
                Err(unknown("AI Studio's API", endpoint, "https://HOST/v1"))
            }
        }
    }

    /// The address of Object Storage.
    ///
    /// # Errors
    /// As [`ai_studio`](Self::ai_studio).
    pub(super) fn object_storage(&self) -> Result<&'static str, Error> {
        match self {
            Self::Public => Ok("https://storage.yandexcloud.net"),
            Self::Kazakhstan(_) => Ok("https://storage.yandexcloud.kz"),
            Self::Other(endpoint) => Err(unknown("Object Storage", endpoint, "https://HOST")),
        }
    }

    /// The region of Object Storage.
    pub(super) fn region(&self) -> &'static str {
        if matches!(self, Self::Kazakhstan(_)) { "kz1" } else { "ru-central1" }
    }
}

fn unknown(what: &str, endpoint: &str, example: &str) -> Error {
    Error::new(
        ErrorKind::NotConfigured,
        format!("the address of {what} is not known for the installation of {endpoint}"),
    )
    .at("--url")
    .with_help(format!("give the address: `--url {example}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_the_endpoint_tells_the_installation() {
        for (endpoint, expected) in [
            (None, Installation::Public),
            (Some("api.cloud.yandex.net:443"), Installation::Public),
            (Some("https://API.Cloud.Yandex.net/"), Installation::Public),
            (Some("api.yandexcloud.kz"), Installation::Kazakhstan("api.yandexcloud.kz".to_owned())),
            (Some(" api.yandexcloud.kz:1 "), Installation::Kazakhstan("api.yandexcloud.kz:1".to_owned())),
            (Some("api.evilyandexcloud.kz"), Installation::Other("api.evilyandexcloud.kz".to_owned())),
            (Some("http://127.0.0.1:1"), Installation::Other("http://127.0.0.1:1".to_owned())),
        ] {
            assert_eq!(Installation::of(endpoint), expected, "{endpoint:?}");
        }
    }
}
