//! `emulator`: the printed variables point a program at it, and a signal ends it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{Folder, Run, yc_auth};

/// A running emulator, and the variables that it printed.
struct Running {
    child: Child,
    variables: BTreeMap<String, String>,
}

impl Running {
    fn start(mut run: Run, last: &str) -> Self {
        let mut child = run.command.spawn().unwrap();
        let mut variables = BTreeMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                variables.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            } else {
                assert!(line.starts_with("# "), "{line}");
            }
            if variables.contains_key(last) {
                break;
            }
        }
        Self { child, variables }
    }

    fn yc_auth(&self, words: &[&str], names: &[&str]) -> Run {
        names.iter().fold(yc_auth(words), |run, name| run.env(name, &self.variables[*name]))
    }

    /// Ends it, and returns its standard error.
    fn end(self, signal: Signal) -> String {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_printed_variables_work_and_a_signal_ends_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let running = Running::start(yc_auth(["emulator"]), "YC_OAUTH_TOKEN");
        let names: Vec<_> = running.variables.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "YC_API_ENDPOINT",
                "YC_API_KEY",
                "YC_FOLDER_ID",
                "YC_IAM_TOKEN",
                "YC_METADATA_ADDR",
                "YC_OAUTH_TOKEN"
            ]
        );
        running.yc_auth(&["token"], &["YC_METADATA_ADDR"]).done().output();
        running.yc_auth(&["token"], &["YC_OAUTH_TOKEN", "YC_API_ENDPOINT"]).done().output();
        let printed = running.end(signal);
        assert!(printed.contains("outlive the emulator"), "{printed}");
    }
}

#[test]
fn tls_writes_the_authority_to_the_given_file() {
    let folder = Folder::new();
    let file = folder.path.join("it's ca.pem");
    let run = yc_auth(
        ["emulator", "--tls", "--ca-file"].map(std::ffi::OsStr::new).into_iter().chain([file.as_os_str()]),
    );
    let running = Running::start(run, "SSL_CERT_FILE");
    let run = running.yc_auth(&["token"], &["YC_OAUTH_TOKEN", "YC_API_ENDPOINT"]);
    run.env("SSL_CERT_FILE", &file).done().output();
    running.end(Signal::TERM);
}

#[test]
fn tokens_have_the_given_lifetime() {
    let running = Running::start(yc_auth(["emulator", "--token-lifetime", "300"]), "YC_OAUTH_TOKEN");
    let outcome = running.yc_auth(&["doctor"], &["YC_METADATA_ADDR"]).done();
    assert!(outcome.output().contains("(4 min 5"), "{outcome:?}");
    running.end(Signal::TERM);
}

#[test]
fn it_refuses_an_address_outside_loopback() {
    for flag in ["--listen", "--metadata-listen"] {
        let outcome = yc_auth(["emulator", flag, "0.0.0.0:0"]).done();
        let printed = outcome.fails(1);
        assert!(printed.contains("emulator: cannot listen: 0.0.0.0:0"), "{printed}");
        assert!(printed.contains("`--allow-non-loopback`"), "{printed}");
    }
}

#[test]
fn an_authority_that_cannot_be_written_is_an_error() {
    let outcome = yc_auth(["emulator", "--tls", "--ca-file", "/nonexistent/ca.pem"]).done();
    assert!(outcome.fails(1).contains("/nonexistent/ca.pem"), "{outcome:?}");
    assert_eq!(yc_auth(["emulator", "--tls"]).done().status, 2);
}

#[test]
fn it_writes_a_key_that_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.path.join("key.json");
    let mut run = yc_auth(["emulator", "--key-file"]);
    run.command.arg(&path);
    let running = Running::start(run, "YC_SERVICE_ACCOUNT_KEY_FILE");
    assert_eq!(running.variables["YC_SERVICE_ACCOUNT_KEY_FILE"], path.display().to_string());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = running.yc_auth(&["token"], &["YC_SERVICE_ACCOUNT_KEY_FILE", "YC_API_ENDPOINT"]).done();
    assert!(token.output().starts_with("t1."), "{token:?}");
    running.end(Signal::TERM);
}
