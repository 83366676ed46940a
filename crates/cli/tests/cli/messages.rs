//! Messages that tell the user what happened and what to do: each fact once, and true for the command.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;

use test_support::source_files::source_files;
use yandex_cloud_emulator::Emulator;

use crate::run::{CLOSED_PORT, Folder, side_by_side, yc_auth};

#[test]
fn revoke_says_which_token_is_revoked_and_what_stays_valid() {
    let cloud = Emulator::start_in_thread().unwrap();
    let folder = Folder::new();
    let key = folder.file("key.json", cloud.service_account_key().unwrap()).display().to_string();
    let subject = folder.file("subject", cloud.oidc_token().unwrap());
    let (account, impersonated) = (cloud.service_account_id(), cloud.impersonated_account_id());
    let cases: [(&[&str], &str, &str, &str); 4] = [
        (&["--key-file", &key], "", account, "; the authorized key stays valid: "),
        (&["--auth", "-"], cloud.oauth_token(), "", "; the OAuth token stays valid: "),
        (&["--method", "workload-identity"], "", account, "; the federated credential stays valid: "),
        (
            &["--key-file", &key, "--impersonate", impersonated],
            "",
            impersonated,
            "; the credentials that impersonate stay valid",
        ),
    ];
    for (words, stdin, of, still_valid) in cases {
        let run = yc_auth([&["revoke"], words].concat())
            .env("YC_API_ENDPOINT", cloud.api_url())
            .env("YC_OAUTH_ENDPOINT", cloud.api_url())
            .env("YC_OIDC_TOKEN_FILE", &subject)
            .env("YC_SERVICE_ACCOUNT_ID", account);
        let outcome = run.stdin(stdin).done();
        assert_eq!(outcome.status, 0, "{words:?}: {outcome:?}");
        assert!(outcome.stdout.starts_with(&format!("revoked: a new IAM token of {of}")), "{outcome:?}");
        assert!(outcome.stdout.contains(still_valid), "{outcome:?}");
    }
    let help = yc_auth(["revoke", "--help"]).done();
    let words: Vec<_> = help.output().split_whitespace().collect();
    assert!(
        words.join(" ").contains("the OAuth token, the key and other IAM tokens of the account stay valid")
    );
}

/// A listener that closes each connection, or that never says a word.
fn listener(answers: bool) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut connection in listener.incoming().flatten() {
            if answers {
                let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
            } else {
                open.push(connection);
            }
        }
    });
    address
}

#[test]
fn a_local_service_without_tls_or_without_a_listener_has_its_own_advice() {
    let plaintext = listener(true);
    let run = |endpoint: &str| {
        let run = yc_auth(["token", "--timeout", "2"]).secret("YC_OAUTH_TOKEN", "y0_fake-oauth-token");
        run.env("YC_API_ENDPOINT", endpoint).env("HTTPS_PROXY", "http://proxy.example:3128").done()
    };
    let outcome = run(&plaintext.to_string());
    let advice = format!("such as an emulator, give the endpoint as `http://{plaintext}`");
    assert!(outcome.fails(5).contains(&advice), "{outcome:?}");
    for endpoint in [CLOSED_PORT.to_owned(), format!("http://{CLOSED_PORT}")] {
        let outcome = run(&endpoint);
        let printed = outcome.fails(5);
        assert!(printed.contains("nothing listens at this address: check whether the emulator"), "{printed}");
        assert!(!printed.contains("HTTPS_PROXY"), "{printed}");
    }
}

#[test]
fn a_proxy_that_hangs_is_named_when_the_time_is_up() {
    let proxy = listener(false);
    for words in [&["token", "--timeout", "1"][..], &["doctor", "--timeout", "1"]] {
        let run = yc_auth(words).secret("YC_OAUTH_TOKEN", "y0_fake-oauth-token");
        let run = run.env("HTTPS_PROXY", format!("http://user:hush@{proxy}")).hides("hush");
        let outcome = run.done();
        assert_eq!(outcome.status, 5, "{outcome:?}");
        assert!(outcome.stderr.contains(&format!(" through the proxy http://{proxy}")), "{outcome:?}");
    }
}

