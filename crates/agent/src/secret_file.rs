//! A file with a secret of the agent's own, which only its owner reads.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// The largest file.
const MAX_FILE: u64 = 4 << 10;

/// The fewest characters of a secret.
pub(crate) const MIN_SECRET: usize = 16;

/// The text of a file that nobody else can read.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<String>> {
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

/// Makes a file that only its owner reads.
///
/// # Errors
/// If there is a file already, or none can be made.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// A secret that nobody can guess: 43 characters that every header and form takes as they are.
pub(crate) fn random() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 32]);
    let filled = SystemRandom::new().fill(&mut *bytes);
    filled.map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
}
