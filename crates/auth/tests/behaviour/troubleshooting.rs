//! TROUBLESHOOTING.md has only errors that exist.

use std::path::Path;

use test_support::source_files::source_files;

/// Every heading in backquotes is a text of an error of this crate, or a server's text that this crate recognizes.
#[test]
fn every_heading_is_the_text_of_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(page) = std::fs::read_to_string(root.join("../../TROUBLESHOOTING.md")) else {
        println!("skipped: the page is not beside this crate");
        return;
    };
    // The rest of the page is about the SDK, and checked there.
    let page = page.split("\n# Calls of the SDK\n").next().unwrap();
    let files = source_files(&root.join("src"));
    let sources: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let sources = sources.to_lowercase();
    let headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `"))
        .filter(|line| !line.ends_with("from the service"))
        .map(|line| line.trim_end_matches('`').to_lowercase())
        .collect();
    assert!(headings.len() > 15);
    for heading in headings {
        let text = heading.strip_prefix("http ").map_or(heading.clone(), |_| "http {}".to_owned());
        assert!(sources.contains(&text), "no error has the text {heading:?}");
    }
}
