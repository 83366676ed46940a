//! `emulator`: the printed variables point a program at it, and a signal ends it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{Run, yc_auth};

/// A running emulator, and the variables that it printed.
pub(crate) struct Running {
    child: Child,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Running {
    /// Starts it, and waits for a variable: one of the last that it prints.
    pub(crate) fn start(mut run: Run, last: &str) -> Self {
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

    pub(crate) fn yc_auth(&self, words: &[&str], names: &[&str]) -> Run {
        names.iter().fold(yc_auth(words), |run, name| run.env(name, &self.variables[*name]))
    }

    /// Ends it, and returns its standard error.
    pub(crate) fn end(self, signal: Signal) -> String {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn the_printed_variables_work_and_a_signal_ends_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let running = Running::start(yc_auth(["emulator"]), "OPENAI_PROJECT_ID");
        let names: Vec<_> = running.variables.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "OPENAI_API_KEY",
                "OPENAI_BASE_URL",
                "OPENAI_PROJECT_ID",
                "YC_API_ENDPOINT",
                "YC_API_KEY",
                "YC_FOLDER_ID",
                "YC_IAM_TOKEN",
                "YC_METADATA_ADDR",
                "YC_OAUTH_ENDPOINT",
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
fn a_set_up_of_workload_identity_stays_at_the_emulator() {
    let running = Running::start(yc_auth(["emulator"]), "OPENAI_PROJECT_ID");
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{}.ZmFrZQ", "eyJpc3MiOiJodHRwczovL2Zha2UifQ");
    let run = running.yc_auth(&["token"], &["YC_OAUTH_ENDPOINT"]);
    let run = run.env("YC_SERVICE_ACCOUNT_ID", "ajefake").secret("YC_OIDC_TOKEN", &token);
    let printed = run.done().fails(6).to_owned();
    let url = format!("{}/oauth/token", running.variables["YC_OAUTH_ENDPOINT"]);
    assert!(printed.contains(&url), "{printed}");
    running.end(Signal::TERM);
}

/// The status line and the body of a request with this `Host`, which need not be the address.
fn get(address: &str, path: &str, host: &str) -> (String, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn it_accepts_the_given_host_names() {
    let (first, second) = ("api.cloud.yandex.net", "llm.api.cloud.yandex.net");
    let run = yc_auth(["emulator", "--host-name", first, second, "--token-lifetime", "300"]);
    let running = Running::start(run, "OPENAI_PROJECT_ID");
    let url = &running.variables["YC_API_ENDPOINT"];
    let address = url.strip_prefix("http://127.0.0.1:").map(|port| format!("127.0.0.1:{port}")).unwrap();
    for name in [first, second] {
        let (status, body) = get(&address, "/endpoints/iam", &format!("{name}:443"));
        assert!(status.contains(" 200 "), "{name}: {status}");
        assert!(body.contains(&format!("\"{name}:443\"")), "{body}");
    }
    let (status, _) = get(&address, "/endpoints/iam", "iam.api.cloud.yandex.net:443");
    assert!(status.contains(" 403 "), "{status}");
    running.end(Signal::TERM);

    let outcome = yc_auth(["emulator", "--host-name", "*.api.cloud.yandex.net"]).done();
    assert!(outcome.fails(1).contains("the host name \"*.api.cloud.yandex.net\" is neither"), "{outcome:?}");
}

#[test]
fn outside_loopback_it_prints_addresses_that_others_can_use() {
    let start = |names: &[&str]| {
        let words =
            ["emulator", "--allow-non-loopback", "--listen", "0.0.0.0:0", "--metadata-listen", "0.0.0.0:0"];
        Running::start(yc_auth(words.iter().chain(names)), "OPENAI_PROJECT_ID")
    };
    let running = start(&[]);
    assert!(running.variables.values().all(|value| !value.contains("0.0.0.0")), "{:?}", running.variables);
    let printed = running.end(Signal::TERM);
    assert!(!printed.contains("0.0.0.0"), "{printed}");

    let running = start(&["--host-name", "cloud", "other"]);
    for (name, prefix) in [
        ("YC_API_ENDPOINT", "http://cloud:"),
        ("YC_OAUTH_ENDPOINT", "http://cloud:"),
        ("YC_METADATA_ADDR", "cloud:"),
        ("OPENAI_BASE_URL", "http://cloud:"),
    ] {
        assert!(running.variables[name].starts_with(prefix), "{name}: {:?}", running.variables[name]);
    }
    let printed = running.end(Signal::TERM);
    assert!(printed.contains("http://cloud:"), "{printed}");
}
