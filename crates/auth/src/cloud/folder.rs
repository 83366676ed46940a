//! The folder that the machine is in, by its metadata service.

use super::Finding;
use super::metadata::{Failure, MetadataAddress, Patience, What, exchange_metadata, is_absent};
use super::unreadable;
use crate::Error;
use crate::system::System;

/// The documented keys (docs, "Getting VM metadata": `directories`); the first is the same as `instance/vendor/folder-id`.
const FOLDER: &str = "/computeMetadata/v1/yandex/folder-id";
const CLOUD: &str = "/computeMetadata/v1/instance/vendor/cloud-id";

/// The id of a folder or a cloud is 20 characters; anything much longer is something else.
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
    ask(system, &at, FOLDER, "folder").await
}

/// The folder and the cloud of the machine at an address; errors are told as reasons.
pub(crate) async fn folder_and_cloud(system: &System, at: &MetadataAddress) -> [Result<String, String>; 2] {
    let told = |finding: Result<Finding, Error>| match finding {
        Ok(Finding::Found(id)) => Ok(id),
        Ok(Finding::Absent(reason)) => Err(reason),
        Err(error) => Err(error.to_string()),
    };
    [told(ask(system, at, FOLDER, "folder").await), told(ask(system, at, CLOUD, "cloud").await)]
}

async fn ask(system: &System, at: &MetadataAddress, path: &str, what: &str) -> Result<Finding, Error> {
    let answer = match exchange_metadata(system, at, Patience::USUAL.at_first(at), path).await {
        Ok(answer) => answer,
        Err(Failure { what: failure, error }) if is_absent(failure, at.configured) => {
            let reason = match failure {
                What::Status(404) => format!("the metadata service knows no {what}"),
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
        true => Err(unreadable(&at.address.to_string(), &format!("it is no {what}'s id"))),
        // Whoever answers at the link-local address of another cloud's machine need not know the key.
        false => Ok(Finding::Absent(format!("what answered is no {what}'s id"))),
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
