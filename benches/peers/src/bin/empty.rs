//! What a process costs: the floor of the table of commands.

fn main() {}
