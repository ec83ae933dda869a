//! Everything a contributor runs besides `cargo build` and `cargo test`.

fn main() {}
