//! Rows as aligned columns: numbers to the right, cut to the terminal, with a word about what was left out.

use std::io::{self, Write};

use model::Rows;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{is_right, shown};

/// Blanks between columns.
const GAP: usize = 2;
/// Columns are not cut below this width.
const WIDTH_MIN: usize = 8;
/// Cells are not measured beyond this width.
const CELL_MAX: usize = 400;

struct Column {
    name: String,
    right: bool,
    width: usize,
    cells: Vec<String>,
}

/// Writes the rows; `width` is that of the terminal, none leaves everything whole.
pub(super) fn write(rows: &Rows, width: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    let (mut columns, count) = columns(rows);
    let mut notes = Vec::new();
    if let Some(width) = width {
        leave_out_empty(&mut columns, width, count, &mut notes);
        shrink(&mut columns, width, &mut notes);
    }
    line(&columns, |c| &c.name, out)?;
    let rules: Vec<String> = columns.iter().map(|c| "─".repeat(c.width)).collect();
    writeln!(out, "{}", rules.join("  "))?;
    for row in 0..count {
        line(&columns, |c| c.cells.get(row).map_or("", String::as_str), out)?;
    }
    if width.is_some() {
        notes.insert(0, format!("{count} {}", if count == 1 { "row" } else { "rows" }));
        writeln!(out, "({})", notes.join(", "))?;
    }
    Ok(())
}

fn columns(rows: &Rows) -> (Vec<Column>, usize) {
    let schema = &rows.schema.columns;
    let mut columns: Vec<Column> = schema
        .iter()
        .map(|c| Column {
            name: c.name.to_string(),
            right: is_right(c.ty),
            width: c.name.width(),
            cells: Vec::new(),
        })
        .collect();
    let mut count = 0;
    for row in rows.values() {
        count += 1;
        for (column, value) in columns.iter_mut().zip(&row) {
            let text = shown(value);
            column.width = column.width.max(text.width().min(CELL_MAX));
            column.cells.push(text);
        }
    }
    (columns, count)
}

fn total(columns: &[Column]) -> usize {
    columns.iter().map(|c| c.width + GAP).sum::<usize>().saturating_sub(GAP)
}

/// Wide tables of Azure are mostly empty: columns without a value go first.
fn leave_out_empty(columns: &mut Vec<Column>, width: usize, rows: usize, notes: &mut Vec<String>) {
    if total(columns) <= width || rows == 0 {
        return;
    }
    let before = columns.len();
    columns.retain(|c| c.cells.iter().any(|cell| !cell.is_empty()));
    if columns.len() < before {
        notes.push(format!("{} empty columns not shown", before - columns.len()));
    }
}

/// Narrows the widest columns until all fit; what still does not fit is left out on the right.
fn shrink(columns: &mut Vec<Column>, width: usize, notes: &mut Vec<String>) {
    let kept = (1..=columns.len())
        .rev()
        .find(|n| {
            columns.iter().take(*n).map(|c| c.width.min(WIDTH_MIN) + GAP).sum::<usize>()
                <= width + GAP
        })
        .unwrap_or(1);
    if kept < columns.len() {
        notes.push(format!(
            "{} more columns not shown: use project, or --format json",
            columns.len() - kept
        ));
        columns.truncate(kept);
    }
    let mut limit = columns.iter().map(|c| c.width).max().unwrap_or(0);
    while total(columns) > width && limit > WIDTH_MIN {
        limit -= 1;
        for column in columns.iter_mut() {
            column.width = column.width.min(limit);
        }
    }
}

fn line<'c>(
    columns: &'c [Column],
    text: impl Fn(&'c Column) -> &'c str,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = String::new();
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            line.push_str("  ");
        }
        let (cell, used) = cut(text(column), column.width);
        let blank = " ".repeat(column.width.saturating_sub(used));
        if column.right {
            line.push_str(&blank);
            line.push_str(&cell);
        } else {
            line.push_str(&cell);
            line.push_str(&blank);
        }
    }
    writeln!(out, "{}", line.trim_end())
}

/// The text, cut with an ellipsis where it is wider than allowed, and its width.
fn cut(text: &str, width: usize) -> (String, usize) {
    let whole = text.width();
    if whole <= width || width == 0 {
        return (text.to_owned(), whole);
    }
    let (mut cut, mut used) = (String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        cut.push(c);
        used += wide;
    }
    cut.push('…');
    (cut, used + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use model::{ScalarType, Schema, Value};

    use super::*;

    fn written(width: Option<usize>) -> String {
        let schema = Schema::new([
            ("Name", ScalarType::String),
            ("Count", ScalarType::Long),
            ("Empty", ScalarType::String),
        ]);
        let rows = [("größe", 7), ("一二三四五六七八九十", 12345)]
            .map(|(name, n)| vec![Value::string(name), Value::Long(n), Value::empty_string()]);
        let mut out = Vec::new();
        write(&Rows::from_values(Arc::new(schema), rows), width, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_by_what_they_take_on_the_screen() {
        let text = written(None);
        assert_eq!(
            text,
            "Name                  Count  Empty\n\
             ────────────────────  ─────  ─────\n\
             größe                     7\n\
             一二三四五六七八九十  12345\n"
        );
    }

    #[test]
    fn a_narrow_terminal_loses_empty_columns_and_then_the_ends_of_wide_cells() {
        let text = written(Some(20));
        assert!(text.lines().all(|l| l.width() <= 20 || l.starts_with('(')), "{text}");
        assert!(text.contains('…') && text.contains("1 empty columns not shown"), "{text}");
        assert!(text.ends_with("(2 rows, 1 empty columns not shown)\n"), "{text}");
    }
}
