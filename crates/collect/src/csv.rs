//! CSV and its kin to rows: separated by commas, semicolons, tabs or bars, with a header line.
//!
//! All cells are texts here, so types come from a known schema or from all values of a column.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::csv::{ReaderBuilder, StringRecord};
use model::Schema;

use crate::infer::Kinds;
use crate::names;
use crate::problem::{ProblemCode, Problems, quote};
use crate::sink::Sink;
use crate::{CollectError, Collected, Columns};

/// Separators that are tried, the likeliest first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records looked at to tell the separator.
const SAMPLE_RECORDS: usize = 20;
/// More columns than this is no table.
const COLUMNS_MAX: usize = 20_000;

/// Reads records of a known schema. Header names match as [`crate::json::Options::lenient_names`] says.
pub fn read(text: &str, schema: &Arc<Schema>, columns: Columns) -> Result<Collected, CollectError> {
    let table = Table::open(text)?;
    let mut sink = Sink::new(Arc::clone(schema));
    let places: Vec<Option<usize>> =
        table.header.iter().map(|name| names::column(schema, name)).collect();
    for (name, _) in table.header.iter().zip(&places).filter(|(_, place)| place.is_none()) {
        sink.problem(Some(name), ProblemCode::UnknownField, || {
            format!("the table has no column {}; left out of all records", quote(name))
        });
    }
    table.fill(&mut sink, &places)?;
    Ok(sink.finish(columns))
}

/// Reads records without a schema: each column is of the narrowest type that holds all of its values. `known` gives
/// types that are settled beforehand, by name.
pub fn infer(text: &str, known: Option<&Schema>) -> Result<Collected, CollectError> {
    let table = Table::open(text)?;
    let mut kinds = vec![Kinds::NONE; table.header.len()];
    table.each(|record| {
        for (kinds, cell) in kinds.iter_mut().zip(record) {
            kinds.add(Kinds::of_text(cell));
        }
    })?;
    let mut problems = Problems::default();
    let clean = names::clean(&table.header, &mut problems);
    let schema = Schema::new(clean.into_iter().zip(kinds).map(|(name, kinds)| {
        let fixed = known.and_then(|k| k.column(&name)).map(|c| c.ty);
        let ty = fixed.or_else(|| names::system_type(&name)).unwrap_or_else(|| kinds.ty());
        (name, ty)
    }));
    let places: Vec<Option<usize>> = (0..table.header.len()).map(Some).collect();
    let mut sink = Sink::new(Arc::new(schema));
    sink.problems = problems;
    table.fill(&mut sink, &places)?;
    Ok(sink.finish(Columns::All))
}

/// The separator that most evenly cuts the first records into the most cells; none when nothing separates.
pub(crate) fn separator(text: &str) -> Option<u8> {
    let score = |separator: u8| {
        let mut reader = reader(text, separator);
        let mut record = StringRecord::new();
        let (mut columns, mut even, mut all) = (0, 0, 0);
        while all < SAMPLE_RECORDS && reader.read_record(&mut record).unwrap_or(false) {
            columns = if all == 0 { record.len() } else { columns };
            even += usize::from(record.len() == columns);
            all += 1;
        }
        (columns > 1 && even * 10 >= all * 8).then_some(columns)
    };
    // The first of equals: max_by_key would take the last.
    SEPARATORS
        .into_iter()
        .rev()
        .filter_map(|s| Some((score(s)?, s)))
        .max_by_key(|(columns, _)| *columns)
        .map(|(_, s)| s)
}

fn reader(text: &str, separator: u8) -> ::csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes())
}

/// A header and what follows it.
struct Table<'a> {
    text: &'a str,
    separator: u8,
    header: Vec<String>,
}

impl<'a> Table<'a> {
    fn open(text: &'a str) -> Result<Self, CollectError> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let separator = separator(text).unwrap_or(b',');
        let mut header = StringRecord::new();
        let found = reader(text, separator).read_record(&mut header).map_err(|e| csv_error(&e))?;
        if !found {
            return Err(CollectError::Csv("there is no header line".to_owned()));
        }
        if header.len() > COLUMNS_MAX {
            return Err(CollectError::Csv(format!(
                "{} columns are more than {COLUMNS_MAX}",
                header.len()
            )));
        }
        Ok(Self { text, separator, header: header.iter().map(str::to_owned).collect() })
    }

    /// Shows all records behind the header; blank lines are none.
    fn each(&self, mut record: impl FnMut(&StringRecord)) -> Result<(), CollectError> {
        let mut reader = reader(self.text, self.separator);
        let mut row = StringRecord::new();
        reader.read_record(&mut row).map_err(|e| csv_error(&e))?;
        while reader.read_record(&mut row).map_err(|e| csv_error(&e))? {
            record(&row);
        }
        Ok(())
    }

    fn fill(&self, sink: &mut Sink, places: &[Option<usize>]) -> Result<(), CollectError> {
        let mut last_is_long = false;
        self.each(|record| {
            for (cell, place) in record.iter().zip(places) {
                if let Some(column) = place {
                    sink.text(*column, cell);
                }
            }
            let (cells, columns) = (record.len(), places.len());
            if cells > columns {
                sink.problem(None, ProblemCode::ExtraField, || {
                    let rest: Vec<_> = record.iter().skip(columns).collect();
                    format!(
                        "{cells} cells for {columns} columns; left out: {}",
                        quote(&rest.join(","))
                    )
                });
            } else if cells < columns {
                sink.problem(None, ProblemCode::MissingField, || {
                    format!("{cells} cells for {columns} columns")
                });
            }
            sink.end_row();
            last_is_long = record.iter().any(|cell| cell.contains('\n'));
        })?;
        if last_is_long && memchr::memchr_iter(b'"', self.text.as_bytes()).count() % 2 == 1 {
            sink.problem(None, ProblemCode::Truncated, || {
                "an opening quote is never closed; the last record holds all lines behind it"
                    .to_owned()
            });
        }
        Ok(())
    }
}

fn csv_error(error: &::csv::Error) -> CollectError {
    CollectError::Csv(error.to_string())
}
