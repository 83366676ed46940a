//! `yc-auth emulator`: a Yandex Cloud in the foreground, until Ctrl-C.
//!
//! Standard output has the variables to export, ready for a shell; standard error has what a person should know.

use std::io::{self, Write, stderr};
use std::path::Path;

use yandex_cloud_emulator::{Emulator, Variable};

use crate::arguments::EmulatorOptions;
use crate::children::Signals;
use crate::failure::Failure;

/// Runs until it is told to end.
pub(crate) fn run(options: &EmulatorOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |what: &str, error: &io::Error| Failure::Other(format!("emulator: {what}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("cannot be started", &error))?;
    let mut builder = Emulator::builder()
        .listen(options.listen)
        .metadata_listen(options.metadata_listen)
        .tls(options.tls)
        .allow_non_loopback(options.allow_non_loopback);
    if let Some(lifetime) = options.token_lifetime {
        builder = builder.token_lifetime(lifetime);
    }
    runtime.block_on(async {
        // Listened for before anything is told, so that whoever reads it can end us.
        let end = Signals::listen();
        let emulator = builder.start().await.map_err(|error| failed("cannot listen", &error))?;
        let mut variables = emulator.env().map_err(|error| failed("cannot make its tokens", &error))?;
        if let (Some(path), Some(pem)) = (&options.ca_file, emulator.ca_pem()) {
            let shown = path.display();
            std::fs::write(path, pem).map_err(|error| failed(&format!("cannot write {shown}"), &error))?;
        }
        if let Some(path) = &options.key_file {
            let key = emulator.service_account_key();
            let key = key.map_err(|error| failed("cannot make a key", &error))?;
            let shown = path.display();
            private(path, &key).map_err(|error| failed(&format!("cannot write {shown}"), &error))?;
        }
        tell(&emulator, options, &mut variables, out)?;
        end.first().await;
        Ok(())
    })
}

/// Writes a file that its owner alone can read.
fn private(path: &Path, content: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}

fn tell(
    emulator: &Emulator,
    options: &EmulatorOptions,
    variables: &mut [Variable],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut text = String::new();
    for Variable { name, value, comment, .. } in variables {
        text.push_str(&format!("# {comment}\nexport {name}={}\n", quoted(value)));
    }
    if let Some(path) = &options.ca_file {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        text.push_str(&format!(
            "# trust the emulator's certificate authority, and no other\nexport SSL_CERT_FILE={}\n",
            quoted(&path.display().to_string())
        ));
    }
    if let Some(path) = &options.key_file {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        text.push_str(&format!(
            "# an authorized key of the service account {}\nexport YC_SERVICE_ACCOUNT_KEY_FILE={}\n",
            emulator.service_account_id(),
            quoted(&path.display().to_string())
        ));
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    let _ = writeln!(
        stderr().lock(),
        "\nThe emulator listens on {} (API) and http://{} (metadata); Ctrl-C ends it.\n\
         Give a program YC_API_ENDPOINT, YC_FOLDER_ID and one credential; without one it takes the metadata service.\n\
         Exported variables outlive the emulator: unset them, or close the shell, when it is over.",
        emulator.api_url(),
        emulator.metadata_addr()
    );
    Ok(())
}

/// A word for any POSIX shell.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_one_word() {
        for (value, word) in [
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("~/ca.pem", "'~/ca.pem'"),
        ] {
            assert_eq!(quoted(value), word);
        }
    }
}
