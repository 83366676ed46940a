//! The client of the token endpoint: an id and a secret in a file that only the owner reads.

use std::io;
use std::path::Path;

use ring::digest::{Digest, SHA256, digest};
use serde::{Deserialize, Serialize};
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

use crate::secret_file;

/// A client. The secret is there as a digest: a comparison takes the same time wherever the first difference is.
pub(crate) struct Client {
    /// No secret.
    id: String,
    secret: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFile {
    client_id: Zeroizing<String>,
    client_secret: Zeroizing<String>,
}

impl Client {
    /// The client of a file. If there is no file, makes one with a random secret.
    ///
    /// # Errors
    /// `Invalid` if the file cannot be read or made, if others can read it, or if it holds something else.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let made = |path: &Path| create(path).map(Some);
        Self::read(path, made)?.ok_or_else(|| Error::new(ErrorKind::Invalid, "there is no client"))
    }

    /// Checks the file. Makes none.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn check(path: &Path) -> Result<(), Error> {
        Self::read(path, |path| secret_file::can_be_made(path).map(|()| None)).map(drop)
    }

    /// The client of a file. `missing` gives the text where there is no file.
    fn read(
        path: &Path,
        missing: impl FnOnce(&Path) -> io::Result<Option<Zeroizing<String>>>,
    ) -> Result<Option<Self>, Error> {
        let error = |reason: String| {
            Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(
                "the file is JSON with `client_id` and `client_secret`, of mode 0600; the agent makes a new file if \
                 there is none",
            )
        };
        let text = match secret_file::read(path) {
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => missing(path),
            read => read.map(Some),
        };
        let Some(text) = text.map_err(|reason| error(reason.to_string()))? else { return Ok(None) };
        // Not the error's own text: it can repeat a value.
        let file: ClientFile = serde_json::from_str(&text)
            .map_err(|wrong| error(format!("line {}: not the JSON of a client", wrong.line())))?;
        if file.client_id.is_empty() || file.client_secret.len() < secret_file::MIN_SECRET {
            return Err(error("the id is empty, or the secret has less than 16 characters".to_owned()));
        }
        Ok(Some(Self { id: file.client_id.to_string(), secret: hash(&file.client_secret) }))
    }

    /// Whether these are the id and the secret.
    pub(crate) fn is(&self, id: &str, secret: &str) -> bool {
        // Both are compared in any case.
        (id == self.id) & (hash(secret).as_ref() == self.secret.as_ref())
    }
}

fn hash(text: &str) -> Digest {
    digest(&SHA256, text.as_bytes())
}

/// A client with a random secret, in a new file.
fn create(path: &Path) -> io::Result<Zeroizing<String>> {
    let file =
        ClientFile { client_id: Zeroizing::new("yc-auth".to_owned()), client_secret: secret_file::random()? };
    let text = secret_file::create(path, &Zeroizing::new(serde_json::to_string_pretty(&file)? + "\n"))?;
    tracing::info!(path = %path.display(), "made the OAuth client");
    Ok(text)
}
