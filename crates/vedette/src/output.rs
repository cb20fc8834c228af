//! Results to standard output: a table on a terminal, JSON in a pipe, or the form asked for.

mod chart;
mod structured;
mod table;
mod terminal;

use std::io::{self, BufWriter, IsTerminal, Write};

use model::{QueryAnswer, Rows, ScalarType, Value};

use crate::cli::Format;
use crate::outcome::WrongUse;

/// Writes an answer in the form asked for.
pub(crate) fn write(answer: &QueryAnswer, format: Option<Format>) -> anyhow::Result<()> {
    let stdout = io::stdout();
    let default = if stdout.is_terminal() { Format::Table } else { Format::Json };
    let mut out = BufWriter::with_capacity(1 << 16, stdout.lock());
    match format.unwrap_or(default) {
        Format::Table => {
            each(answer, &mut out, |rows, out| table::write(rows, terminal::width(), out))?
        }
        Format::Json => structured::json(answer, &mut out)?,
        Format::Ndjson => each(answer, &mut out, structured::ndjson)?,
        Format::Csv => each(answer, &mut out, structured::csv)?,
        Format::Chart => {
            let kind = answer
                .render
                .as_ref()
                .and_then(|r| r.get("visualization")?.as_str())
                .unwrap_or_default();
            each(answer, &mut out, |rows, out| chart::write(rows, kind, terminal::size(), out))?;
        }
        Format::Parquet => parquet(answer, &mut out)?,
    }
    out.flush()?;
    if let Some((_, message)) = &answer.partial {
        let _ = writeln!(io::stderr(), "vedette: the result is partial: {message}");
    }
    Ok(())
}

/// Writes rows as a table for people, whatever standard output is.
pub(crate) fn write_table(rows: &Rows) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    table::write(rows, terminal::width(), &mut out)?;
    out.flush()
}

/// Writes a line of text.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Every result, with an empty line between them.
fn each<W: Write>(
    answer: &QueryAnswer,
    out: &mut W,
    mut one: impl FnMut(&Rows, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    for (at, table) in answer.tables.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        one(&table.rows, out)?;
    }
    Ok(())
}

fn parquet(answer: &QueryAnswer, out: &mut impl Write) -> anyhow::Result<()> {
    if io::stdout().is_terminal() {
        return Err(WrongUse::because(
            "Parquet is not for terminals; write it to a file: ... --format parquet > FILE",
        ));
    }
    let [table] = answer.tables.as_slice() else {
        return Err(WrongUse::because("a Parquet file holds one result; the query gives several"));
    };
    let bytes = logs::parquet_file::write(&table.rows).map_err(anyhow::Error::msg)?;
    Ok(out.write_all(&bytes)?)
}

/// True where cells belong to the right: numbers and what reads like them.
fn is_right(ty: ScalarType) -> bool {
    use ScalarType::{Decimal, Int, Long, Real, TimeSpan};
    matches!(ty, Int | Long | Real | Decimal | TimeSpan)
}

/// A cell as people read it: times without empty fractions, no line breaks.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::DateTime(time) => {
            time.write_to(&mut text);
            if let Some((whole, fraction)) = text.trim_end_matches('Z').split_once('.') {
                let fraction = fraction.trim_end_matches('0');
                let dot = if fraction.is_empty() { "" } else { "." };
                text = format!("{whole}{dot}{fraction}Z");
            }
        }
        other => other.write_text(&mut text),
    }
    if text.contains(char::is_control) {
        text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    text
}
