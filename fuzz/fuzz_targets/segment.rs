//! Any bytes are the two files of a segment: they are read or refused. The input is what is changed in a segment that a
//! release has written, in its rows or in its index, or an index itself.
#![no_main]

mod changed;

use std::sync::Once;

use libfuzzer_sys::fuzz_target;

const ROWS: &[u8] = include_bytes!(
    "../../crates/logs/formats/v1/tables/11111111-2222-3333-4444-555555555555/Events/2026-06-10/0000000000000001-38be675c.parquet"
);
const INDEX: &[u8] = include_bytes!(
    "../../crates/logs/formats/v1/tables/11111111-2222-3333-4444-555555555555/Events/2026-06-10/0000000000000001-38be675c.index"
);

static HOOK: Once = Once::new();

/// Panics of the Parquet library on pages that are not what they say are caught where it is called: the end of a run is
/// a panic of our own.
fn forgive_the_library() {
    HOOK.call_once(|| {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |place| place.file());
            if !["/parquet-", "/arrow-"].iter().any(|library| file.contains(library)) {
                end(panic);
            }
        }));
    });
}

fuzz_target!(|bytes: &[u8]| {
    forgive_the_library();
    match bytes.split_first() {
        Some((0..96, changes)) => logs::hostile::segment(ROWS, &changed::apply(INDEX, changes)),
        Some((96..192, changes)) => logs::hostile::segment(&changed::apply(ROWS, changes), INDEX),
        Some((_, index)) => logs::hostile::segment(ROWS, index),
        None => {}
    }
});
