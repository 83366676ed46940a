//! The layout that ARCHITECTURE.md describes is the layout of the code, and a file is one idea.

use std::path::Path;

use test_support::file_lengths::{MOST_LINES, too_long, written_files};
use test_support::folder_graph::{check, circle, exports, root_segments, table};

#[test]
fn top_level_modules_use_each_other_only_as_the_table_allows() {
    check(env!("CARGO_MANIFEST_DIR"), "crates/auth");
}

#[test]
fn the_check_finds_each_way_to_name_a_module_and_no_other_text() {
    let text = r##"
        use crate::{Item, alpha::One, beta::{Two, Three}};
        use super::super::gamma;
        fn f<'a>(x: &'a str) -> char { crate::delta::g(x, "crate::no", r#"crate::no"#, '"'); 'x' } // crate::no
        #[cfg(test)] mod tests { use crate::no; }
        mod inner { use super::super::super::epsilon; use super::super::not_the_root; }
    "##;
    let mut found = root_segments(text, 2);
    found.sort();
    assert_eq!(found, ["Item", "alpha", "beta", "delta", "epsilon", "gamma"]);
    let names = exports("pub use self::alpha::{One, two::Two as Other}; pub use beta::Three;");
    let names: Vec<_> = names.iter().map(|(name, module)| format!("{name} {module}")).collect();
    assert_eq!(names, ["One alpha", "Other alpha", "Three beta"]);
}

#[test]
fn the_check_finds_a_circle_in_a_table() {
    let rows = "| `a` | `b` |\n| `b` | `c`, `d` |\n| `c` | `a` |\n| `d` | |\n";
    let page = format!("\n## Which folder may use which\n\n### `x`\n| folder | may use |\n|---|---|\n{rows}");
    let table = table(&page, "x");
    assert_eq!(table.len(), 4);
    assert_eq!(circle(&table).unwrap(), ["a", "b", "c", "a"]);
}

#[test]
fn no_source_file_has_more_than_400_lines() {
    let files = written_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let is_found = |path: &str| files.iter().any(|file| file.ends_with(path));
    assert!(is_found("crates/auth/src/lib.rs") && is_found("crates/python/tests/conftest.py"));
    let too_long = too_long(&files);
    assert!(too_long.is_empty(), "split these files by idea: {too_long:?}");
}

#[test]
fn the_check_finds_a_file_that_is_too_long() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("too_long_{}.py", std::process::id()));
    let found = |lines: usize| {
        std::fs::write(&file, "pass\n".repeat(lines)).unwrap();
        too_long(std::slice::from_ref(&file))
    };
    let (short, long) = (found(MOST_LINES), found(MOST_LINES + 1));
    std::fs::remove_file(&file).unwrap();
    assert_eq!((short, long), (vec![], vec![(file, 401)]));
}
