use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use yandex_cloud_auth::system::Now;
use yandex_cloud_auth_agent::fuzz_internals::{lease_patch, secret_patch};

const TOKEN: &str = "t1.FAKE-iam-canary0.FAKE-signature0";
const NOW: Now = Now { wall: Duration::from_secs(1_795_478_400), monotonic: Duration::from_secs(3600) };
const LATER: &str = "2026-11-24T12:00:00Z";

/// A response of the API server of Kubernetes, read as a Lease and as a Secret. A patch always names the version of the
/// object, and a Lease of another holder is not taken.
pub fn kubernetes_objects(data: &[u8]) {
    let object = serde_json::from_slice::<Value>(data).ok();
    let version = object.as_ref().map(|object| object["metadata"]["resourceVersion"].clone());
    let version = version.filter(Value::is_string);
    if let Some(lease) = &object {
        take(lease, version.as_ref());
    }
    write(data, object.as_ref(), version.as_ref());
}

fn take(lease: &Value, version: Option<&Value>) {
    let spec = &lease["spec"];
    let holder = spec["holderIdentity"].as_str().unwrap_or_default();
    let is_held = !matches!(holder, "" | "me") && spec["leaseDurationSeconds"].as_u64() != Some(0);
    let Some(patch) = lease_patch(lease, "me", NOW) else {
        assert!(is_held || version.is_none(), "a free Lease is not taken: {lease}");
        return;
    };
    assert!(!is_held, "the Lease of {holder:?} is taken");
    let patch: Value = serde_json::from_str(&patch).expect("a patch is JSON");
    assert_eq!(Some(&patch["metadata"]["resourceVersion"]), version);
    assert_eq!(patch["spec"]["holderIdentity"], "me");
    assert_eq!(patch["spec"]["renewTime"], "2026-11-24T00:00:00.000000Z");
    let before = spec["leaseTransitions"].as_u64().unwrap_or(0);
    let after = before.saturating_add(u64::from(holder != "me"));
    assert_eq!(patch["spec"]["leaseTransitions"], after);
}

fn write(data: &[u8], object: Option<&Value>, version: Option<&Value>) {
    let end = SystemTime::UNIX_EPOCH + NOW.wall + Duration::from_secs(12 * 3600);
    let Some((present, patch)) = secret_patch(data, "token", TOKEN, end) else {
        assert!(version.is_none(), "a Secret is not read: {object:?}");
        return;
    };
    let patch: Value = serde_json::from_str(&patch).expect("a patch is JSON");
    assert_eq!(Some(&patch["metadata"]["resourceVersion"]), version);
    assert_eq!(patch["metadata"]["annotations"]["yc-auth/expires-at"], LATER);
    let data = patch["data"].as_object().expect("the patch has data");
    assert_eq!(data.keys().collect::<Vec<_>>(), ["token"]);
    assert_eq!(STANDARD.decode(data["token"].as_str().unwrap()).unwrap(), TOKEN.as_bytes());
    assert_eq!(patch.as_object().unwrap().len(), 2, "the patch changes nothing else");
    let object = object.expect("it was read");
    let noted = object["metadata"]["annotations"]["yc-auth/expires-at"].as_str();
    let has_token = object["data"]["token"].as_str().is_some_and(|token| !token.is_empty());
    assert!(present.is_none() || noted.is_some() && has_token, "{object}");
    if noted == Some(LATER) && has_token {
        assert_eq!(present, Some(end));
    }
}
