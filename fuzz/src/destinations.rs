use http::Uri;
use url::Url;
use yandex_cloud_auth::tower::AuthLayer;
use yandex_cloud_auth::{ApiKeyAuth, Credentials};

use crate::addresses::{is_loopback, is_yandex_cloud};
use crate::support::{assert_presentable, system};

/// The URL of a request, before the header is added. A client that reads the URL with `url`, as reqwest does, must not reach
/// another host than the one that was checked.
pub fn destinations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = text.parse::<Uri>() else { return };
    let credentials = Credentials::from(ApiKeyAuth::new("AQVN-FAKE-key").unwrap()).with_system(system());
    let layer = AuthLayer::new(credentials);
    let allowed = |layer: &AuthLayer| match layer.allows(&uri) {
        Ok(allowed) => allowed,
        Err(error) => {
            assert_presentable(&error);
            false
        }
    };
    let by_default = allowed(&layer);
    let near = allowed(&layer.allow_loopback());
    assert!(near || !by_default, "a further rule takes nothing away");
    for read in [Url::parse(text), Url::parse(&uri.to_string())].into_iter().flatten() {
        assert!(!by_default || is_yandex_cloud(&read), "the header would go to {read}");
        assert!(!near || is_yandex_cloud(&read) || is_loopback(&read), "the header would go to {read}");
    }
    if uri.scheme().is_none() || uri.authority().is_none() {
        assert!(!near, "the header would go to a host that nobody knows: {text:?}");
    }
}
