//! Any body is rows or an error, with and without a schema, and both count the same records.
#![no_main]

use std::sync::Arc;

use collect::json::{Options, infer, read};
use libfuzzer_sys::fuzz_target;
use model::{ScalarType, Schema};

fuzz_target!(|body: &[u8]| {
    let schema = Arc::new(Schema::new(ScalarType::ALL.map(|ty| (ty.name(), ty))));
    let inferred = infer(&mut body.to_vec(), None);
    let known = read(&mut body.to_vec(), &schema, &Options::default());
    if let Ok(known) = &known {
        check(&known.rows);
    }
    if let Ok(inferred) = &inferred {
        check(&inferred.rows);
    }
    assert_eq!(inferred.is_ok(), known.is_ok());
    if let (Ok(inferred), Ok(known)) = (inferred, known) {
        assert_eq!(inferred.rows.len(), known.rows.len());
    }
});

fn check(rows: &model::Rows) {
    for batch in &rows.batches {
        assert_eq!(batch.columns.len(), rows.schema.len());
        assert!(batch.columns.iter().all(|column| column.len() == batch.rows));
    }
    for row in rows.values().take(100) {
        assert_eq!(row.len(), rows.schema.len());
    }
}
