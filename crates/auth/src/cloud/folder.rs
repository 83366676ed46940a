//! The folder that the machine is in, by its metadata service.

use super::Finding;
use super::metadata::{Failure, MetadataAddress, Patience, What, exchange_metadata, is_absent};
use super::unreadable;
use crate::Error;
use crate::system::System;

/// The documented key (docs, "Getting VM metadata": `directories`); the same as `instance/vendor/folder-id`.
const PATH: &str = "/computeMetadata/v1/yandex/folder-id";

/// A folder's id is 20 characters; anything much longer is something else.
const MAX_ID: usize = 64;

/// Asks the metadata service for the id of the folder that the machine is in.
///
/// At the address in `YC_METADATA_ADDR`, else the link-local one; with the patience of automatic selection: three
/// connections of 100 ms at the link-local address, one of 1 s at a configured one, and 5 s for the answer.
///
/// ```
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::cloud::{Finding, metadata_folder};
/// use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
/// let system = System::real()
///     .with_environment(TestEnvironment::empty())
///     .with_http(TestHttp::new(|_, _| TestReply::status(200, "b1gexample\n")));
/// assert_eq!(metadata_folder(&system).await?, Finding::Found("b1gexample".to_owned()));
/// # Ok(()) }
/// ```
///
/// # Errors
/// Where somebody is there and gives no id, or the address cannot be used. What selection takes for "no metadata
/// service", by the same rules, is [`Finding::Absent`].
pub async fn metadata_folder(system: &System) -> Result<Finding, Error> {
    let at = MetadataAddress::resolve(None, system)?;
    let answer = match exchange_metadata(system, &at, Patience::USUAL.at_first(&at), PATH).await {
        Ok(answer) => answer,
        Err(Failure { what, error }) if is_absent(what, at.configured) => {
            let reason = match what {
                What::Status(404) => "the metadata service knows no folder".to_owned(),
                _ => error.reason().to_owned(),
            };
            return Ok(Finding::Absent(reason));
        }
        Err(failure) => return Err(failure.error),
    };
    let id = std::str::from_utf8(answer.body()).unwrap_or_default().trim();
    if is_id(id) {
        return Ok(Finding::Found(id.to_owned()));
    }
    match at.configured {
        true => Err(unreadable(&at.address.to_string(), "it is no folder's id")),
        // Whoever answers at the link-local address of another cloud's machine need not know the key.
        false => Ok(Finding::Absent("what answered is no folder's id".to_owned())),
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
