//! Any file is rows or an error, whatever it is named.
#![no_main]

use collect::{ReadOptions, read_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for name in ["x.csv", "x.txt"] {
        let mut options = ReadOptions::new(name, model::DateTime::UNIX_EPOCH);
        options.bytes_max = 1 << 20;
        if let Ok(read) = read_file(bytes, &options) {
            for part in &read.parts {
                let mut columns = part.rows.batches.iter().flat_map(|b| b.columns.iter().map(move |c| (c, b.rows)));
                assert!(columns.all(|(column, rows)| column.len() == rows));
            }
        }
    }
});
