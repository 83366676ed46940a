//! The SDK object: one set of options, and everything that can be called with them.

use std::fmt;

use yandex_cloud_auth::Credentials;
use yandex_cloud_auth::tower::AuthClient;

use crate::blocking::Blocking;
use crate::builder::AiStudioBuilder;
use crate::chat::Chat;
use crate::client::Client;
use crate::error::Error;
use crate::folder::FolderReport;
use crate::models::Models;

/// Yandex AI Studio. Cheap to clone; clones share credentials, connections and what was found out.
///
/// Making one does no I/O. The credentials, the folder and the addresses of services are found out by the first call
/// that needs them.
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
    /// Begins with the options.
    pub fn builder() -> AiStudioBuilder {
        AiStudioBuilder::new()
    }

    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Chat, embeddings and the list of models, over the OpenAI-compatible API.
    #[must_use]
    pub fn chat(&self) -> Chat {
        Chat::new(self.client.clone())
    }

    /// The native models: completions, operations, tokenizer, embeddings.
    #[must_use]
    pub fn models(&self) -> Models {
        Models::new(self.client.clone())
    }

    /// The folder: given, else in `YC_FOLDER_ID`, else the machine's by its metadata service, else the yc profile's.
    /// Found once, and remembered; [`folder_report`](Self::folder_report) says where.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where there is none, or where what was found is no folder's id;
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) where a source is there and does not work.
    ///
    /// # Cancel safety
    /// Dropping the future ends no search: others may wait for it, and the next one who asks goes on with it.
    pub async fn folder_id(&self) -> Result<String, Error> {
        self.client.folder().await
    }

    /// Where the folder was looked for, and found; `None` before it was.
    #[must_use]
    pub fn folder_report(&self) -> Option<FolderReport> {
        self.client.inner().folder.report()
    }

    /// The credentials, whose [`report`](Credentials::report) says which method was chosen and why. They can be shared
    /// with other clients.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.client.inner().credentials
    }

    /// The HTTP client behind all calls, for any REST API of Yandex Cloud: it puts the header on each request, sends it
    /// nowhere but to Yandex Cloud's hosts and those of `endpoint` and `service_map`, and once more where a server
    /// refuses a token that can be renewed. It follows no redirect, and retries nothing. Use it on the runtime that this
    /// is awaited on: its connections belong there.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use yandex_ai_studio_sdk::AiStudio;
    ///
    /// # async fn example(sdk: AiStudio) -> Result<(), Box<dyn std::error::Error>> {
    /// let http = sdk.http().await?;
    /// let folders = http.get_ref().get("https://resource-manager.api.cloud.yandex.net/resource-manager/v1/folders");
    /// let answer = http.send(folders.timeout(Duration::from_secs(10))).await?;
    /// println!("{}", answer.status());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the authorities of `verify`, a proxy or `YC_API_ENDPOINT`
    /// cannot be used.
    pub async fn http(&self) -> Result<AuthClient, Error> {
        self.client.http().await.map(|client| (*client).clone())
    }

    /// For code without an executor: a runtime that runs in the thread that waits. There is one for all clones, made at
    /// the first need.
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
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) inside a runtime, which it would block, and where the system
    /// gives no runtime.
    pub fn blocking(&self) -> Result<Blocking, Error> {
        let kept = &self.client.inner().blocking;
        match kept.get() {
            Some(blocking) => blocking.clone().checked(),
            None => Blocking::new().map(|made| kept.get_or_init(|| made).clone()),
        }
    }
}

impl fmt::Debug for AiStudio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(formatter)
    }
}
