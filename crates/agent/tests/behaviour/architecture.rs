//! The table in ARCHITECTURE.md says which module may use which. The modules form no circle.

use test_support::folder_graph::check;

#[test]
fn modules_use_only_the_modules_that_the_table_allows() {
    check(env!("CARGO_MANIFEST_DIR"), "crates/agent");
}
