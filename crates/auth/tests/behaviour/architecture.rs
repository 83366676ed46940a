//! The layout that ARCHITECTURE.md describes is the layout of the code.

use crate::folder_graph;

#[test]
fn top_level_modules_use_each_other_only_as_the_table_allows() {
    folder_graph::check(env!("CARGO_MANIFEST_DIR"), "crates/auth");
}