#[test]
fn a_value_that_the_method_does_not_take_is_named_and_the_flag_is_to_be_dropped() {
    for (method, value, kind) in [
        ("api-key", "t1.fake.token", "an IAM token"),
        ("api-key", "y0_fake-oauth-token", "an OAuth token"),
        ("iam-token", "AQVNfake-api-key", "an API key"),
        ("oauth-token", "t1.fake.token", "an IAM token"),
        ("service-account-key", "t1.fake.token", "an IAM token"),
    ] {
        let outcome = yc_auth(["token", "--method", method, "--auth", value]).hides(value).done();
        let printed = outcome.fails(4);
        assert!(printed.contains(&format!("--auth: the value is {kind}")), "{printed}");
        assert!(printed.contains("help: leave out `--method`: the command tells by itself"), "{printed}");
    }
}

#[test]
fn an_empty_value_of_auth_and_a_path_in_a_variable_say_what_to_do() {
    for value in ["", " "] {
        let outcome = yc_auth(["token", "--auth", value]).done();
        let expected = "error: --auth: the value is empty\nhelp: give a value, or leave --auth out; \
                        `--auth -` reads standard input\n";
        assert_eq!(outcome.fails(4), expected);
    }
    let outcome = yc_auth(["token"]).env("YC_API_KEY", "key.txt").done();
    let printed = outcome.fails(4);
    assert!(printed.contains("the value is the path of a file"), "{printed}");
    assert!(printed.contains("YC_API_KEY_FILE"), "{printed}");
}

#[test]
fn placeholders_are_named_in_every_place_of_a_secret() {
    for word in [
        "dummy",
        "my-token",
        "replace-me",
        "your-token",
        "your_api_key",
        "YOUR_API_KEY",
        "changeme",
        "ChangeMe",
        "xxx",
        "XXXXXXXX",
        "<key>",
    ] {
        for run in [
            yc_auth(["token", "--auth", word]),
            yc_auth(["token"]).env("YC_API_KEY", word),
            yc_auth(["token"]).env("YC_IAM_TOKEN", word),
            yc_auth(["token"]).env("YC_OAUTH_TOKEN", word),
        ] {
            let outcome = run.done();
            assert!(outcome.fails(4).contains("the value is a placeholder"), "{word}: {outcome:?}");
        }
    }
}

#[test]
fn a_number_and_an_address_say_their_form() {
    for (words, advice) in [
        (&["emulator", "--listen", "8443"][..], "give ADDRESS:PORT, such as 127.0.0.1:8443"),
        (&["emulator", "--metadata-listen", ":80"], "give ADDRESS:PORT, such as 127.0.0.1:80"),
        (&["emulator", "--listen", "localhost:1"], "give ADDRESS:PORT, such as 127.0.0.1:8443"),
        (&["emulator", "--token-lifetime", "inf"], "above 0 and at most 1000000000"),
        (&["token", "--timeout", "inf"], "above 0 and at most 1000000000"),
    ] {
        let outcome = yc_auth(words).done();
        assert!(outcome.fails(2).contains(advice), "{outcome:?}");
    }
}

#[test]
fn a_value_of_no_known_form_is_explained_when_it_cannot_be_revoked() {
    let outcome = yc_auth(["revoke", "--auth", "abcdefgh"]).done();
    let printed = outcome.fails(4);
    assert!(printed.contains("only an IAM token (`t1.…`) can be revoked"), "{printed}");
}

#[test]
fn the_log_of_the_command_has_no_back_off_and_no_remaining_time_without_a_token() {
    let run = yc_auth(["token", "--method", "metadata", "--timeout", "2"]).env("YC_AUTH_LOG", "debug");
    let outcome = run.done();
    let printed = outcome.stderr;
    assert!(printed.contains("an attempt failed") && printed.contains("pause_ms"), "{printed}");
    for word in ["backoff_ms", "again_in", "remaining_seconds"] {
        assert!(!printed.contains(word), "{word}: {printed}");
    }
}

