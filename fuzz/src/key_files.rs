use std::time::Duration;

use serde_json::Value;
use yandex_cloud_auth::testing::{TestEnvironment, TestFiles, TestHttp, TestReply};
use yandex_cloud_auth::{Credentials, HeaderOptions, Identity, Method, ProfileAuth, ServiceAccountKeyAuth};

use crate::support::{assert_hidden, assert_presentable, bytes_with_secrets, call, system};

const PATH: &str = "/etc/robot/key.json";

/// Key files and values of `YC_SERVICE_ACCOUNT_KEY_FILE`. The second reading of JSON is that of `serde_json`.
pub fn key_files(data: &[u8]) {
    let data = bytes_with_secrets(data);
    let in_file = Credentials::from(ServiceAccountKeyAuth::from_file(PATH));
    let system = system().with_files(TestFiles::new([(PATH, data.clone())])).with_http(iam());
    let in_file = call(in_file, system.clone());

    let Ok(text) = std::str::from_utf8(&data) else {
        assert!(in_file.header.is_err());
        return;
    };
    let given = match ServiceAccountKeyAuth::new(text) {
        Ok(given) => call(given, system),
        Err(error) => {
            assert_presentable(&error);
            assert_eq!(error.method(), Some(Method::ServiceAccountKey));
            assert!(in_file.header.is_err());
            return;
        }
    };
    assert!(given.header.is_ok() && in_file.header.is_ok(), "{:?} {:?}", given.header, in_file.header);
    let [given, in_file] = [given, in_file].map(|called| identity(&called.credentials).unwrap());
    assert_eq!((&given.subject_id, &given.key_id), (&in_file.subject_id, &in_file.key_id));
    // A key in base64 or in a list has no fields at the top.
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(text) else { return };
    let ids = fields.get("key").and_then(Value::as_object).unwrap_or(&fields);
    let text = |names: [&str; 2]| names.iter().find_map(|name| ids.get(*name)?.as_str());
    if fields.contains_key("private_key") != fields.contains_key("privateKey") {
        for (read, other) in [
            (&given.key_id, text(["id", "id"])),
            (&given.subject_id, text(["service_account_id", "serviceAccountId"])),
        ] {
            assert_eq!(read.as_deref(), other.map(str::trim), "two readings of one key");
        }
    }
}

/// The configuration file of yc.
pub fn profiles(data: &[u8]) {
    const FILE: &str = "/home/me/.config/yandex-cloud/config.yaml";
    let data = bytes_with_secrets(data);
    let home = TestEnvironment::new([("HOME", "/home/me"), ("USERPROFILE", "C:\\me")]);
    let files = TestFiles::new([(FILE, data)]);
    let system = system().with_environment(home).with_files(files).with_http(iam());
    let called = call(ProfileAuth::new(), system);
    let Some(identity) = identity(&called.credentials) else { return };
    for id in [identity.folder_id, identity.cloud_id].into_iter().flatten() {
        assert!((1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?}");
    }
}

/// The cloud: a list of services, and an exchange at the address in it.
fn iam() -> TestHttp {
    TestHttp::new(|request, _| match (request.uri().host(), request.uri().path()) {
        (_, "/endpoints") => {
            TestReply::status(200, r#"{"endpoints":[{"id":"iam","address":"iam.api.cloud.yandex.net:443"}]}"#)
        }
        (host, "/iam/v1/tokens") => {
            assert_eq!(host, Some("iam.api.cloud.yandex.net"), "the login goes to another host");
            TestReply::status(200, r#"{"iamToken":"t1.FAKE-exchanged.FAKE"}"#)
        }
        _ => TestReply::status(404, ""),
    })
}

/// The identity; `None` where the credentials cannot be used.
fn identity(credentials: &Credentials) -> Option<Identity> {
    let once = HeaderOptions::new().deadline(Duration::from_millis(1));
    match credentials.blocking().identity(once) {
        Ok(identity) => {
            assert_hidden(&format!("{identity:?}"));
            Some(identity)
        }
        Err(error) => {
            assert_presentable(&error);
            None
        }
    }
}
