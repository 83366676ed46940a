//! What a server says about the credentials: whose they are, and whether a service accepts them. For `yc-auth`.

use std::time::Duration;

use http::HeaderValue;

use super::identity::FOLDER;
use super::{Credentials, HeaderOptions};
use crate::cloud::authorization::AuthorizationServer;
use crate::cloud::folder::check_folder_id;
use crate::cloud::model_list::{self, ApiCheck};
use crate::error::in_seconds;
use crate::refresh::cached_header::Scheme;
use crate::secret::Secret;
use crate::task::run_detached::run_detached;
use crate::{Error, ErrorKind};

impl Credentials {
    /// The subject of the current IAM token, as the authorization server gives it (`GET /oauth/userinfo`). Fetches a
    /// token first if none is cached. `limit` covers both.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for methods that have no IAM token (`api-key`, `none`); why there is no token; why the
    /// server could not be reached, or its refusal.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request.
    #[doc(hidden)]
    pub async fn ask_subject(&self, limit: Duration) -> Result<String, Error> {
        let snapshot = self.get(HeaderOptions::new().deadline(limit)).await?;
        let method = snapshot.method();
        let (Some(Scheme::Bearer), Some(bearer), Some(token)) =
            (snapshot.scheme(), snapshot.header(), snapshot.token())
        else {
            return Err(Error::new(
                ErrorKind::Invalid,
                "no server tells whose an API key is, only whose an IAM token is",
            )
            .of(method)
            .with_help("give credentials with an IAM token, or leave out `--ask`"));
        };
        let subject = self.subject_of(bearer, token, limit).await;
        subject.map_err(|error| error.of(method))
    }

    async fn subject_of(&self, bearer: HeaderValue, token: Secret, limit: Duration) -> Result<String, Error> {
        let system = self.inner.system.clone();
        let server = AuthorizationServer::new(&self.resolve_installation().await?, &system, "the token")?;
        let work = async move { server.subject(&bearer, &token, limit, &system).await };
        run_detached(&self.inner.system, work).await?
    }

    /// Whether AI Studio accepts the current header: the status of its list of models, at the host that the discovery of
    /// the credentials' installation names. `limit` covers selection, fetch, discovery and the request.
    ///
    /// # Errors
    /// Why there is no header; why discovery or the service could not be reached; [`ErrorKind::Blocked`] if the header
    /// must not go to the host. A status of the service is no error.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request.
    #[doc(hidden)]
    pub async fn check_with_api(&self, limit: Duration) -> Result<ApiCheck, Error> {
        let snapshot = self.get(HeaderOptions::new().deadline(limit)).await?;
        let method = snapshot.method();
        let (Some(header), Some(secret)) = (snapshot.header(), snapshot.token()) else {
            return Ok(ApiCheck::not_possible(&format!("the method {method} sends no credentials")));
        };
        let folder = self.folder(limit).await?;
        let (system, installation) = (self.inner.system.clone(), self.resolve_installation().await?);
        let api = installation.api()?.address().to_string();
        let work = async move {
            let check = model_list::check(&installation, header, &secret, folder, limit, &system);
            let outcome = system.within(limit, check).await;
            outcome.unwrap_or_else(|| {
                let reason = format!("no response about the credentials within {}", in_seconds(limit));
                Err(Error::new(ErrorKind::Unavailable, reason).at(api).with_help("allow more time"))
            })
        };
        run_detached(&self.inner.system, work).await?.map_err(|error| error.of(method))
    }

    /// The folder that requests are meant for: that of `YC_FOLDER_ID`, else that of the credentials; `None` where neither is
    /// known. Fetches a token first if none is cached.
    ///
    /// # Errors
    /// As [`header`](Self::header); [`ErrorKind::Invalid`] where the value is not the id of a folder.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request.
    #[doc(hidden)]
    pub async fn folder_id(&self, limit: Duration) -> Result<Option<String>, Error> {
        let folder = self.folder(limit).await?;
        Ok(folder.and_then(|folder| folder.to_str().ok().map(str::to_owned)))
    }

    /// The base URL of the OpenAI-compatible API of the credentials' installation. `limit` covers selection, fetch and
    /// discovery.
    ///
    /// # Errors
    /// Why discovery gave no response; [`ErrorKind::Blocked`] if the credentials must not go to the host.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the request.
    #[doc(hidden)]
    pub async fn openai_base_url(&self, limit: Duration) -> Result<String, Error> {
        let (system, installation) = (self.inner.system.clone(), self.resolve_installation().await?);
        let work = async move { model_list::openai_base_url(&installation, limit, &system).await };
        run_detached(&self.inner.system, work).await?
    }

    /// The folder for the request: that of the variable, as in the SDK, else that of the credentials.
    async fn folder(&self, limit: Duration) -> Result<Option<HeaderValue>, Error> {
        let set = self.inner.system.variable(FOLDER)?;
        let (folder, place) = match set {
            Some(folder) => (Some(folder.to_string()), FOLDER),
            None => (self.identity(HeaderOptions::new().deadline(limit)).await?.folder_id, "folder"),
        };
        let Some(folder) = folder else { return Ok(None) };
        // Nothing but an id: a secret that was pasted here would leave this machine.
        check_folder_id(folder.trim()).map_err(|error| error.at(place))?;
        // An id has only characters that a header can have.
        Ok(HeaderValue::from_str(folder.trim()).ok())
    }
}