#[test]
fn doctor_says_each_warning_once_and_points_to_the_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let cloud = Emulator::start_in_thread().unwrap();
    let key = folder.file("key.json", cloud.service_account_key().unwrap());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let key_file = ["doctor", "--timeout", "2", "--key-file", &*key.display().to_string()];
    side_by_side([&key_file[..], &["doctor", "--timeout", "2"]], |words| {
        let outcome = yc_auth(words)
            .env("YC_API_ENDPOINT", "api.example.test")
            .env("HTTPS_PROXY", format!("http://{CLOSED_PORT}"))
            .env("YC_SERVICE_ACCOUNT_KEY_FILE", &key)
            .done();
        let page = &outcome.stdout;
        assert_eq!(outcome.status, 5, "{outcome:?}");
        for once in
            ["every user of this machine can read the file", "which is not one of Yandex Cloud's hosts"]
        {
            assert_eq!(page.matches(once).count(), 1, "{once}: {page}");
        }
        assert!(page.contains("Header\n  no header: see the error below\n"), "{page}");
    });
}

#[test]
fn the_help_for_a_missing_file_fits_the_file() {
    let folder = Folder::new();
    for (words, help) in [
        (&["token", "--key-file", "missing.json"][..], "a relative path counts from the current folder"),
        (&["token", "--method", "profile"], "run `yc init`"),
        (&["token", "--method", "token-file"], "the program that writes the file"),
    ] {
        let run = yc_auth(words).env("HOME", &folder.path).env("YC_IAM_TOKEN_FILE", "/missing/token");
        let outcome = run.done();
        assert!(outcome.stderr.contains("the file does not exist"), "{outcome:?}");
        assert!(outcome.stderr.contains(help), "{outcome:?}");
    }
}

#[test]
fn the_advice_about_a_scheme_is_given_once() {
    let outcome = yc_auth(["token", "--auth", "Bearer fake"]).done();
    let printed = outcome.fails(4);
    assert_eq!(printed.matches("give the bare value").count(), 1, "{printed}");
}

#[test]
fn an_unreachable_endpoint_names_every_place_where_it_can_be_set() {
    let run = yc_auth(["token", "--timeout", "2", "--endpoint", &format!("http://{CLOSED_PORT}")]);
    let outcome = run.env("YC_OAUTH_TOKEN", "y0_fake-oauth").done();
    let printed = outcome.fails(5);
    assert!(printed.contains("(`--endpoint`, YC_OAUTH_ENDPOINT)"), "{printed}");
    let run = yc_auth(["token"])
        .env("YC_API_ENDPOINT", format!("http://{CLOSED_PORT}"))
        .env("YC_OAUTH_TOKEN", "y0_fake");
    let outcome = run.done();
    assert!(outcome.fails(5).contains("(YC_API_ENDPOINT or `--endpoint`, YC_OAUTH_ENDPOINT)"), "{outcome:?}");
}

