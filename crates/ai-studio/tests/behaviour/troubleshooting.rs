//! Every heading of the SDK part of TROUBLESHOOTING.md is the text of an error.

use std::path::Path;

use test_support::source_files::source_files;

/// Every heading in backquotes is part of a message in the source code.
#[test]
fn every_heading_is_the_text_of_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(page) = std::fs::read_to_string(root.join("../../TROUBLESHOOTING.md")) else {
        println!("skipped: the page is not in this checkout");
        return;
    };
    let (_, page) = page.split_once("\n# Calls of the SDK\n").unwrap();
    // The agent's part is checked by the agent's tests.
    let (page, _) = page.split_once("\n# The agent\n").unwrap();
    let files = source_files(&root.join("src"));
    let sources: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    // Messages may contain backquotes; headings cannot.
    let sources = sources.to_lowercase().replace('`', "");
    let headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `"))
        .map(|line| line.trim_end_matches('`').to_lowercase())
        .collect();
    assert!(headings.len() > 20);
    for heading in headings {
        let text = heading.strip_prefix("http ").map_or(heading.clone(), |_| "http {}".to_owned());
        assert!(sources.contains(&text), "no error has the text {heading:?}");
    }
}
