//! Who may use the models: the check that AI Studio and operations share.

use http::HeaderMap;

use super::Cloud;
use crate::identity::{Accepts, Caller};
use crate::wire::status::Status;

/// The scopes that allow an API key to use text models. One of them is enough.
const SCOPES: &[&str] = &["yc.ai.languageModels.execute", "yc.ai.foundationModels.execute"];

/// The caller of a model, or of an operation that a model call started.
///
/// Only the OpenAI-compatible paths accept an API key as `Bearer`; the native API does not.
pub(crate) fn authenticated(
    cloud: &Cloud,
    headers: &HeaderMap,
    api_key_as_bearer: bool,
) -> Result<Caller, Status> {
    cloud.identity.authenticate(headers, Accepts { api_key: Some(SCOPES), api_key_as_bearer })
}
