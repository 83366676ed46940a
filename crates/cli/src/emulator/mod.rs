//! `yc-auth emulator`: the emulator in the foreground, until Ctrl-C or until a command has ended.
//!
//! Without a command, standard output has the variables to export, ready for a shell, and standard error the remarks
//! for a person. With a command, the command has the variables, and both outputs are its own.

mod file;
mod variables;

use std::io::{self, Write, stderr};
use std::path::Path;
use std::process::Command;

use yandex_cloud_auth::sdk_internals::new_runtime;
use yandex_cloud_auth::{Error, ErrorKind};
use yandex_cloud_emulator::Emulator;

use self::variables::Variables;
use crate::arguments::{ADDRESS_VARIABLES, CREDENTIAL_VARIABLES, EmulatorOptions};
use crate::atomic_file::Readers;
use crate::failure::Failure;
use crate::program::{self, Program};
use crate::signals::Signals;

/// Runs the emulator until a signal ends it, or until the command has ended.
pub(crate) fn run(options: &EmulatorOptions, out: &mut dyn Write) -> Result<(), Failure> {
    for address in [options.listen, options.metadata_listen] {
        if !address.ip().is_loopback() && !options.allow_non_loopback {
            return Err(Failure::Other(format!(
                "emulator: cannot listen: {address} is not a loopback address, and every host that reaches the emulator \
                 gets its tokens (`--allow-non-loopback` permits it)"
            )));
        }
    }
    check_files(options)?;
    let runtime = new_runtime().map_err(|error| failed("cannot start", &error))?;
    let mut builder = Emulator::builder()
        .listen(options.listen)
        .metadata_listen(options.metadata_listen)
        .tls(options.tls)
        .allow_non_loopback(options.allow_non_loopback);
    for name in &options.host_name {
        builder = builder.host_name(name);
    }
    if let Some(lifetime) = options.token_lifetime {
        builder = builder.token_lifetime(lifetime);
    }
    runtime.block_on(async {
        // Before anything is written: a program that has read the variables may send a signal at once.
        let mut signals = Signals::listen();
        let emulator = builder.start().await.map_err(|error| failed("cannot start", &error))?;
        let variables = write_files(&emulator, options)?;
        if let Some(program) = Program::of("emulator", &options.command) {
            return program.run(|command| set_environment(command, &variables), signals).await;
        }
        out.write_all(variables.exports().as_bytes())?;
        out.flush()?;
        let _ = writeln!(
            stderr().lock(),
            "\nThe emulator listens on {} (API) and {} (metadata). Ctrl-C ends it.\n\
             A program needs YC_API_ENDPOINT, YC_FOLDER_ID and one credential; without a credential it uses the\n\
             metadata service.\n\
             Exported variables outlive the emulator: unset them or close the shell afterwards.",
            emulator.api_url(),
            emulator.metadata_url()
        );
        signals.next().await;
        Ok(())
    })
}

/// Gives a command the variables of the emulator, and takes out what would lead past the emulator.
fn set_environment(command: &mut Command, variables: &Variables) {
    // They would choose other credentials than the emulator's, or contradict them.
    for (name, _) in CREDENTIAL_VARIABLES.into_iter().chain(ADDRESS_VARIABLES) {
        command.env_remove(name);
    }
    program::add_to_no_proxy(command, &variables.hosts());
    command.envs(variables.pairs());
}

/// Refuses a place where no file can be, before anything starts or is written.
fn check_files(options: &EmulatorOptions) -> Result<(), Failure> {
    let files = [
        ("--ca-file", &options.ca_file),
        ("--key-file", &options.key_file),
        ("--env-file", &options.env_file),
    ];
    for (at, (option, path)) in files.iter().enumerate() {
        let Some(path) = path else { continue };
        let earlier = files[..at]
            .iter()
            .find(|(_, other)| other.as_ref().is_some_and(|other| file::is_same_place(other, path)));
        if let Some((other, _)) = earlier {
            let reason = format!("{} is the file of `{other}` too", path.display());
            return Err(Error::new(ErrorKind::Invalid, reason)
                .at(*option)
                .with_help("give each of the two a file of its own")
                .into());
        }
        if let Err(what) = file::check_place(path) {
            let reason = format!("{} is {what}, not a regular file", path.display());
            return Err(Error::new(ErrorKind::Invalid, reason)
                .at(*option)
                .with_help("give the name of a new file, or of a file that an emulator wrote earlier")
                .into());
        }
    }
    Ok(())
}

/// Writes the files of the options, and returns the variables. The file of the variables is the last one: when it
/// exists, everything is ready.
fn write_files(emulator: &Emulator, options: &EmulatorOptions) -> Result<Variables, Failure> {
    let write = |path: &Path, content: &str, readers, is_own| {
        let shown = path.display();
        let written = file::write(path, content, readers, is_own);
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::from(
                Error::new(ErrorKind::Invalid, error.to_string())
                    .at(shown.to_string())
                    .with_help("move the file, or choose another name"),
            ),
            _ => failed(&format!("cannot write {shown}"), &error),
        })
    };
    let mut variables = Variables::of(emulator).map_err(|error| failed("cannot make tokens", &error))?;
    if let (Some(path), Some(pem)) = (&options.ca_file, emulator.ca_pem()) {
        write(path, pem, Readers::All, is_certificate)?;
        variables.add_authority(path).map_err(Failure::Other)?;
    }
    if let Some(path) = &options.key_file {
        let key = emulator.service_account_key().map_err(|error| failed("cannot make a key", &error))?;
        write(path, &key, Readers::Owner, is_fake_key)?;
        variables.add_key(path, emulator.service_account_id()).map_err(Failure::Other)?;
    }
    if let Some(path) = &options.env_file {
        write(path, &variables.env_file().map_err(Failure::Other)?, Readers::Owner, Variables::are_in)?;
    }
    Ok(variables)
}

/// Whether a text is one certificate, as an emulator writes it.
fn is_certificate(text: &str) -> bool {
    text.starts_with("-----BEGIN CERTIFICATE-----") && text.matches("-----BEGIN").count() == 1
}

/// Whether a text is a key of an emulator: the ids of such keys say so.
fn is_fake_key(text: &str) -> bool {
    let key: Result<serde_json::Value, _> = serde_json::from_str(text);
    key.is_ok_and(|key| key["id"].as_str().is_some_and(|id| id.starts_with("ajefakekey")))
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::Other(format!("emulator: {what}: {error}"))
}
