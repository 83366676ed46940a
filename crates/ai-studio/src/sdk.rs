//! The SDK object: one set of options, and the clients that use them.

use std::fmt;

use yandex_cloud_auth::Credentials;
use yandex_cloud_auth::tower::AuthClient;

use crate::blocking::Blocking;
use crate::chat::Chat;
use crate::client::Client;
use crate::error::Error;
use crate::folder::FolderReport;
use crate::models::Models;

/// The client of Yandex AI Studio. Cheap to clone; clones share credentials, connections, the folder and addresses.
///
/// [`builder`](Self::builder) makes one, without I/O. The first call that needs the credentials, the folder or the
/// address of a service looks it up.
///
/// ```no_run
/// use yandex_ai_studio_sdk::AiStudio;
///
/// # async fn example() -> Result<(), yandex_ai_studio_sdk::Error> {
/// let sdk = AiStudio::builder().folder_id("b1g…").auth("AQVN…").build()?;
/// println!("{}", sdk.folder_id().await?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[doc(alias = "AIStudio")]
#[doc(alias = "AsyncAIStudio")]
pub struct AiStudio {
    pub(crate) client: Client,
}

impl AiStudio {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// The OpenAI-compatible API: chat, embeddings and the list of models.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(self.client.clone())
    }

    /// The native API: completions, operations, tokenizer and embeddings.
    #[must_use]
    pub fn models(&self) -> Models {
        Models::new(self.client.clone())
    }

    /// The folder id: that of the builder, else of `YC_FOLDER_ID`, else of the metadata service, else of the yc
    /// profile. The SDK looks it up once; [`folder_report`](Self::folder_report) says where it was found.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where no source has a folder, or a value is not a folder id;
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where a source does not respond.
    ///
    /// # Cancel safety
    /// Cancel safe: the search continues, and the next call shares it.
    pub async fn folder_id(&self) -> Result<String, Error> {
        self.client.folder().await
    }

    /// Where the SDK looked for the folder and found it; `None` before it is found.
    #[must_use]
    pub fn folder_report(&self) -> Option<FolderReport> {
        self.client.inner().folder.report()
    }

    /// The credentials. Their [`report`](Credentials::report) says which method was selected and why. Other clients can
    /// share them.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.client.inner().credentials
    }

    /// The HTTP client behind all calls, for any REST API of Yandex Cloud. It adds the `Authorization` header, sends
    /// the header only to Yandex Cloud's hosts and to those of `endpoint` and `service_map`, and repeats a request once
    /// where the server refuses a token that can be refreshed. It follows no redirect and has no retry policy. Use the
    /// client on the runtime that awaits this method: the connections belong to that runtime.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// # async fn example(sdk: AiStudio) -> Result<(), Box<dyn std::error::Error>> {
    /// let http = sdk.http().await?;
    /// let folders = http.get_ref().get("https://resource-manager.api.cloud.yandex.net/resource-manager/v1/folders");
    /// let response = http.send(folders.timeout(Duration::from_secs(10))).await?;
    /// println!("{}", response.status());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the certificate authorities of `verify` or
    /// `YC_API_ENDPOINT` are invalid. An unusable proxy variable fails the requests that need the proxy.
    pub async fn http(&self) -> Result<AuthClient, Error> {
        self.client.http().await.map(|client| (*client).clone())
    }

    /// Blocking calls, for code without an executor. All clones share one runtime, which the first call of this method
    /// makes. The runtime runs on the calling thread.
    ///
    /// ```
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// let sdk = AiStudio::builder().folder_id("b1gexample").auth("AQVN-fake").build()?;
    /// let folder = sdk.blocking()?.wait(sdk.folder_id())?;
    /// assert_eq!(folder, "b1gexample");
    /// # Ok::<(), yandex_ai_studio_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) inside a tokio runtime, which a blocking call would block, and
    /// where the runtime cannot be started.
    pub fn blocking(&self) -> Result<Blocking, Error> {
        // A runtime does not survive a fork: the child would wait for threads and sockets of the parent.
        let shared = self.client.inner().blocking.get();
        match shared.get() {
            Some(blocking) => blocking.clone().checked(),
            None => Blocking::new().map(|new| shared.get_or_init(|| new).clone()),
        }
    }
}

impl fmt::Debug for AiStudio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(formatter)
    }
}
