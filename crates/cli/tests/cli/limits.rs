//! The command where the operating system gives it little: few descriptors, no certificates, no status of programs.

use crate::run::{CLOSED_PORT, FAKES, Folder, Run, at, missing, side_by_side, yc_auth};

/// Runs the binary from a shell that has prepared the process with `preparation`.
fn prepared(preparation: &str, words: &[&str]) -> Run {
    let mut run = yc_auth(words);
    let program = run.command.get_program().to_owned();
    // The sh of some systems cannot ignore SIGCHLD.
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &format!("{preparation}; exec \"$0\" \"$@\"")]).arg(program).args(words);
    shell.env_clear().env("YC_METADATA_ADDR", CLOSED_PORT);
    shell.stdin(std::process::Stdio::null());
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    run.command = shell;
    run
}

#[test]
fn without_descriptors_each_command_fails_with_the_reason_of_the_system() {
    let folder = Folder::new();
    let token = at(&folder.file("token", "t1.fake.fake"));
    // Two seconds: the command would try again while it has time.
    let metadata = ["token", "--method", "metadata", "--timeout", "2"];
    let oauth = ["token", "--auth", "y0_FAKE-token", "--endpoint", "localhost:1", "--timeout", "2"];
    let yc = ["token", "--method", "yandex-cloud-cli", "--timeout", "2"];
    // The loader of the binary itself needs one more than standard input, output and error.
    let auth = ["token", "--auth", &token];
    let commands = [&metadata[..], &oauth, &yc, &auth, &["doctor", "--timeout", "2"]];
    let limits = [4, 5, 6, 7, 8, 9, 11, 13, 15];
    side_by_side(
        limits.into_iter().flat_map(|limit| commands.map(|words| (limit, words))),
        |(limit, words)| {
            let run = prepared(&format!("ulimit -n {limit}"), words);
            let outcome = run.env("PATH", FAKES).env("FAKE_YC", "token").hides("FAKE-token").done();
            let all = format!("{} {}", outcome.stdout, outcome.stderr);
            assert!(matches!(outcome.status, 0 | 5), "{limit} {words:?} {outcome:?}");
            let is_scarce = limit <= 6 && !words.contains(&&*token);
            assert!(
                !is_scarce || all.contains("Too many open files (os error 24)"),
                "{limit} {words:?} {outcome:?}"
            );
        },
    );
    for words in [&["demo"][..], &["emulator", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"]]
    {
        let outcome = prepared("ulimit -n 6", words).done();
        assert_eq!(outcome.status, 1, "{outcome:?}");
        assert!(outcome.stderr.contains("Too many open files (os error 24)"), "{outcome:?}");
    }
}

#[test]
fn an_unusable_certificate_file_is_4_with_its_name_and_the_reason() {
    let nowhere = missing("ca.pem");
    for (path, reason) in [
        (&*nowhere, &*format!("{nowhere}: entity not found")),
        ("/dev/null", "/dev/null: there is no certificate in the file"),
        ("/dev/zero", "/dev/zero: file too large"),
    ] {
        let run = yc_auth(["token", "--auth", "y0_FAKE-token", "--endpoint", "localhost:1"]);
        let outcome = run.env("SSL_CERT_FILE", path).hides("FAKE-token").done();
        let printed = outcome.fails(4);
        assert!(printed.contains(&format!("there is no CA certificate to trust: {reason}")), "{printed}");
        assert!(printed.contains("help: install the package `ca-certificates`"), "{printed}");
    }
    // The file is not read to its end: that would take more memory than there is.
    let run = prepared(
        "ulimit -v 1000000",
        &["token", "--auth", "y0_FAKE-token", "--endpoint", "localhost:1", "--timeout", "20"],
    );
    let outcome = run.env("SSL_CERT_FILE", "/dev/zero").hides("FAKE-token").done();
    assert!(outcome.fails(4).contains("/dev/zero: file too large"), "{outcome:?}");
    // An empty variable is an unset one: the next step fails.
    let run = yc_auth(["token", "--auth", "y0_FAKE-token", "--endpoint", "localhost:1", "--timeout", "2"]);
    let outcome = run.env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", "").hides("FAKE-token").done();
    assert!(outcome.fails(5).contains("connection refused"), "{outcome:?}");
}

#[test]
fn where_sigchld_is_ignored_the_output_of_yc_counts() {
    for (behaviour, status, expected) in [
        ("token", 0, "t1.FAKE-yc.token\n"),
        ("notice", 0, "t1.FAKE-yc.token\n"),
        ("nothing", 5, "the output is empty"),
        ("fails", 5, "unknown exit status: ERROR: iam token create failed"),
        ("refused", 6, "OAuth token is invalid or expired"),
    ] {
        let run = prepared("trap '' CHLD", &["token", "--method", "yandex-cloud-cli"]);
        let outcome = run.env("PATH", FAKES).env("FAKE_YC", behaviour).done();
        assert_eq!(outcome.status, status, "{behaviour}: {outcome:?}");
        let printed = if status == 0 { &outcome.stdout } else { &outcome.stderr };
        assert!(printed.contains(expected), "{behaviour}: {outcome:?}");
    }
}
