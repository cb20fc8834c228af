//! "Did you mean ...?": the nearest of some known names.

/// Names longer than this are not compared.
const NAME_CHARS_MAX: usize = 64;

/// The candidate that `name` was most likely meant to be, if one is near enough.
///
/// Differences of case count least; otherwise letters missing, added, changed or swapped with their neighbour.
///
/// ```
/// assert_eq!(kql::suggest("wher", ["where", "extend"]), Some("where"));
/// assert_eq!(kql::suggest("zzz", ["where", "extend"]), None);
/// ```
pub fn suggest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(NAME_CHARS_MAX + 1).collect();
    if wanted.is_empty() || wanted.len() > NAME_CHARS_MAX {
        return None;
    }
    let allowed = if wanted.len() < 3 { 1 } else { (wanted.len() / 3).clamp(1, 3) };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        // most names differ in length already; those are not even read
        if name.is_ascii() && candidate.is_ascii() && candidate.len().abs_diff(name.len()) > allowed
        {
            continue;
        }
        let offered: Vec<char> = candidate.to_lowercase().chars().collect();
        if offered.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let distance = distance(&wanted, &offered);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    // A one-letter name differs from any other by one letter.
    best.filter(|(distance, _)| *distance < wanted.len()).map(|(_, candidate)| candidate)
}

/// Edits between two names, where swapped neighbours count once.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row + 1);
        for (column, to) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut least = get(&last, column) + usize::from(from != to);
            least = least.min(get(&last, column + 1) + 1).min(get(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && a.get(row - 1) == Some(to)
                && b.get(column - 1) == Some(from);
            if swapped {
                least = least.min(get(&before, column - 1) + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["where", "extend", "summarize", "mv-expand", "StormEvents", "in"];

    #[test]
    fn the_nearest_name_is_offered() {
        let cases = [
            ("wher", Some("where")),
            ("hwere", Some("where")),
            ("WHERE", Some("where")),
            ("sumarise", Some("summarize")),
            ("mvexpand", Some("mv-expand")),
            ("stormevent", Some("StormEvents")),
            ("x", None),
            ("", None),
            ("unrelated", None),
        ];
        for (name, expected) in cases {
            assert_eq!(suggest(name, NAMES), expected, "{name}");
        }
    }

    #[test]
    fn hostile_names_end_quickly() {
        assert_eq!(suggest(&"a".repeat(1_000_000), NAMES), None);
        assert_eq!(suggest("\u{0}\u{ffff}", NAMES), None);
    }
}
