//! `vedette ingest`: files into the running server. Tables of one's own that do not exist yet are made from the columns
//! that the files have.

mod table;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use collect::{FileRows, ReadOptions, read_file};
use indicatif::{ProgressBar, ProgressStyle};
use model::{Clock, SystemClock};

use crate::cli::IngestArgs;
use crate::client::Client;
use crate::outcome::Outcome;
use crate::{output, upload};

/// Problems told one by one.
const TOLD_MAX: usize = 5;

pub(crate) fn run(arguments: &IngestArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let mut stored: Vec<(String, usize)> = Vec::new();
    let mut complete = true;
    for path in &arguments.files {
        let read = read(&client, path, arguments.table.as_deref())?;
        complete &= tell_problems(path, &read);
        let one = read.parts.len() == 1;
        for part in read.parts {
            // Rows of several kinds keep the tables that fit them.
            let table =
                arguments.table.as_deref().filter(|_| one).unwrap_or(&part.table).to_owned();
            let rows = table::with_allowed_names(&table, part.rows);
            table::ensure(&client, &table, &rows.schema)?;
            let bar = bar(&table, rows.len());
            let count = upload::rows(&client, &table, &rows, |n| bar.inc(n as u64))
                .with_context(|| format!("{} into {table}", path.display()))?;
            bar.finish_and_clear();
            match stored.iter_mut().find(|(known, _)| *known == table) {
                Some((_, known)) => *known += count,
                None => stored.push((table, count)),
            }
        }
    }
    for (table, rows) in &stored {
        output::line(&format!("{table}: {rows} rows"))?;
    }
    Ok(if complete { Outcome::Done } else { Outcome::Findings })
}

fn read(client: &Client, path: &Path, table: Option<&str>) -> anyhow::Result<FileRows> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.to_string_lossy();
    if bytes.starts_with(b"PAR1") {
        let rows = logs::parquet_file::read(bytes).map_err(|e| anyhow::anyhow!("{name}: {e}"))?;
        let table = table.map_or_else(|| collect::table_name(&name), str::to_owned);
        let parts = vec![collect::Part { table, rows }];
        return Ok(FileRows {
            format: collect::Format::Parquet,
            parts,
            problems: collect::Problems::default(),
        });
    }
    let mut options = ReadOptions::new(&name, SystemClock.now());
    if let Some(table) = table {
        options.schema = table::schema(client, table)?;
    }
    read_file(&bytes, &options).with_context(|| format!("cannot read {name}"))
}

/// Says what could not be kept; false when something was lost.
fn tell_problems(path: &Path, read: &FileRows) -> bool {
    let losses = read
        .problems
        .counts()
        .iter()
        .filter(|(code, _)| code.is_loss())
        .map(|(_, n)| n)
        .sum::<usize>();
    if losses == 0 {
        return true;
    }
    let mut err = io::stderr().lock();
    let _ =
        writeln!(err, "vedette: {}: {losses} values or records could not be kept:", path.display());
    for problem in read.problems.iter().filter(|p| p.code.is_loss()).take(TOLD_MAX) {
        let column = problem.column.as_deref().map_or(String::new(), |c| format!(", column {c}"));
        let _ = writeln!(err, "  record {}{column}: {}", problem.index + 1, problem.message);
    }
    if losses > TOLD_MAX {
        let _ = writeln!(err, "  ...");
    }
    false
}

fn bar(table: &str, rows: usize) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} [{bar:40}] {human_pos}/{human_len} rows, {per_sec}, {eta} left",
    );
    let bar = ProgressBar::new(rows as u64); // hides itself where stderr is no terminal
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(table.to_owned());
    bar
}
