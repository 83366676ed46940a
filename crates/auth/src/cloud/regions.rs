//! The hosts of Yandex Cloud, by region: the rule for where a secret may go.
//!
//! The hosts are known by name. Services of customers have names under `*.yandexcloud.net`, so that domain is not one
//! of them.

use super::address::{Address, is_below};

/// The API of each region, and the IAM that is used if discovery is down.
const REGIONS: [(&str, &str); 2] =
    [("api.cloud.yandex.net", "iam.api.cloud.yandex.net"), ("api.yandexcloud.kz", "iam.api.yandexcloud.kz")];

impl Address {
    /// The public API of the Russian region.
    #[must_use]
    pub fn public_api() -> Self {
        Self { tls: true, host: REGIONS[0].0.to_owned(), port: 443 }
    }

    /// Whether the host is Yandex Cloud's and requests use TLS: `api.cloud.yandex.net`, `api.yandexcloud.kz`, the hosts
    /// below them, and `auth.yandex.cloud`.
    #[must_use]
    pub fn is_yandex_cloud(&self) -> bool {
        self.tls && is_yandex_cloud(&self.host)
    }

    /// Whether the host belongs to the public installation and requests use TLS: `api.cloud.yandex.net` or a host
    /// below.
    pub(crate) fn is_public_installation(&self) -> bool {
        let (api, _) = REGIONS[0];
        self.tls && (self.host == api || is_below(&self.host, api))
    }

    /// Whether discovery at this host may name `found`, a host of Yandex Cloud. The API of a region names hosts of its
    /// own region only. Any other host was configured by the user, and may lead to any region.
    pub(crate) fn may_list(&self, found: &Self) -> bool {
        let own = region(&self.host);
        found.is_yandex_cloud() && (own.is_none() || own == region(&found.host))
    }

    /// The documented IAM, if this is the API of a region.
    pub(crate) fn documented_iam(&self) -> Option<Self> {
        let (_, iam) = REGIONS.iter().find(|(api, _)| self.tls && *api == self.host && self.port == 443)?;
        Some(Self { tls: true, host: (*iam).to_owned(), port: 443 })
    }
}

/// Whether a normalised host is Yandex Cloud's, at a dot boundary.
pub(crate) fn is_yandex_cloud(host: &str) -> bool {
    host == "auth.yandex.cloud" || REGIONS.iter().any(|(api, _)| host == *api || is_below(host, api))
}

/// The region of a host of Yandex Cloud: its place in [`REGIONS`]. `auth.yandex.cloud` belongs to the public one.
fn region(host: &str) -> Option<usize> {
    let of_region = REGIONS.iter().position(|(api, _)| host == *api || is_below(host, api));
    of_region.or((host == "auth.yandex.cloud").then_some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::address::tests::parse;
    use proptest::prelude::*;

    #[test]
    fn each_region_has_its_own_documented_iam_and_other_hosts_have_none() {
        let iam = |text| parse(text).documented_iam().map(|iam| iam.host);
        assert_eq!(iam("api.cloud.yandex.net:443").as_deref(), Some("iam.api.cloud.yandex.net"));
        assert_eq!(iam("api.yandexcloud.kz").as_deref(), Some("iam.api.yandexcloud.kz"));
        for other in
            ["http://api.cloud.yandex.net", "api.cloud.yandex.net:8443", "api.example.com", "localhost"]
        {
            assert_eq!(iam(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_host_outside_the_domain_counts_as_yandex_clouds(prefix in "[a-z0-9.-]{0,20}", suffix in "[a-z]{1,10}") {
            let host = format!("{prefix}api.cloud.yandex.net.{suffix}");
            if let Ok(address) = Address::parse(&host, true) {
                prop_assert!(!address.is_yandex_cloud());
            }
        }
    }
}
