//! `credential http get`: the protocol of Bazel and uv.

use serde_json::json;
use yandex_cloud_emulator::Emulator;

use super::{TOKEN, is_hours, left, on_machine, with_token};
use crate::run::{Outcome, yc_auth};

fn get(uri: &str) -> Outcome {
    with_token(&["credential", "http", "get"]).stdin(json!({ "uri": uri }).to_string()).done()
}

#[test]
fn a_uri_of_yandex_cloud_gets_the_header() {
    for uri in [
        "https://storage.yandexcloud.net/bucket/file.tar.gz",
        "https://ai.api.cloud.yandex.net/v1/models",
        "https://toolkit.mcp.cloud.yandex.net/mcp",
    ] {
        let expected = json!({"headers": {"Authorization": [format!("Bearer {TOKEN}")]}});
        assert_eq!((get(uri).json(), get(uri).status), (expected, 0), "{uri}");
    }
    let cloud = Emulator::start_in_thread().unwrap();
    let question = r#"{"uri":"https://storage.yandexcloud.net/"}"#;
    let answer = on_machine(&cloud, &["credential", "http", "get"]).stdin(question).done().json();
    assert!(is_hours(left(answer["expires"].as_str().unwrap()), 12), "{answer}");
    let key = yc_auth(["credential", "http", "get"]).secret("YC_API_KEY", "AQVN-fake").stdin(question).done();
    assert_eq!(key.json()["headers"]["Authorization"], json!(["Api-Key AQVN-fake"]));
}

#[test]
fn another_uri_gets_no_headers() {
    for uri in [
        "https://github.com/",
        "http://storage.yandexcloud.net/",
        "https://storage.yandexcloud.net.evil.example/",
        "https://storage.yandexcloud.net@evil.example/",
        "https://bucket.storage.yandexcloud.net/",
        "storage.yandexcloud.net",
        "",
    ] {
        // Also where there are no credentials at all.
        let unset = yc_auth(["credential", "http", "get"]).stdin(json!({ "uri": uri }).to_string()).done();
        for outcome in [get(uri), unset] {
            assert_eq!(outcome.output(), "{\"headers\":{}}\n", "{uri}");
        }
    }
}