#[test]
fn an_error_of_a_flag_names_the_flag_and_no_error_names_the_library() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path.join(".config/yandex-cloud")).unwrap();
    folder.file(".config/yandex-cloud/config.yaml", "profiles:\n  me:\n    token: y0_FAKE\n");
    let server = test_support::http_server::Server::always(test_support::http_server::Reply::status(404));
    for (words, flag, status) in [
        (&["--endpoint", "http://api.example.test"][..], "--endpoint: ", 4),
        (&["--endpoint", "a b"], "--endpoint: ", 4),
        (&["--endpoint", &server.url()], "`--endpoint`", 6),
        (&["--impersonate", "not an id"], "--impersonate: ", 4),
        (&["--impersonate", "ajefakefakefakefakef", "--auth", "AQVN-FAKE"], "--impersonate: ", 4),
        (&["--method", "profile", "--profile", "other"], "--profile: ", 4),
        (&["--method", "profile"], "`--profile`", 3),
        (&["--key-file", "t1.FAKE-token.FAKE"], "--key-file: ", 4),
        (&["--key-file", "{}"], "--key-file: ", 4),
        (&["--auth", "/tmp/key.json"], "--auth: ", 4),
        (&["--method", "workload-identity"], "YC_OAUTH_ENDPOINT", 4),
        (&["--method", "metadata"], "YC_METADATA_ADDR", 4),
    ] {
        let run = yc_auth([&["token", "--timeout", "2"], words].concat())
            .env("YC_OAUTH_TOKEN", "y0_FAKE")
            .env("HOME", &folder.path);
        let run = match words.last() {
            Some(&"workload-identity") => {
                let run = run
                    .env("YC_OIDC_TOKEN", "eyJhbGciOiJub25lIn0.e30.FAKE")
                    .env("YC_API_ENDPOINT", server.url());
                run.env("YC_SERVICE_ACCOUNT_ID", "ajefakefakefakefakef")
            }
            Some(&"metadata") => run.env("YC_METADATA_ADDR", "a b"),
            _ => run,
        };
        let outcome = run.done();
        assert!(outcome.fails(status).contains(flag), "{words:?}: {outcome:?}");
        for api in ["in code", "Endpoints", "::", "builder", "`System"] {
            assert!(!outcome.stderr.contains(api), "{words:?}: {api}: {outcome:?}");
        }
    }
}

/// A text that the library no longer has would leave its replacement in the command without effect.
#[test]
fn the_library_has_each_text_that_the_command_replaces() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let joined = |file: &Path| -> String {
        let text = fs::read_to_string(file).unwrap();
        text.split("\\\n").map(str::trim_start).collect::<Vec<_>>().join("")
    };
    let library: String = source_files(&root.join("../auth/src")).iter().map(|file| joined(file)).collect();
    let command = joined(&root.join("src/flag_errors.rs"));
    let table = command.split("PHRASES: ").nth(1).unwrap().split("];").next().unwrap();
    let phrases: Vec<_> = table.split('"').skip(1).step_by(4).collect();
    assert!(phrases.len() > 5, "{phrases:?}");
    for phrase in phrases {
        assert!(library.contains(phrase), "{phrase}");
    }
}

/// Reads the names from the sources: `HOME` and the like are in double quotes there, as is each variable of Yandex Cloud.
#[test]
fn the_help_lists_the_variables_that_the_sources_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    for folder in [root.join("src"), root.join("../auth/src")] {
        source_files(&folder).iter().for_each(|file| collect(file, &mut names));
    }
    // The command sets these variables for the programs that it starts.
    for name in ["YC_AUTH_DEMO_EMULATOR", "YC_AUTH_KEYRINGS_TRIED", "YC_CLI_INITIALIZATION_SILENCE"] {
        assert!(names.remove(name), "{name}");
    }
    assert!(names.len() > 20, "{names:?}");
    let outcome = yc_auth(["--help"]).done();
    let listed = outcome.output().split("Environment").nth(1).unwrap();
    let listed: BTreeSet<_> = listed.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for name in names {
        assert!(listed.contains(&*name), "`--help` does not list {name}");
    }
}

/// Adds the variables that one source file names.
fn collect(file: &Path, names: &mut BTreeSet<String>) {
    let text = fs::read_to_string(file).unwrap();
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    // Examples in comments use names of their own.
    for line in shipped.lines().filter(|line| !line.trim_start().starts_with("//")) {
        names.extend(line.split('"').skip(1).step_by(2).filter(|word| is_variable(word)).map(str::to_owned));
    }
}

fn is_variable(word: &str) -> bool {
    let is_upper = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let known = ["YC_", "ACTIONS_", "SSL_CERT_"].iter().any(|start| word.starts_with(start));
    is_upper
        && (known
            || word.ends_with("_PROXY")
            || ["HOME", "USERPROFILE", "PATH", "TERM", "NO_COLOR"].contains(&word))
}
