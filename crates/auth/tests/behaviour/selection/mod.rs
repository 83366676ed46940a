//! Automatic selection: the documented sources, and systems that have some of them.

mod order;
mod result;
mod variables;

use crate::support::{API_KEY, METADATA_ANSWER, OAUTH_TOKEN, TestSystem, cloud, exchanged, logged_in};
use yandex_cloud_auth::Method;
use yandex_cloud_auth::testing::TestReply;

/// Every source in the documented order, with its method and its header.
pub(crate) const SOURCES: [(&str, Method, &str); 6] = [
    ("YC_API_KEY", Method::ApiKey, "Api-Key AQVN-FAKE-api-key"),
    ("YC_IAM_TOKEN", Method::IamToken, "Bearer t1.FAKE-given.FAKE-signature"),
    ("YC_OAUTH_TOKEN", Method::OAuthToken, "Bearer t1.FAKE-body.FAKE-signature"),
    ("metadata", Method::Metadata, "Bearer t1.FAKE-metadata.FAKE-signature"),
    ("YC_TOKEN", Method::EnvIamToken, "Bearer t1.FAKE-env.FAKE-signature"),
    ("yc", Method::YandexCloudCli, "Bearer t1.FAKE-yc.FAKE-signature"),
];

/// A system that has these sources.
pub(crate) fn test_system_with(sources: &[(&str, Method, &str)]) -> TestSystem {
    let mut test_system = TestSystem::new();
    let has_metadata = sources.iter().any(|source| source.0 == "metadata");
    let services = cloud(exchanged());
    test_system = test_system.answering(move |request, count| match request.uri().host() {
        Some("169.254.169.254") if has_metadata => TestReply::status(200, METADATA_ANSWER),
        Some("169.254.169.254") => TestReply::Fail(yandex_cloud_auth::system::HttpFault::ConnectRefused),
        _ => services(request, count),
    });
    for (source, ..) in sources {
        test_system = match *source {
            "YC_API_KEY" => test_system.set("YC_API_KEY", API_KEY),
            "YC_IAM_TOKEN" => test_system.set("YC_IAM_TOKEN", "t1.FAKE-given.FAKE-signature"),
            "YC_OAUTH_TOKEN" => test_system.set("YC_OAUTH_TOKEN", OAUTH_TOKEN),
            "YC_TOKEN" => test_system.set("YC_TOKEN", "t1.FAKE-env.FAKE-signature"),
            "yc" => test_system.with_yc(logged_in),
            _ => test_system,
        };
    }
    test_system
}
