//! The `rolarr` command.

fn main() {}
