//! Any bytes are a log file: its whole records are read, the rest is told apart. The input is the file itself, or what is
//! changed in one that a release has written.
#![no_main]

mod changed;

use libfuzzer_sys::fuzz_target;

const WRITTEN: &[u8] = include_bytes!("../../crates/logs/formats/v1/wal/0000000000000001.wal");

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0..128, changes)) => logs::hostile::wal(&changed::apply(WRITTEN, changes)),
        Some((_, file)) => logs::hostile::wal(file),
        None => {}
    }
});
