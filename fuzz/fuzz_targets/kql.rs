//! Any text parses: no panic, findings inside of the text, a tree that can be shown and dropped.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = kql::parse(text);
    for found in &parsed.diagnostics {
        assert!(found.span.end as usize <= text.len());
        assert!(text.is_char_boundary(found.span.start as usize));
    }
    let _ = parsed.query.dump();
});
