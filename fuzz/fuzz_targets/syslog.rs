//! Any bytes are frames, and any frame a message.
#![no_main]

use collect::syslog::{Frame, next_frame, parse};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64;

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    loop {
        let (bytes, step) = match next_frame(rest, LIMIT) {
            Frame::Message { bytes, used } => (bytes, used),
            Frame::TooLong { bytes, skip } => (bytes, skip.unwrap_or(LIMIT)),
            Frame::Incomplete => break,
        };
        assert!(step > 0 && bytes.len() <= LIMIT);
        let line = String::from_utf8_lossy(bytes);
        let message = parse(&line, model::DateTime::UNIX_EPOCH);
        assert!(message.text.len() <= line.len());
        rest = rest.get(step..).unwrap_or_default();
    }
});
