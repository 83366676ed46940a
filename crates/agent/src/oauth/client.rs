//! The client of the token endpoint: an id and a secret in a file that only the owner reads.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Digest, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use yandex_cloud_auth::{Error, ErrorKind};
use zeroize::Zeroizing;

/// The largest file.
const MAX_FILE: u64 = 4 << 10;

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
        let error = |reason: String| {
            Error::new(ErrorKind::Invalid, reason).at(path.display().to_string()).with_help(
                "the file is JSON with `client_id` and `client_secret`, of mode 0600; the agent makes a new file if \
                 there is none",
            )
        };
        let file = match read(path) {
            Ok(text) => serde_json::from_str::<ClientFile>(&text)
                // Not the error's own text: it can repeat a value.
                .map_err(|wrong| error(format!("line {}: not the JSON of a client", wrong.line())))?,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(|reason| error(format!("cannot make the file: {reason}")))?
            }
            Err(reason) => return Err(error(reason.to_string())),
        };
        if file.client_id.is_empty() || file.client_secret.len() < 16 {
            return Err(error("the id is empty, or the secret has less than 16 characters".to_owned()));
        }
        Ok(Self { id: file.client_id.to_string(), secret: hash(&file.client_secret) })
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

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = OpenOptions::new().read(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other("others can read the file: set its mode to 0600"));
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
    file.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn create(path: &Path) -> io::Result<ClientFile> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .map_err(|_| io::Error::other("the system has no random numbers"))?;
    let file = ClientFile {
        client_id: Zeroizing::new("yc-auth".to_owned()),
        client_secret: Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(serde_json::to_string_pretty(&file)? + "\n");
    options.open(path)?.write_all(text.as_bytes())?;
    tracing::info!(path = %path.display(), "made the OAuth client");
    Ok(file)
}
