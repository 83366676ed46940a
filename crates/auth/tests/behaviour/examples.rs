//! The examples: each runs without a variable, says what it should, and is short enough to be read at once.

use test_support::examples::Examples;

const EXAMPLES: Examples = Examples {
    folder: env!("CARGO_MANIFEST_DIR"),
    all: &[
        (
            "async_openai",
            &["chat: Some(\"authenticated as", "stream: Some(", "embedding: 256 numbers", "response: Some("],
        ),
        ("blocking", &["200 OK\n200 OK\n200 OK\n"]),
        ("hyper", &["iam-token from metadata; you said: Hello!"]),
        ("reqwest", &["\"object\": \"model\"", "after the token was revoked: 200 OK"]),
        ("tonic", &["iam-token from metadata; you said: Hello!"]),
    ],
};

#[test]
fn each_example_runs_with_no_variable_set() {
    EXAMPLES.run();
}

#[test]
fn each_example_has_forty_lines_at_most_and_is_run() {
    EXAMPLES.have_at_most(40);
}
