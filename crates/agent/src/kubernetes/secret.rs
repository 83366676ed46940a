//! The Secret: whether a token belongs into it, and the patch that writes the token. Pure.
//!
//! Two agents can believe for a moment that they hold the Lease, so the Secret guards itself: a token is written only if
//! it ends later than the one that is there, and only over the version that this was compared with. A value that somebody has
//! put in the place of this holder's own token, and whose noted end is still that of the token, is no other agent's: an agent
//! notes a later end.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
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
    value: Held,
}

/// What stands where the token belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    Nothing,
    /// The token that it was compared with.
    Same,
    Other,
}

impl Found {
    /// Reads a Secret, and compares its value for `key` with `token`.
    pub(super) fn parse(body: &[u8], key: &str, token: &str) -> Option<Self> {
        let mut object = parse_json(body)?;
        let value = held(object["data"][key].as_str().unwrap_or_default(), token);
        // The values are secrets, which nobody needs any more.
        let data = object.get_mut("data").and_then(Value::as_object_mut);
        for value in data.into_iter().flat_map(|data| data.values_mut()) {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
        Some(Self { version: version(&object)?, object, value })
    }

    /// What stands where the token belongs.
    pub(super) fn value(&self) -> Held {
        self.value
    }

    /// When the token in the Secret ends. `None` if there is no token, or if nobody has noted its end.
    pub(super) fn end(&self) -> Option<SystemTime> {
        if self.value == Held::Nothing {
            return None;
        }
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

/// What a value in base64 is. The comparison is one of digests: it takes the same time wherever the first difference is.
fn held(value: &str, token: &str) -> Held {
    if value.is_empty() {
        return Held::Nothing;
    }
    let token = Zeroizing::new(STANDARD.encode(token));
    let digest = |text: &str| digest(&SHA256, text.as_bytes());
    if digest(value).as_ref() == digest(&token).as_ref() { Held::Same } else { Held::Other }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOON: Duration = Duration::from_secs(1_795_521_600);

    fn found(object: &Value) -> Option<Found> {
        Found::parse(object.to_string().as_bytes(), "token", "t1.fake")
    }

    fn with(end: &str, data: &Value) -> Option<SystemTime> {
        let metadata = json!({ "resourceVersion": "3", "annotations": { END: end } });
        found(&json!({ "metadata": metadata, "data": data })).unwrap().end()
    }

    #[test]
    fn an_end_counts_only_beside_a_token() {
        let noon = SystemTime::UNIX_EPOCH + NOON;
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({ "token": "eA==" })), Some(noon));
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({ "other": "eA==" })), None);
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({ "token": "" })), None);
        assert_eq!(with("2026-11-24T12:00:00Z", &json!({})), None);
        assert_eq!(with("noon", &json!({ "token": "eA==" })), None);
        let bare = found(&json!({ "metadata": { "resourceVersion": "3" }, "data": { "token": "eA==" } }));
        assert_eq!(bare.unwrap().end(), None);
    }

    #[test]
    fn a_value_is_compared_with_the_token() {
        for (value, expected) in [
            (json!(STANDARD.encode("t1.fake")), Held::Same),
            (json!(STANDARD.encode("t1.fakes")), Held::Other),
            (json!("t1.fake"), Held::Other),
            (json!(""), Held::Nothing),
            (json!(null), Held::Nothing),
            (json!(7), Held::Nothing),
        ] {
            let object = json!({ "metadata": { "resourceVersion": "3" }, "data": { "other": "eA==", "token": value } });
            assert_eq!(found(&object).unwrap().value(), expected, "{object}");
        }
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
        assert!(Found::parse(b"<html>", "token", "t1.fake").is_none());
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
