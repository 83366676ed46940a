//! Help, version, completions and man page: all are made from the same definitions.

use std::process::{Command, Stdio};

use crate::run::yc_auth;

const COMMANDS: [&str; 15] = [
    "token",
    "header",
    "doctor",
    "whoami",
    "exec",
    "env",
    "revoke",
    "credential",
    "headers",
    "setup",
    "demo",
    "emulator",
    "completions",
    "man",
    "help",
];

#[test]
fn the_completions_of_every_shell_have_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = yc_auth(["completions", shell]).done();
        for command in COMMANDS {
            assert!(outcome.output().contains(command), "{shell}: {command}");
        }
        // The generators of the other shells do not include the values of an option.
        let includes_values = matches!(shell, "bash" | "zsh" | "fish");
        assert!(!includes_values || outcome.output().contains("yandex-cloud-cli"), "{shell}");
    }
    let script = yc_auth(["completions", "bash"]).done();
    let checked = Command::new("bash").args(["-n", "-c", script.output()]).stdin(Stdio::null()).status();
    assert!(checked.is_err() || checked.is_ok_and(|status| status.success()));
}

#[test]
fn the_man_page_has_commands_statuses_and_variables() {
    let outcome = yc_auth(["man"]).done();
    let page = outcome.output();
    assert!(page.contains(".TH yc-auth 1"), "{}", &page[..200]);
    for command in COMMANDS {
        assert!(page.contains(&format!("yc\\-auth {command}")), "{command}");
    }
    for words in [".SH \"EXIT STATUS\"", ".SH ENVIRONMENT", "YC_IAM_TOKEN", "ps"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn help_warns_about_secrets_on_the_command_line() {
    for words in [&["--help"][..], &["token", "--help"], &["header", "-h"], &["doctor", "--help"]] {
        let outcome = yc_auth(words).done();
        assert!(outcome.output().contains("process list (`ps`)"), "{words:?}");
    }
    let outcome = yc_auth(["--help"]).done();
    for words in ["Exit status", "Environment", "Examples"] {
        assert!(outcome.output().contains(words), "{words}");
    }
    let outcome = yc_auth(["emulator", "--help"]).done();
    let unwrapped: Vec<_> = outcome.output().split_whitespace().collect();
    assert!(unwrapped.join(" ").contains("Exported variables outlive the emulator"));
}

#[test]
fn the_subcommand_help_prints_what_the_flag_prints() {
    for (words, flag) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "doctor"], &["doctor", "--help"]),
        (&["help", "emulator"], &["emulator", "--help"]),
    ] {
        assert_eq!(yc_auth(words).done().output(), yc_auth(flag).done().output(), "{words:?}");
    }
    let outcome = yc_auth(["help", "AQVN-FAKE-key-in-the-wrong-place"]).hides("FAKE-key").done();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""), "{outcome:?}");
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(yc_auth(["--version"]).done().output(), concat!("yc-auth ", env!("CARGO_PKG_VERSION"), "\n"));
}
