//! `--auth`: what kind of value a string is, and the ways to give it.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::thread;

use serde_json::json;

use crate::run::{Folder, at, yc_auth};

#[test]
fn the_shape_of_a_string_decides_its_method() {
    for (value, method) in
        [("t1.fake.token", "iam-token"), (" AQVN-fake\n", "api-key"), ("anything-fake", "api-key")]
    {
        let answer = yc_auth(["token", "--format", "json", "--auth", value]).done().json();
        assert_eq!((&answer["method"], &answer["token"]), (&json!(method), &json!(value.trim())));
    }
}

#[test]
fn method_overrides_the_shape_of_the_string() {
    let shapeless = "fake-token-of-no-shape-and-32-characters";
    for (value, method) in [(shapeless, "api-key"), (shapeless, "iam-token")] {
        let answer =
            yc_auth(["token", "--format", "json", "--method", method, "--auth", value]).done().json();
        assert_eq!((&answer["method"], &answer["token"]), (&json!(method), &json!(value)));
    }
    let refused = yc_auth(["token", "--method", "api-key", "--auth", "t1.fake.token"]).done();
    assert!(refused.fails(4).contains("the value is an IAM token (`t1.…`), not an API key"), "{refused:?}");
}

#[test]
fn auth_overrides_every_variable() {
    let run = yc_auth(["token", "--auth", "t1.fake.given"]).env("YC_API_KEY", "AQVN-fake");
    assert_eq!(run.done().output(), "t1.fake.given\n");
}

#[test]
fn the_value_can_be_on_standard_input_or_in_a_file() {
    let folder = Folder::new();
    let file = folder.file("token", " t1.fake.token\r\n\n");
    assert_eq!(yc_auth(["token", "--auth", &at(&file)]).done().output(), "t1.fake.token\n");
    assert_eq!(
        yc_auth(["token", "--auth", "-"]).stdin(" t1.fake.token\n").done().output(),
        "t1.fake.token\n"
    );
    let timed = yc_auth(["token", "--timeout", "60", "--auth=-"]).stdin("t1.fake.token");
    assert_eq!(timed.done().output(), "t1.fake.token\n");
}

#[test]
fn the_value_can_be_in_a_named_pipe() {
    let folder = Folder::new();
    let pipe = folder.pipe("pipe");
    let writer = thread::spawn({
        let pipe = pipe.clone();
        move || File::options().write(true).open(pipe).unwrap().write_all(b"t1.fake.token\n").unwrap()
    });
    assert_eq!(yc_auth(["token", "--auth", &at(&pipe)]).done().output(), "t1.fake.token\n");
    writer.join().unwrap();
}

#[test]
fn an_invalid_value_is_an_error_that_does_not_show_it() {
    let folder = Folder::new();
    let large = folder.file("large", vec![b'a'; (1 << 20) + 1]);
    let text = folder.file("binary", b"fake\xff\xfe-secret");
    let folder_itself = at(&folder.path);
    let missing = at(&folder.path.join("missing"));
    for (auth, words) in [
        ("", "empty"),
        ("Bearer t1.fake.token", "scheme"),
        ("API-KEY fake-secret", "scheme"),
        ("fake\nsecret", "control character"),
        ("fake-ключ", "outside ASCII"),
        ("{\"id\": \"fake-secret\"}", "has no `service_account_id`"),
        ("{\"private_key\": \"fake-secret\"", "the JSON is incomplete"),
        ("@", "no file name"),
        (&*at(&large), "larger than 1 MiB"),
        (&*at(&text), "not UTF-8"),
        (&*folder_itself, "directory"),
        (&*missing, "No such file"),
    ] {
        let run = yc_auth(["token", "--auth", auth]);
        let run = if auth.starts_with('@') { run.hides("fake-secret") } else { run.hides(auth) };
        let outcome = run.done();
        assert!(outcome.fails(4).contains(words), "{auth:?}: {outcome:?}");
        assert!(outcome.stderr.contains("\nhelp: "), "{outcome:?}");
    }
}

#[test]
fn input_over_one_mebibyte_is_an_error() {
    let mut run = yc_auth(["token", "--auth", "-"]);
    run.command.stdin(Stdio::from(File::open("/dev/zero").unwrap()));
    assert!(run.done().fails(4).contains("standard input: cannot be read: larger than 1 MiB"));
    assert!(yc_auth(["token", "--auth", "@/dev/zero"]).done().fails(4).contains("larger than 1 MiB"));
}

#[test]
fn bytes_that_are_not_text_are_an_error_that_does_not_show_them() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let run = yc_auth([OsStr::new("token"), OsStr::new("--auth"), OsStr::from_bytes(b"fake-secret\xff")]);
    assert!(run.hides("fake-secret").done().fails(4).contains("--auth: the value is not UTF-8"));
}

#[test]
fn the_timeout_covers_reading_the_value() {
    let folder = Folder::new();
    // No process writes to this pipe, so that even opening it blocks.
    let pipe = folder.pipe("pipe");
    let outcome = yc_auth(["token", "--timeout", "0.2", "--auth", &at(&pipe)]).done();
    assert!(outcome.fails(5).contains("within 0.2 s (`--timeout`)"), "{outcome:?}");

    // Standard input stays open and empty.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut run = yc_auth(["token", "--timeout", "0.2", "--auth", "-"]);
    run.command.stdin(Stdio::from(reader));
    assert!(run.done().fails(5).contains("standard input: the input did not end"));
    drop(writer);
}

#[test]
fn an_empty_value_is_an_error_that_names_its_location() {
    let folder = Folder::new();
    let file = folder.file("empty", " \n");
    for (value, location, help) in [
        (&*at(&file), "empty: the value is empty", "into the file"),
        ("-", "standard input: the value is empty", "yc-auth token --auth -"),
    ] {
        let outcome = yc_auth(["token", "--auth", value]).done();
        let printed = outcome.fails(4);
        assert!(printed.contains(location) && printed.contains(help), "{printed}");
        assert!(!printed.contains("variable"), "{printed}");
    }
}

/// The help is a command that works as it stands.
#[test]
fn the_help_for_a_path_without_its_sign_is_a_command() {
    let folder = Folder::new();
    folder.file("my key.json", "{}");
    for (value, help) in [("my key.json", "`--auth '@my key.json'`"), ("other.json", "`--auth @FILE`")] {
        let mut run = yc_auth(["token", "--auth", value]);
        run.command.current_dir(&folder.path);
        let outcome = run.done();
        assert!(outcome.fails(4).contains(help), "{outcome:?}");
    }
}
