//! The Secret: whether a token belongs into it, and the patch that writes the token. Pure.
//!
//! Two agents can believe for a moment that they hold the Lease, so the Secret guards itself: a token is written only if
//! it ends later than the one that is there, and only over the version that this was compared with.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use yandex_cloud_auth::sdk_internals::parse_json;
use zeroize::{Zeroize, Zeroizing};

use super::times::{parse, rfc3339};
use super::version;

/// The annotation with the end of the token, RFC 3339.
const END: &str = "yc-auth/expires-at";
/// The annotation with the life that the token had when it was written.
const LIFE: &str = "yc-auth/lifetime-seconds";

/// A Secret as the API server has it, without its values.
pub(super) struct Found {
    object: Value,
    /// The version, as JSON.
    version: String,
}

impl Found {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut object = parse_json(body)?;
        // The values are secrets, which nobody needs here.
        let data = object.get_mut("data").and_then(Value::as_object_mut);
        for value in data.into_iter().flat_map(|data| data.values_mut()) {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
        Some(Self { version: version(&object)?, object })
    }

    /// When the token in the Secret ends. `None` if there is no token, or if nobody has noted its end.
    pub(super) fn end(&self, key: &str) -> Option<SystemTime> {
        self.object["data"].get(key)?;
        parse(self.object["metadata"]["annotations"][END].as_str()?)
    }

    /// The patch that writes a token; `None` for an end that no calendar has. A key has no character that JSON escapes.
    pub(super) fn patch(
        &self,
        key: &str,
        token: &str,
        end: SystemTime,
        life: Duration,
    ) -> Option<Zeroizing<String>> {
        let token = Zeroizing::new(STANDARD.encode(token));
        let (version, end, life) = (&self.version, rfc3339(end)?, life.as_secs());
        // Room for everything, so that no buffer with the token is left behind.
        let mut patch = Zeroizing::new(String::with_capacity(token.len() + key.len() + version.len() + 256));
        write!(
            patch,
            r#"{{"metadata":{{"resourceVersion":{version},"annotations":{{"{END}":"{end}","{LIFE}":"{life}"}}}},"data":{{"{key}":"{}"}}}}"#,
            *token
        )
        .ok()?;
        Some(patch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOON: Duration = Duration::from_secs(1_795_521_600);

    fn found(object: &Value) -> Option<Found> {
        Found::parse(object.to_string().as_bytes())
    }

    fn with(end: &str, data: &Value) -> Option<SystemTime> {
        let metadata = json!({ "resourceVersion": "3", "annotations": { END: end } });
        found(&json!({ "metadata": metadata, "data": data })).unwrap().end("token")
    }

    #[test]
    fn an_end_counts_only_beside_a_token() {
        let noon = SystemTime::UNIX_EPOCH + NOON;
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({ "token": "eA==" })), Some(noon));
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({ "other": "eA==" })), None);
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({})), None);
        assert_eq!(with("noon", &json!({ "token": "eA==" })), None);
        let bare = found(&json!({ "metadata": { "resourceVersion": "3" }, "data": { "token": "eA==" } }));
        assert_eq!(bare.unwrap().end("token"), None);
    }

    #[test]
    fn the_values_are_wiped_and_their_keys_stay() {
        let metadata = json!({ "resourceVersion": "3" });
        let found =
            found(&json!({ "metadata": metadata, "data": { "token": "dDEuZmFrZQ==", "other": "eA==" } }));
        assert_eq!(found.unwrap().object["data"], json!({ "token": "", "other": "" }));
    }

    #[test]
    fn a_secret_without_a_version_is_none() {
        for object in [
            json!({ "metadata": {} }),
            json!({ "metadata": { "resourceVersion": 7 } }),
            json!({ "kind": "Status" }),
            json!([]),
        ] {
            assert!(found(&object).is_none(), "{object}");
        }
        assert!(Found::parse(b"<html>").is_none());
    }

    #[test]
    fn a_patch_names_the_version_that_it_was_compared_with() {
        let secret = found(&json!({ "metadata": { "resourceVersion": "3" } })).unwrap();
        let life = Duration::from_secs(43_200);
        let end = SystemTime::UNIX_EPOCH + NOON + Duration::from_millis(900);
        let patch = secret.patch("token", "t1.fake.0", end, life).unwrap();
        let expected = json!({
            "metadata": {
                "resourceVersion": "3",
                "annotations": { END: "2026-11-24T12:00:00Z", LIFE: "43200" },
            },
            "data": { "token": STANDARD.encode("t1.fake.0") },
        });
        assert_eq!(serde_json::from_str::<Value>(&patch).unwrap(), expected);
    }
}
