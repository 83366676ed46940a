//! The examples: each one runs without variables, prints the expected lines, and is short.

#![cfg(feature = "responses")]

use test_support::examples::Examples;

const EXAMPLES: Examples = Examples {
    folder: env!("CARGO_MANIFEST_DIR"),
    all: &[
        ("chat", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
        ("deferred", &["running: ", "you said: What is a platypus?\n"]),
        (
            "functions",
            &[
                "the model calls sum({\"numbers\":[5,4]})\n",
                "the tool said: 9\n",
                "you said: say it in JSON\n",
            ],
        ),
        ("responses", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
        ("synchronous", &["you said: What is a platypus?\n", "you said: In a word?\n"]),
    ],
};

#[test]
fn each_example_runs_with_no_variable_set() {
    EXAMPLES.run();
}

#[test]
fn each_example_is_tested_and_has_at_most_sixty_lines() {
    EXAMPLES.have_at_most(60);
}
