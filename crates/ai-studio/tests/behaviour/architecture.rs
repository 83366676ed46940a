//! The layout that ARCHITECTURE.md describes is the layout of the code.

#[test]
fn modules_use_each_other_only_as_the_table_allows() {
    test_support::folder_graph::check(env!("CARGO_MANIFEST_DIR"), "crates/ai-studio");
}
