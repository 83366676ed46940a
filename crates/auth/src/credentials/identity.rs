//! Whom credentials stand for.

use super::run_detached::run_detached;
use super::{Credentials, HeaderOptions};
use crate::methods::Identity;
use crate::secret::redact;
use crate::{Error, ErrorKind};

/// The folder that requests are meant for, as AI Studio's SDK reads it.
const FOLDER: &str = "YC_FOLDER_ID";

impl Credentials {
    /// What the method can tell of whom it stands for, with the expiry of the token at hand: chosen, and fetched, where
    /// that was not done yet. Asks the metadata service, or yc, where they are the ones who know.
    ///
    /// # Errors
    /// As [`header_with`](Self::header_with). What is not known beside the token is no error: a remark says why.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn identity(&self, options: HeaderOptions) -> Result<Identity, Error> {
        let snapshot = self.get(options).await?;
        let Some(by) = self.inner.chosen.get().map(|chosen| std::sync::Arc::clone(&chosen.by)) else {
            return Err(Error::new(ErrorKind::Unavailable, "there is no choice"));
        };
        let system = self.inner.system.clone();
        let method = snapshot.method();
        let limit = options.deadline;
        let work = async move {
            match limit {
                Some(limit) => system.within(limit, by.identity(&system)).await,
                None => Some(by.identity(&system).await),
            }
        };
        let told = run_detached(&self.inner.system, work).await?;
        let mut identity =
            told.unwrap_or_else(|| Identity::of(method).remark("who it is was not told in time"));
        identity.expires_at = snapshot.expires_at();
        if identity.folder_id.is_none()
            && let Ok(Some(folder)) = self.inner.system.variable(FOLDER)
        {
            identity.folder_id = Some(redact(&folder, &[]));
            identity.remarks.push(format!("the folder is that of {FOLDER}"));
        }
        Ok(identity)
    }
}
