//! Shows the tree and the findings of a query: `cargo run -p kql --example tree -- 'T | where a > 1'`, or from standard input.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::Read;

fn main() -> std::io::Result<()> {
    let mut text = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        std::io::stdin().read_to_string(&mut text)?;
    }
    let parsed = kql::parse(&text);
    println!("{}", parsed.query.dump());
    for found in &parsed.diagnostics {
        eprintln!("{:?} {found}", found.severity);
    }
    Ok(())
}
