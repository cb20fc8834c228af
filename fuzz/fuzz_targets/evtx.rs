//! Any bytes are an event log or an error, and any text an event.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = collect::evtx::read(bytes.to_vec(), model::DateTime::UNIX_EPOCH);
    if let Ok(xml) = std::str::from_utf8(bytes) {
        let (parts, _) = collect::evtx::read_xml(xml, model::DateTime::UNIX_EPOCH);
        assert_eq!(parts.iter().map(|part| part.rows.len()).sum::<usize>(), 1);
    }
});
