//! The endpoint of a profile.

use super::{failure, home};
use crate::support::{IAM_TOKEN, TestSystem, cloud, exchanged};
use test_support::token_source::header;
use yandex_cloud_auth::testing::TestReply;
use yandex_cloud_auth::{Endpoints, ErrorKind, ProfileAuth};

#[test]
fn the_endpoint_of_the_profile_is_used_if_neither_code_nor_the_environment_gives_one() {
    let with = |endpoint: &str| {
        home(&format!("current: a\nprofiles:\n  a:\n    token: y0_FAKE\n    endpoint: {endpoint}\n"))
            .answering(|request, count| match request.uri().path() {
                "/endpoints" => TestReply::status(404, ""),
                _ => cloud(exchanged())(request, count),
            })
    };
    let asked = |test_system: &TestSystem, auth: ProfileAuth| {
        let _ = test_system.with(auth).blocking().header();
        test_system.http.requests()[0].clone()
    };
    let kz = with("api.yandexcloud.kz:443");
    assert_eq!(asked(&kz, ProfileAuth::new()), "GET https://api.yandexcloud.kz/endpoints");
    let kz = with("api.yandexcloud.kz:443").set("YC_API_ENDPOINT", "api.cloud.yandex.net");
    assert_eq!(asked(&kz, ProfileAuth::new()), "GET https://api.cloud.yandex.net/endpoints");
    let code = kz.at(Endpoints::new().api("http://127.0.0.1:9"));
    assert_eq!(
        asked(&code.answering(|_, _| TestReply::status(404, "")), ProfileAuth::new()),
        "GET http://127.0.0.1:9/endpoints"
    );
    let iam = with("api.yandexcloud.kz:443").at(Endpoints::new().iam("iam.api.cloud.yandex.net"));
    assert_eq!(asked(&iam, ProfileAuth::new()), "POST https://iam.api.cloud.yandex.net/iam/v1/tokens");
}

#[test]
fn a_foreign_endpoint_in_the_file_gives_a_warning_and_plaintext_is_blocked() {
    let with = |endpoint: &str| {
        home(&format!("current: a\nprofiles:\n  a:\n    token: y0_FAKE\n    endpoint: {endpoint}\n"))
            .answering(cloud(exchanged()))
    };
    let foreign = with("api.corp.example");
    assert_eq!(header(&foreign.with(ProfileAuth::new())), format!("Bearer {IAM_TOKEN}"));
    let warnings = foreign.log.warnings().join("\n");
    assert!(warnings.contains("yc's configuration") && warnings.contains("api.corp.example"), "{warnings}");
    let strange = with("api.corp.example").always(TestReply::status(
        200,
        r#"{"endpoints":[{"id":"iam","address":"iam.strange.example:443"}]}"#,
    ));
    assert_eq!(failure(&strange, ProfileAuth::new()).kind(), ErrorKind::Blocked);
    assert_eq!(strange.http.requests().len(), 1, "only discovery is requested");

    let plain = with("http://api.cloud.yandex.net");
    assert_eq!(failure(&plain, ProfileAuth::new()).kind(), ErrorKind::Blocked);
    assert!(plain.http.requests().is_empty());
    let bad = failure(&with("ftp://x"), ProfileAuth::new());
    assert_eq!(bad.kind(), ErrorKind::Invalid);
    assert!(bad.location().unwrap().contains("yc's configuration"), "{bad}");
}

#[test]
fn an_invalid_endpoint_that_is_not_needed_is_ignored() {
    let test_system = home("current: a\nprofiles: {a: {token: t1.FAKE-a.x, endpoint: 'ftp://x'}}");
    assert_eq!(header(&test_system.with(ProfileAuth::new())), "Bearer t1.FAKE-a.x");
}
