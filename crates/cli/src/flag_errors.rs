//! The library's errors in the terms of the command line: a flag instead of a name of the library.

use std::path::Path;

use yandex_cloud_auth::{Error, ErrorKind, Method};

use crate::arguments::AuthOptions;
use crate::input::Value;
use crate::quoting;

/// What the library's help says to programs, and what it says to a person at a shell. `{endpoint}` is the place where
/// the endpoint was given.
const PHRASES: [(&str, &str); 12] = [
    (
        "set YC_API_KEY (or YC_SERVICE_ACCOUNT_KEY_FILE, YC_IAM_TOKEN,",
        "give `--key-file FILE`, set YC_API_KEY (or YC_IAM_TOKEN, YC_SERVICE_ACCOUNT_KEY_FILE,",
    ),
    ("YC_API_ENDPOINT, or the endpoint in code", "{endpoint}"),
    (
        "(YC_API_ENDPOINT, YC_OAUTH_ENDPOINT, `Endpoints` in code, `--endpoint` of yc-auth)",
        "({endpoint}, YC_OAUTH_ENDPOINT)",
    ),
    ("; for plain HTTP to another host, the program must allow it in code", ""),
    (
        "check the endpoint; if this address is right, give the address of",
        "check {endpoint}: it decides the address of",
    ),
    (", or `Endpoints::oauth` in code", ""),
    ("name a profile in code or in YC_PROFILE", "name a profile with `--profile` or in YC_PROFILE"),
    (", or give the path of the file in code", ""),
    (" (or the address in code)", ""),
    ("; in code, give the content of the file, or the path to the constructor of its kind", ""),
    (" (in code: `Endpoints::oauth`)", ""),
    (", or add the authority in code", ""),
];

/// The error about the value of `--auth`, with the command that helps.
pub(crate) fn about_value(error: Error, value: &Value) -> Error {
    let is_stdin = value.location == "standard input";
    match error.reason() {
        "the value is the path of a file, not a key or a token" if value.location == "--auth" => {
            let path = value.text.trim();
            // Only what is certainly a path is shown.
            let shown = if Path::new(path).is_file() { quoting::sh(&format!("@{path}")) } else { "@FILE".to_owned() };
            error.with_help(format!("did you mean `--auth {shown}`? Then the command reads the file"))
        }
        "the value is empty" if is_stdin => error.with_help(
            "write the key or token to standard input, as in `pass show cloud | yc-auth token --auth -`",
        ),
        "the value is empty" => error.with_help(
            "put the key or token into the file; a file can be half written: write to another file and rename it into place",
        ),
        _ => error,
    }
}

/// The same error, for a person who gave these flags. A second call changes nothing.
pub(crate) fn in_flags(error: Error, options: &AuthOptions) -> Error {
    let error = match error.location() {
        Some("endpoint") => error.at("--endpoint"),
        Some("service account id") => error.at("--impersonate"),
        Some("key file") if options.key_file.is_some() => error.at("--key-file"),
        Some(file)
            if options.profile.is_some()
                && !file.starts_with("--")
                && error.reason().contains("has no profile") =>
        {
            let location = format!("--profile: {file}");
            error.at(location)
        }
        None if error.kind() == ErrorKind::Invalid && error.method() == Some(Method::Impersonation) => {
            error.at("--impersonate")
        }
        _ => error,
    };
    let Some(help) = error.help() else { return error };
    let endpoint =
        if options.endpoint.is_some() { "`--endpoint`" } else { "YC_API_ENDPOINT or `--endpoint`" };
    let mut in_flags = help.to_owned();
    for (library, command) in PHRASES {
        in_flags = in_flags.replace(library, &command.replace("{endpoint}", endpoint));
    }
    if in_flags == help { error } else { error.with_help(in_flags) }
}

#[cfg(test)]
mod tests {
    use super::PHRASES;

    #[test]
    fn a_second_replacement_finds_nothing() {
        for (library, command) in PHRASES {
            for (other, _) in PHRASES {
                assert!(!command.contains(other), "{library}: {other}");
            }
        }
    }
}
