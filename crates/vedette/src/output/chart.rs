//! Two columns as a picture in text: bars for categories, a curve over time.

use std::io::{self, Write};

use model::{Rows, ScalarType, Value};
use unicode_width::UnicodeWidthStr;

use super::{shown, table};

/// Eighths of a block, from the left and from below.
const LEFT: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const BELOW: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines that a curve takes.
const CURVE_LINES: usize = 12;
const LABEL_MAX: usize = 40;

/// Draws the first column that is no number against the first that is one; other results become a table.
pub(super) fn write(
    rows: &Rows,
    kind: &str,
    size: (usize, usize),
    out: &mut impl Write,
) -> io::Result<()> {
    let columns = &rows.schema.columns;
    let is_number = |ty: ScalarType| {
        matches!(ty, ScalarType::Int | ScalarType::Long | ScalarType::Real | ScalarType::Decimal)
    };
    let value = columns.iter().skip(1).position(|c| is_number(c.ty)).map(|at| at + 1);
    let value = value.or_else(|| columns.iter().position(|c| is_number(c.ty)));
    let label = (0..columns.len()).find(|at| Some(*at) != value);
    let (Some(value), Some(label)) = (value, label) else {
        return table::write(rows, Some(size.0), out);
    };
    let points: Vec<(String, f64)> = rows
        .values()
        .map(|row| {
            let number =
                row.get(value).and_then(Value::as_f64).filter(|v| v.is_finite()).unwrap_or(0.0);
            (row.get(label).map(shown).unwrap_or_default(), number)
        })
        .collect();
    let is_time = columns.get(label).is_some_and(|c| c.ty == ScalarType::DateTime);
    if matches!(kind, "timechart" | "linechart" | "areachart") || (is_time && points.len() > size.1)
    {
        return curve(&points, size.0, out);
    }
    bars(&points, size.0, out)
}

fn bars(points: &[(String, f64)], width: usize, out: &mut impl Write) -> io::Result<()> {
    let labels = points.iter().map(|(label, _)| label.width()).max().unwrap_or(0).min(LABEL_MAX);
    let numbers: Vec<String> = points.iter().map(|(_, v)| v.to_string()).collect();
    let number = numbers.iter().map(String::len).max().unwrap_or(0);
    let room = width.saturating_sub(labels + number + 4).max(10);
    let largest = points.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    for ((label, value), number_text) in points.iter().zip(&numbers) {
        let label = fitted(label, labels);
        let share = if largest > 0.0 { (value / largest).max(0.0) } else { 0.0 };
        writeln!(out, "{label}  {number_text:>number$}  {}", bar(share, room))?;
    }
    Ok(())
}

/// The label, cut or filled to a width.
fn fitted(label: &str, width: usize) -> String {
    let mut text: String = label.to_owned();
    while text.width() > width {
        text.pop();
    }
    let blank = width.saturating_sub(text.width());
    text + &" ".repeat(blank)
}

fn bar(share: f64, room: usize) -> String {
    let eighths = (share * room as f64 * 8.0).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if let Some(rest) = (eighths % 8).checked_sub(1).and_then(|at| LEFT.get(at)) {
        bar.push(*rest);
    }
    bar
}

fn curve(points: &[(String, f64)], width: usize, out: &mut impl Write) -> io::Result<()> {
    let room = width.saturating_sub(14).max(10).min(points.len().max(1));
    let columns: Vec<f64> = (0..room)
        .map(|at| {
            let (from, to) = (at * points.len() / room, (at + 1) * points.len() / room);
            points
                .get(from..to.max(from))
                .unwrap_or_default()
                .iter()
                .map(|(_, v)| *v)
                .fold(f64::MIN, f64::max)
                .max(0.0)
        })
        .collect();
    let largest = columns.iter().copied().fold(0.0, f64::max);
    for line in (0..CURVE_LINES).rev() {
        let scale = if line == CURVE_LINES - 1 { largest.to_string() } else { String::new() };
        let blocks: String = columns.iter().map(|value| block(*value, largest, line)).collect();
        writeln!(out, "{scale:>12} │{}", blocks.trim_end())?;
    }
    let first = points.first().map_or("", |(label, _)| label);
    let last = points.last().map_or("", |(label, _)| label);
    writeln!(out, "{:>12} └{}", 0, "─".repeat(room))?;
    writeln!(out, "{:>14}{first} .. {last}", "")
}

fn block(value: f64, largest: f64, line: usize) -> char {
    if largest <= 0.0 {
        return ' ';
    }
    let eighths = (value / largest * (CURVE_LINES * 8) as f64).round() as usize;
    match eighths.saturating_sub(line * 8) {
        0 => ' ',
        n => BELOW.get(n.min(8) - 1).copied().unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use model::{DateTime, Schema, TimeSpan};

    use super::*;

    fn drawn(rows: &Rows, kind: &str, size: (usize, usize)) -> String {
        let mut out = Vec::new();
        write(rows, kind, size, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn rows(labels: ScalarType, values: impl IntoIterator<Item = (Value, f64)>) -> Rows {
        let schema = Schema::new([("label", labels), ("value", ScalarType::Real)]);
        Rows::from_values(
            Arc::new(schema),
            values.into_iter().map(|(label, value)| vec![label, Value::Real(value)]),
        )
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        let rows = rows(
            ScalarType::String,
            [("all", 8.0), ("half", 4.0), ("none", 0.0), ("less", -3.0), ("nan", f64::NAN)]
                .map(|(label, value)| (Value::string(label), value)),
        );
        let text = drawn(&rows, "barchart", (30, 24));
        let lengths: Vec<usize> = text.lines().map(|l| l.matches('█').count()).collect();
        assert_eq!(lengths, [20, 10, 0, 0, 0], "{text}");
        assert!(text.lines().all(|l| l.width() <= 30), "{text}");
    }

    #[test]
    fn a_curve_fits_the_terminal_whatever_it_shows() {
        let start = DateTime::parse("2026-01-01").unwrap();
        for count in [1_i64, 7, 3000] {
            let at = |n: i64| start.checked_add(TimeSpan::from_ticks(n * 600_000_000)).unwrap();
            let points = (0..count).map(|n| (Value::DateTime(at(n)), (n % 9) as f64));
            let text = drawn(&rows(ScalarType::DateTime, points), "timechart", (60, 24));
            assert!(text.lines().take(CURVE_LINES + 1).all(|l| l.width() <= 60), "{text}");
            assert!(text.contains("2026-01-01T00:00:00Z"), "{text}");
            assert_eq!(text.contains('█'), count > 1, "{text}");
        }
    }

    #[test]
    fn what_is_no_chart_becomes_a_table() {
        let schema = Schema::new([("a", ScalarType::String), ("b", ScalarType::String)]);
        let rows =
            Rows::from_values(Arc::new(schema), [vec![Value::string("x"), Value::string("y")]]);
        assert!(drawn(&rows, "", (80, 24)).starts_with("a  b"));
    }
}
