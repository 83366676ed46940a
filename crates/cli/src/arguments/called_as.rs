//! The names of other programs under which tools run this command, by a link.

use std::ffi::OsString;
use std::path::Path;

/// The name, and the subcommand that it stands for. After `--` all arguments are the tool's.
const NAMES: [(&str, &[&str]); 2] =
    [("docker-credential-yc-auth", &["credential", "docker"]), ("keyring", &["credential", "keyring", "--"])];

/// The command line under the command's own name.
pub(super) fn own_name(arguments: Vec<OsString>) -> Vec<OsString> {
    let called_as = arguments.first().and_then(|name| Path::new(name).file_stem());
    let Some((_, words)) = NAMES.iter().find(|(name, _)| called_as.is_some_and(|called| called == *name))
    else {
        return arguments;
    };
    let own = ["yc-auth"].iter().chain(*words).map(OsString::from);
    own.chain(arguments.into_iter().skip(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stands_for_its_subcommand() {
        let own = |words: &[&str]| own_name(words.iter().map(OsString::from).collect());
        assert_eq!(
            own(&["/bin/docker-credential-yc-auth", "get"]),
            ["yc-auth", "credential", "docker", "get"]
        );
        assert_eq!(
            own(&["keyring", "--mode=creds", "get", "u"]),
            ["yc-auth", "credential", "keyring", "--", "--mode=creds", "get", "u"]
        );
        assert_eq!(own(&["keyring.exe"]), ["yc-auth", "credential", "keyring", "--"]);
        assert_eq!(own(&["docker-credential-yc", "get"]), ["docker-credential-yc", "get"]);
        assert!(own(&[]).is_empty());
    }
}
