//! For `yandex-ai-studio-sdk` and `yc-auth` alone, which share these rules: no promise of stability, and no part of the
//! interface.

pub use crate::cloud::address::Address;
pub use crate::cloud::endpoints::Endpoint;
pub use crate::cloud::folder::{check_folder_id, is_resource_id, metadata_folder};
pub use crate::cloud::installation::Installation;
pub use crate::cloud::model_list::{ApiCheck, PUBLIC_OPENAI};
pub use crate::cloud::response::{about_a_token, retry_after, server_message};
pub use crate::cloud::service_list::{ServiceList, Services};
pub use crate::error::in_seconds;
pub use crate::methods::{ClaimsRecord, SubjectClaims};
pub use crate::report::NOTICE;
use crate::selection::pinned;
pub use crate::system::{PerProcess, SharedWork, dropped_work, new_runtime};
pub use crate::task::deadline::{Deadline, Timer};
pub use crate::task::shared_value::SharedValue;
use crate::{Error, Method, System, YandexCloudCliAuth};

/// One value of yc's configuration, `yc config get KEY`; `Ok(Err(reason))` if yc has none, or if automatic selection
/// would not take yc. `unattended` allows a yc without a terminal.
///
/// # Errors
/// If yc fails; the reason is yc's own message.
///
/// # Cancel safety
/// Dropping the future kills yc.
pub async fn yc_config(
    yc: &YandexCloudCliAuth,
    system: &System,
    key: &str,
    unattended: bool,
) -> Result<Result<String, String>, Error> {
    yc.config(system, key, unattended).await
}

/// A response as JSON. The parser is there once for the library and the agent.
#[must_use]
pub fn parse_json(body: &[u8]) -> Option<serde_json::Value> {
    serde_json::from_slice(body).ok()
}

/// Whether `YC_AUTH_METHOD` pins this method for automatic selection.
#[must_use]
pub fn is_pinned(method: Method, system: &System) -> bool {
    let name = system.variable(pinned::VARIABLE);
    name.is_ok_and(|name| name.is_some_and(|name| *name == method.name()))
}
