//! The subject of credentials: which service account or user they stand for.

use super::{Credentials, HeaderOptions};
use crate::cloud::folder::check_folder_id;
use crate::methods::{Identity, IdentityField};
use crate::sync::Arc;
use crate::task::run_detached::run_detached;
use crate::{Error, ErrorKind};

/// The folder that requests are meant for, as AI Studio's SDK reads it.
pub(super) const FOLDER: &str = "YC_FOLDER_ID";

impl Credentials {
    /// What the method knows about its subject, with the expiry of the current token. Selects and fetches first where
    /// that was not done yet. Asks the metadata service or yc if they are the source of the token.
    ///
    /// # Errors
    /// As [`header_with`](Self::header_with). A fact that is not known is not an error: a remark says why, and
    /// [`Identity::unanswered`] whether a later call may know it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the fetch goes on.
    pub async fn identity(&self, options: HeaderOptions) -> Result<Identity, Error> {
        let snapshot = self.get(options).await?;
        let Some(by) = self.inner.selection.get().map(|selected| Arc::clone(&selected.by)) else {
            return Err(Error::new(ErrorKind::Unavailable, "no method is selected"));
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
        let identity = run_detached(&self.inner.system, work).await?;
        let mut identity = identity.unwrap_or_else(|| {
            let all = [IdentityField::Subject, IdentityField::Folder, IdentityField::Cloud];
            Identity::of(method).without_answer(&all, "no response about the subject in time")
        });
        identity.expires_at = snapshot.expires_at();
        if identity.folder_id.is_none()
            && let Ok(Some(folder)) = self.inner.system.variable(FOLDER)
        {
            match check_folder_id(&folder) {
                Ok(()) => {
                    identity.folder_id = Some(folder.to_string());
                    identity.remarks.push(format!("the folder is from {FOLDER}"));
                }
                Err(error) => identity.remarks.push(error.at(FOLDER).to_string()),
            }
        }
        identity.remarks.extend(self.inner.system.clock_warning());
        Ok(identity)
    }
}
