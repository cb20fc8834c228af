//! Any line is a row, of CommonSecurityLog or of Syslog.
#![no_main]

use collect::{LogLines, Received};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let mut lines = LogLines::new(Received::at(model::DateTime::UNIX_EPOCH));
    lines.push_bytes(line);
    let (parts, _) = lines.finish();
    assert_eq!(parts.iter().map(|part| part.rows.len()).sum::<usize>(), 1);
    if let Ok(line) = std::str::from_utf8(line)
        && let Some(event) = collect::cef::parse(line)
    {
        // The parts lie within the line, in order.
        assert!(event.prefix.len() <= line.len() && event.extension.len() <= line.len());
    }
});
