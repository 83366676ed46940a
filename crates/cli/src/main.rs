//! The `yc-auth` command.
fn main() {}
