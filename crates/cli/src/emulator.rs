//! `yc-auth emulator`: the emulator in the foreground, until Ctrl-C.
//!
//! Standard output has the variables to export, ready for a shell; standard error has the remarks for a person.

use std::io::{self, Write, stderr};
use std::path::{Path, PathBuf};

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_emulator::{Emulator, Variable};

use crate::arguments::EmulatorOptions;
use crate::failure::Failure;
use crate::signals::Signals;

/// Runs the emulator until a signal ends it.
pub(crate) fn run(options: &EmulatorOptions, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |what: &str, error: &io::Error| Failure::Other(format!("emulator: {what}: {error}"));
    for address in [options.listen, options.metadata_listen] {
        if !address.ip().is_loopback() && !options.allow_non_loopback {
            return Err(Failure::Other(format!(
                "emulator: cannot listen: {address} is not a loopback address, and every host that reaches the emulator \
                 gets its tokens (`--allow-non-loopback` permits it)"
            )));
        }
    }
    let runtime = new_runtime().map_err(|error| failed("cannot start", &error))?;
    let mut builder = Emulator::builder()
        .listen(options.listen)
        .metadata_listen(options.metadata_listen)
        .tls(options.tls)
        .allow_non_loopback(options.allow_non_loopback);
    if let Some(lifetime) = options.token_lifetime {
        builder = builder.token_lifetime(lifetime);
    }
    runtime.block_on(async {
        // Before anything is printed: a program that has read the variables may send a signal at once.
        let signals = Signals::listen();
        let emulator = builder.start().await.map_err(|error| failed("cannot listen", &error))?;
        let variables = emulator.env().map_err(|error| failed("cannot make tokens", &error))?;
        if let (Some(path), Some(pem)) = (&options.ca_file, emulator.ca_pem()) {
            let shown = path.display();
            std::fs::write(path, pem).map_err(|error| failed(&format!("cannot write {shown}"), &error))?;
        }
        if let Some(path) = &options.key_file {
            let key = emulator.service_account_key();
            let key = key.map_err(|error| failed("cannot make a key", &error))?;
            let shown = path.display();
            write_private(path, &key).map_err(|error| failed(&format!("cannot write {shown}"), &error))?;
        }
        out.write_all(exports(&emulator, options, &variables).as_bytes())?;
        out.flush()?;
        let _ = writeln!(
            stderr().lock(),
            "\nThe emulator listens on {} (API) and http://{} (metadata). Ctrl-C ends it.\n\
             A program needs YC_API_ENDPOINT, YC_FOLDER_ID and one credential; without a credential it uses the\n\
             metadata service.\n\
             Exported variables outlive the emulator: unset them or close the shell afterwards.",
            emulator.api_url(),
            emulator.metadata_addr()
        );
        signals.first().await;
        Ok(())
    })
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, content: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}

/// The lines that a shell evaluates: each variable with a comment.
fn exports(emulator: &Emulator, options: &EmulatorOptions, variables: &[Variable]) -> String {
    let mut text = String::new();
    let mut export = |comment: &str, name: &str, value: &str| {
        text.push_str(&format!("# {comment}\nexport {name}={}\n", quoted(value)));
    };
    let absolute =
        |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
    for Variable { name, value, comment, .. } in variables {
        export(comment, name, value);
    }
    if let Some(path) = &options.ca_file {
        export("trust only the emulator's certificate authority", "SSL_CERT_FILE", &absolute(path));
    }
    if let Some(path) = &options.key_file {
        let comment = format!("an authorized key of the service account {}", emulator.service_account_id());
        export(&comment, "YC_SERVICE_ACCOUNT_KEY_FILE", &absolute(path));
    }
    text
}

/// The value as one word of any POSIX shell.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_one_shell_word() {
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
