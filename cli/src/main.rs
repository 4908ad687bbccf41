//! The `dbal` command.

fn main() {}
