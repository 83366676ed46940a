//! The examples: each runs without a variable, says what it should, and is short enough to be read at once.

#![cfg(feature = "responses")]
#![allow(clippy::unwrap_used, reason = "so a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Each, with what it prints when all went well.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("chat", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
    ("deferred", &["it runs: ", "you said: What is a platypus?\n"]),
    (
        "functions",
        &["the model calls sum({\"numbers\":[5,4]})\n", "the tool said: 9\n", "you said: say it in JSON\n"],
    ),
    ("responses", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
    ("synchronous", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
];

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(format!("{name}.rs"))
}

/// The program that cargo built of it, in the folder beside that of this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join(name);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let built = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    assert!(
        built(&program) > built(&source(name)),
        "{} is not there or old; `cargo test` builds it, `cargo test --test examples` alone does not",
        program.display()
    );
    program
}

#[test]
fn each_example_runs_with_no_variable_set() {
    for (name, says) in EXAMPLES {
        let output = Command::new(program(name)).env_clear().output().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{name}: {}\n{stdout}{stderr}", output.status);
        for text in *says {
            assert!(stdout.contains(text), "{name} does not say {text:?}:\n{stdout}");
        }
        assert_eq!(stderr, "", "{name}");
    }
}

#[test]
fn each_example_has_sixty_lines_at_most_and_is_run() {
    let mut names: Vec<_> = std::fs::read_dir(source("x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, EXAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for name in names {
        let lines = std::fs::read_to_string(source(&name)).unwrap().lines().count();
        assert!(lines <= 60, "{name} has {lines} lines");
    }
}
