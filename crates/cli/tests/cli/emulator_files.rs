//! The files of `emulator`: the certificate authority, the key, and the variables.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::emulator::Running;
use crate::run::{Folder, Run, yc_auth};

/// The variables with the file of the certificate authority, in the order in which they are printed.
const AUTHORITY: [&str; 5] = [
    "SSL_CERT_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// `emulator` with these options, each followed by a file.
fn emulator(options: &[(&str, &Path)]) -> Run {
    let mut run = yc_auth(["emulator"]);
    for (option, path) in options {
        run.command.arg(option).arg(path);
    }
    run
}

/// `emulator` with TLS.
fn with_tls(ca_file: &Path) -> Run {
    let mut run = emulator(&[("--ca-file", ca_file)]);
    run.command.arg("--tls");
    run
}

#[test]
fn tls_writes_the_authority_to_the_given_file() {
    let folder = Folder::new();
    let file = folder.path.join("it's ca.pem");
    let running = Running::start(with_tls(&file), "CURL_CA_BUNDLE");
    let run = running.yc_auth(&["token"], &["YC_OAUTH_TOKEN", "YC_API_ENDPOINT"]);
    run.env("SSL_CERT_FILE", &file).done().output();
    running.end(Signal::TERM);
}

#[test]
fn tls_prints_the_variable_of_each_client() {
    let folder = Folder::new();
    let file = folder.path.join("ca.pem");
    let running = Running::start(with_tls(&file), "CURL_CA_BUNDLE");
    for name in AUTHORITY {
        assert_eq!(running.variables[name], file.display().to_string(), "{name}");
    }
    for name in ["YC_OAUTH_ENDPOINT", "OPENAI_BASE_URL"] {
        assert!(running.variables[name].starts_with("https://127.0.0.1:"), "{name}");
    }
    running.end(Signal::TERM);
}

#[test]
fn an_authority_that_cannot_be_written_is_an_error() {
    let outcome = yc_auth(["emulator", "--tls", "--ca-file", "/nonexistent/ca.pem"]).done();
    assert!(outcome.fails(1).contains("/nonexistent/ca.pem"), "{outcome:?}");
    assert_eq!(yc_auth(["emulator", "--tls"]).done().status, 2);
}

#[test]
fn it_writes_a_key_that_only_its_owner_can_read() {
    let folder = Folder::new();
    // The file of an earlier run, which others could read.
    let path = folder.file("key.json", r#"{"id":"ajefakekey0123456789"}"#);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let running = Running::start(emulator(&[("--key-file", &path)]), "YC_SERVICE_ACCOUNT_KEY_FILE");
    assert_eq!(running.variables["YC_SERVICE_ACCOUNT_KEY_FILE"], path.display().to_string());
    assert_eq!(mode(&path), 0o600);
    let token = running.yc_auth(&["token"], &["YC_SERVICE_ACCOUNT_KEY_FILE", "YC_API_ENDPOINT"]).done();
    assert!(token.output().starts_with("t1."), "{token:?}");
    running.end(Signal::TERM);
}

/// docker takes the text after `=` as it is; systemd and a shell would change quotes, blanks and other signs.
fn read_as_docker_does(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    let pairs = pairs.inspect(|(name, value)| {
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{name}");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
        assert!(!value.is_empty() && value.bytes().all(is_plain), "{name}={value}");
    });
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a shell has after `set -a; . FILE`.
fn read_as_a_shell_does(file: &Path) -> BTreeMap<String, String> {
    let mut shell = Command::new("/bin/sh");
    shell.args([
        "-e",
        "-c",
        "set -a; . \"$1\"; set +a; exec /usr/bin/env -u PWD -u OLDPWD -u SHLVL -u _",
        "sh",
    ]);
    let output = shell.arg(file).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[test]
fn the_file_of_the_variables_is_read_alike_by_docker_and_shells() {
    let folder = Folder::new();
    let [ca, key, env] = ["ca.pem", "key.json", "emulator.env"].map(|name| folder.path.join(name));
    let mut run = emulator(&[("--ca-file", &ca), ("--key-file", &key), ("--env-file", &env)]);
    run.command.arg("--tls");
    let running = Running::start(run, "YC_SERVICE_ACCOUNT_KEY_FILE");

    let text = fs::read_to_string(&env).unwrap();
    assert_eq!(read_as_docker_does(&text), running.variables);
    assert_eq!(read_as_a_shell_does(&env), running.variables);
    assert_eq!(mode(&env), 0o600);
    running.end(Signal::TERM);
}

/// A file of an earlier emulator.
const OLD: &str =
    "# Written by `yc-auth emulator --env-file`: the next emulator replaces this file.\nOLD=1\n";

/// It may be the only copy of a real key: IAM gives a private key once.
#[test]
fn a_file_that_no_emulator_wrote_is_not_replaced() {
    let folder = Folder::new();
    let real = r#"{"id":"ajerealrealrealreal0","service_account_id":"aje","private_key":"fake"}"#;
    let bundle = "-----BEGIN CERTIFICATE-----\nfake\n-----END CERTIFICATE-----\n".repeat(2);
    for (option, content) in
        [("--key-file", real), ("--env-file", "SECRET=1\n"), ("--ca-file", bundle.as_str())]
    {
        let file = folder.file("precious", content);
        let mut run = emulator(&[(option, &file)]);
        if option == "--ca-file" {
            run.command.arg("--tls");
        }
        run.command.args(["--", "/bin/true"]);
        let outcome = run.done();
        assert!(outcome.fails(4).contains("an emulator did not write"), "{option}: {outcome:?}");
        assert!(outcome.stderr.contains("\nhelp: move the file, or choose another name\n"), "{outcome:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content, "{option}");
    }
    // Nor is one file two things, and an emulator replaces what another one wrote.
    let same = folder.path.join("same");
    let run = || yc_auth(["emulator"]);
    let mut twice = run();
    let other = folder.path.join("./same");
    twice.command.arg("--key-file").arg(&same).arg("--env-file").arg(&other).args(["--", "/bin/true"]);
    assert!(twice.done().fails(4).contains("is the file of `--key-file` too"));
    assert!(!same.exists(), "nothing is written");
    for _ in 0..2 {
        let mut again = run();
        again.command.arg("--key-file").arg(&same).args(["--", "/bin/true"]);
        assert_eq!(again.done().status, 0);
    }
}

#[test]
fn the_file_of_the_variables_is_replaced_as_a_whole() {
    let folder = Folder::new();
    let file = folder.file("emulator.env", OLD);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path.join("link.env");
    symlink(&file, &link).unwrap();
    let mut old = File::open(&file).unwrap();

    let running = Running::start(emulator(&[("--env-file", &link)]), "OPENAI_PROJECT_ID");
    assert_eq!(read_as_docker_does(&fs::read_to_string(&file).unwrap()), running.variables);
    assert_eq!(mode(&file), 0o600);
    assert!(link.is_symlink());
    let mut content = String::new();
    old.read_to_string(&mut content).unwrap();
    assert_eq!(content, OLD, "a reader of the old file has the old file");
    let mut names: Vec<_> =
        fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["emulator.env", "link.env"], "no other file is left");
    running.end(Signal::TERM);
}

/// A pipe without a reader would hold the command for ever.
#[test]
fn what_is_no_regular_file_is_refused_before_anything_is_written() {
    let folder = Folder::new();
    let pipe = folder.pipe("pipe");
    let sub_folder = folder.path.join("folder");
    fs::create_dir(&sub_folder).unwrap();
    let key = folder.path.join("key.json");
    for option in ["--ca-file", "--key-file", "--env-file"] {
        for (path, what) in [
            (pipe.as_path(), "a pipe (FIFO)"),
            (Path::new("/dev/null"), "a device"),
            (sub_folder.as_path(), "a folder"),
        ] {
            let mut files = vec![(option, path)];
            if option != "--key-file" {
                files.push(("--key-file", key.as_path()));
            }
            let mut run = Command::new("timeout");
            run.args(["-k1", "10", env!("CARGO_BIN_EXE_yc-auth"), "emulator"]).env_clear();
            run.env("PATH", "/usr/bin:/bin");
            for (option, path) in files {
                run.arg(option).arg(path);
            }
            if option == "--ca-file" {
                run.arg("--tls");
            }
            let output = run.args(["--", "/bin/sh", "-c", "exit 9"]).output().unwrap();
            let printed = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(4), "{option} {what}: {printed}");
            let error = format!("error: {option}: {} is {what}, not a regular file\n", path.display());
            assert!(printed.starts_with(&error), "{printed}");
            assert!(!key.exists(), "{option} {what}");
        }
    }
}

#[test]
fn a_link_without_a_file_stays_a_link_and_gets_its_file() {
    let folder = Folder::new();
    fs::create_dir(folder.path.join("deep")).unwrap();
    let (link, second) = (folder.path.join("link.env"), folder.path.join("deep/second"));
    symlink("deep/second", &link).unwrap();
    symlink("../emulator.env", &second).unwrap();
    let mut run = emulator(&[("--env-file", &link)]);
    run.command.args(["--", "/bin/true"]);
    assert_eq!(run.done().status, 0);
    assert!(link.is_symlink() && second.is_symlink());
    let file = folder.path.join("emulator.env");
    assert!(file.is_file() && !file.is_symlink());
    // Links in a circle.
    let circle = folder.path.join("circle");
    symlink("circle", &circle).unwrap();
    let mut run = emulator(&[("--env-file", &circle)]);
    run.command.args(["--", "/bin/true"]);
    assert!(run.done().fails(1).contains("too many links"));
    assert!(circle.is_symlink());
}

#[test]
fn a_value_that_needs_quotes_is_refused() {
    let folder = Folder::new();
    let file = folder.path.join("emulator.env");
    let mut run = with_tls(&folder.path.join("it's ca.pem"));
    run.command.arg("--env-file").arg(&file).args(["--", "/bin/sh", "-c", "exit 9"]);
    let outcome = run.done();
    let printed = outcome.fails(1);
    assert!(printed.contains("--env-file: SSL_CERT_FILE") && printed.contains("it's ca.pem"), "{printed}");
    assert!(!file.exists());
}
