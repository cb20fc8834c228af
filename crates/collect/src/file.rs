//! A file of any kind to rows.

use std::borrow::Cow;
use std::sync::Arc;

use model::{DateTime, Rows, Schema};

use crate::detect::table_of;
use crate::lines::{LogLines, Received, raw};
use crate::problem::{ProblemCode, Problems};
use crate::syslog::TABLE as SYSLOG;
use crate::{
    CollectError, Collected, Columns, Format, builtin_schema, csv, detect, evtx, gunzip, gzip,
    journal, json,
};
use crate::{table_name, text};

/// Facilities of the log files that Linux systems write.
const FACILITIES: &[(&str, &str)] = &[
    ("auth", "auth"),
    ("cron", "cron"),
    ("daemon", "daemon"),
    ("kern", "kern"),
    ("mail", "mail"),
    ("secure", "authpriv"),
    ("user", "user"),
];

/// Rows of one file that belong to one table.
#[derive(Clone, Debug)]
pub struct Part {
    /// The table that fits, by name, columns or format.
    pub table: String,
    /// The rows.
    pub rows: Rows,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct FileRows {
    /// What it was taken for.
    pub format: Format,
    /// Rows by table: one part as a rule; logs may mix CEF with syslog, event logs Security with other channels.
    pub parts: Vec<Part>,
    /// What could not be kept as it came.
    pub problems: Problems,
}

impl FileRows {
    /// Rows in all parts.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.rows.len()).sum()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How to read a file.
#[derive(Clone, Debug)]
pub struct ReadOptions<'a> {
    /// Its name or path, for the format and the table.
    pub name: &'a str,
    /// Now: for rows without a time of their own, and years that syslog leaves out.
    pub now: DateTime,
    /// The columns of the table that the rows are meant for. JSON and CSV are fitted to it, by exact or nearly equal
    /// names; without it types come from the values, and from the built-in table that the rows fit.
    pub schema: Option<Arc<Schema>>,
    /// Most bytes that a compressed file may unpack to.
    pub bytes_max: usize,
}

impl<'a> ReadOptions<'a> {
    /// Options for a file of this name: no schema, at most 4 GiB unpacked.
    pub const fn new(name: &'a str, now: DateTime) -> Self {
        Self { name, now, schema: None, bytes_max: 4 << 30 }
    }
}

/// Reads a whole file: JSON, NDJSON, CSV, CEF, syslog, the journal, EVTX or plain lines, also gzipped, in any of the
/// usual encodings.
pub fn read_file(bytes: &[u8], options: &ReadOptions<'_>) -> Result<FileRows, CollectError> {
    let bytes = if bytes.starts_with(&gzip::MAGIC) {
        Cow::Owned(gunzip(bytes, options.bytes_max)?)
    } else {
        Cow::Borrowed(bytes)
    };
    let format = detect(&bytes, options.name);
    match format {
        Format::Evtx => {
            let (parts, problems) = evtx::read(bytes.into_owned(), options.now)?;
            return Ok(FileRows { format, parts, problems });
        }
        Format::Parquet => {
            return Err(CollectError::NoRecords("Parquet, which the query engine reads itself"));
        }
        _ => {}
    }
    let decoded = text::decode(&bytes);
    let mut read = read_text(format, &decoded.text, options)?;
    if decoded.replaced {
        let encoding = decoded.encoding;
        read.problems.add(0, None, ProblemCode::Replaced, || {
            format!("bytes that are no {encoding} text were replaced by U+FFFD")
        });
    }
    Ok(read)
}

fn read_text(
    format: Format,
    text: &str,
    options: &ReadOptions<'_>,
) -> Result<FileRows, CollectError> {
    let received = Received {
        facility: facility(options.name),
        event_time: true,
        ..Received::at(options.now)
    };
    let one = |table: String, collected: Collected| {
        let parts = vec![Part { table, rows: collected.rows }];
        FileRows { format, parts, problems: collected.problems }
    };
    Ok(match format {
        Format::Json => {
            let mut body = text.as_bytes().to_vec();
            if let Some(schema) = &options.schema {
                let lenient = json::Options { columns: Columns::Seen, lenient_names: true };
                let collected = json::read(&mut body, schema, &lenient)?;
                return Ok(one(table_of(&collected.rows, options.name), collected));
            }
            let inferred = json::infer(&mut body, None)?;
            let settle = |known: &Schema| json::infer(&mut text.as_bytes().to_vec(), Some(known));
            let (table, collected) = settled(inferred, options.name, settle)?;
            one(table, collected)
        }
        Format::Csv => {
            if let Some(schema) = &options.schema {
                let collected = csv::read(text, schema, Columns::Seen)?;
                return Ok(one(table_of(&collected.rows, options.name), collected));
            }
            let inferred = csv::infer(text, None)?;
            let (table, collected) =
                settled(inferred, options.name, |known| csv::infer(text, Some(known)))?;
            one(table, collected)
        }
        Format::Journal => one(SYSLOG.to_owned(), journal::read(text, &received)),
        Format::Log => {
            let mut lines = LogLines::new(received);
            text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| lines.push(line));
            let (parts, problems) = lines.finish();
            FileRows { format, parts, problems }
        }
        Format::Text | Format::Evtx | Format::Parquet => {
            one(table_name(options.name), raw(text, options.now))
        }
    })
}

/// Rows that fit a built-in table get its types, where those differ from what their values suggest.
fn settled(
    inferred: Collected,
    name: &str,
    again: impl FnOnce(&Schema) -> Result<Collected, CollectError>,
) -> Result<(String, Collected), CollectError> {
    let table = table_of(&inferred.rows, name);
    let Some(known) = builtin_schema(&table) else { return Ok((table, inferred)) };
    let differs = |c: &model::Column| known.column(&c.name).is_some_and(|k| k.ty != c.ty);
    if inferred.rows.schema.columns.iter().any(differs) {
        return Ok((table, again(&known)?));
    }
    Ok((table, inferred))
}

/// `auth` for `/var/log/auth.log.1`.
fn facility(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next()?;
    let stem = file.split(['.', '-']).next()?;
    FACILITIES.iter().find(|(file, _)| *file == stem).map(|(_, facility)| *facility)
}
