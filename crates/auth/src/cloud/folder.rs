//! The folder and the cloud of the machine, from its metadata service.

use super::metadata::{Failure, FailureKind, MetadataAddress, ProbeTimeouts, exchange_metadata, is_absent};
use super::response::unreadable;
use crate::recognize::refuse_stand_in;
use crate::secret::redact;
use crate::system::System;
use crate::{Error, ErrorKind};

/// The documented keys (docs, "Getting VM metadata": `directories`); the first is the same as
/// `instance/vendor/folder-id`.
const FOLDER: &str = "/computeMetadata/v1/yandex/folder-id";
const CLOUD: &str = "/computeMetadata/v1/instance/vendor/cloud-id";

/// The id of a folder or a cloud has 20 characters. A much longer value is not an id.
const MAX_ID: usize = 64;

/// The id of the folder of the machine; `Ok(Err(reason))` if automatic selection would not find a metadata service.
///
/// The request goes to the address in `YC_METADATA_ADDR`, else to the link-local address, with the timeouts of
/// automatic selection: three connections of 100 ms at the link-local address, one of 1 s at a configured one, and 5 s
/// for the response.
///
/// ```
/// use yandex_cloud_auth::System;
/// use yandex_cloud_auth::sdk_internals::metadata_folder;
/// use yandex_cloud_auth::testing::{TestEnvironment, TestHttp, TestReply};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), yandex_cloud_auth::Error> {
/// let system = System::real()
///     .with_environment(TestEnvironment::empty())
///     .with_http(TestHttp::new(|_, _| TestReply::status(200, "b1gexample\n")));
/// assert_eq!(metadata_folder(&system).await?, Ok("b1gexample".to_owned()));
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the response of a service has no id, or the address cannot be used.
///
/// # Cancel safety
/// Dropping the future loses nothing.
pub async fn metadata_folder(system: &System) -> Result<Result<String, String>, Error> {
    let at = MetadataAddress::resolve(None, system)?;
    match fetch_id(system, &at, FOLDER, "folder").await {
        Ok(found) => Ok(found.ok_or_else(|| missing("folder"))),
        Err(Failure { kind, error }) if is_absent(kind, at.configured) => Ok(Err(error.reason().to_owned())),
        Err(failure) => Err(failure.error),
    }
}

/// The folder and the cloud of the machine, from the service at this address, which has given a token. `None`: the service
/// has none. An error says nothing about that.
pub(crate) async fn folder_and_cloud(
    system: &System,
    at: &MetadataAddress,
) -> [Result<Option<String>, Error>; 2] {
    let folder = fetch_id(system, at, FOLDER, "folder").await;
    let cloud = fetch_id(system, at, CLOUD, "cloud").await;
    [folder, cloud].map(|found| found.map_err(|failure| failure.error))
}

/// Why there is no id, if the service has none.
pub(crate) fn missing(noun: &str) -> String {
    format!("the metadata service has no {noun}")
}

/// The id at a path; `None` if the service has no such path.
async fn fetch_id(
    system: &System,
    at: &MetadataAddress,
    path: &str,
    noun: &str,
) -> Result<Option<String>, Failure> {
    let timeouts = ProbeTimeouts::DEFAULT.for_selection(at);
    let response = match exchange_metadata(system, at, timeouts, path).await {
        Ok(response) => response,
        Err(Failure { kind: FailureKind::Status(404), .. }) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let id = std::str::from_utf8(response.body()).unwrap_or_default().trim();
    if is_resource_id(id) {
        return Ok(Some(id.to_owned()));
    }
    let error = unreadable(&at.address.to_string(), &format!("the value is not the id of a {noun}"));
    // At the link-local address of a machine of another cloud, another service may respond without the key.
    Err(Failure { kind: FailureKind::Foreign, error })
}

/// Checks the id of a folder, which goes into URIs and headers.
///
/// ```
/// use yandex_cloud_auth::sdk_internals::check_folder_id;
///
/// assert!(check_folder_id("b1gexample").is_ok());
/// let refusal = check_folder_id("null").unwrap_err();
/// assert_eq!(refusal.reason(), "the value is a placeholder, not the id of a folder");
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`]. The error does not show the value.
pub fn check_folder_id(text: &str) -> Result<(), Error> {
    const HELP: &str = "use the id of the folder, as `yc resource-manager folder list` shows it";
    let refused = |reason: &str| Error::new(ErrorKind::Invalid, reason).with_help(HELP);
    if let Err(error) = refuse_stand_in(text) {
        return Err(refused(&format!("{}, not the id of a folder", error.reason())));
    }
    if is_resource_id(text) {
        return Ok(());
    }
    Err(refused(
        "the value is not the id of a folder: at most 64 letters, digits, `-` and `_`, and single dots between them, are \
         allowed",
    ))
}

/// Whether the text can be the id of a folder, a cloud or an organization: letters, digits, `-` and `_`, and single dots
/// between them. Most ids have 20 letters and digits; folders of Yandex's own services have names with dots.
///
/// A secret in the place of an id is refused, because an id is printed.
///
/// ```
/// use yandex_cloud_auth::sdk_internals::is_resource_id;
/// assert!(is_resource_id("b1gexample") && is_resource_id("yc.example.service"));
/// assert!(!is_resource_id("b1g/../x") && !is_resource_id("t1.fake.fake"));
/// ```
#[must_use]
pub fn is_resource_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(fits);
    text.len() <= MAX_ID && text.split('.').all(is_part) && redact(text, &[]) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_neither_a_placeholder_nor_an_unreplaced_variable() {
        for (text, what) in [
            ("null", "the value is a placeholder, "),
            ("undefined", "the value is a placeholder, "),
            ("<your-folder>", "the value is a placeholder, "),
            ("\"None\"", "the value is a placeholder, "),
            ("$X", "the value is a variable that was not replaced by its value, "),
            ("${YC_FOLDER_ID}", "the value is a variable that was not replaced by its value, "),
            ("%YC_FOLDER_ID%", "the value is a variable that was not replaced by its value, "),
            ("a b", "the value is not the id of a folder: "),
        ] {
            let error = check_folder_id(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.reason().starts_with(what), "{text}: {error}");
        }
        assert!(check_folder_id("b1gexample").is_ok() && check_folder_id("yc.a.service").is_ok());
    }

    #[test]
    fn an_id_has_no_path_no_space_and_no_secret_in_it() {
        let (longest, too_long) = ("a".repeat(MAX_ID), "a".repeat(MAX_ID + 1));
        for id in ["b1gexample", "B1G-x_1", "yc.fomo.storage.prod.service", "a.b", &longest] {
            assert!(is_resource_id(id), "{id}");
        }
        for text in
            ["", ".", "..", "a..b", ".a", "a.", "a/b", "a b", "a\n", "\u{43f}", "a:b", "a@b", &too_long]
        {
            assert!(!is_resource_id(text), "{text}");
        }
        for secret in ["t1.9euel.fake", "y0_FAKE-oauth", "AQVNfake-fake-fake", "eyJhbGciOi.J9.fake"] {
            assert!(!is_resource_id(secret), "{secret}");
        }
    }
}
