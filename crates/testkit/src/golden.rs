//! Golden files: what a test gave, compared with what it gave when someone last read it.

use std::path::PathBuf;

/// Compares `actual` with the file at `path` (below the crate's folder); with `GOLDEN=1` in the environment the file
/// is written instead. Read the difference in the repository before committing it.
///
/// # Panics
/// When they differ, naming the first line that does.
pub fn check_golden(path: &str, actual: &str) {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").expect("run by cargo");
    let file = PathBuf::from(root).join(path);
    if std::env::var_os("GOLDEN").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(file.parent().expect("a path with a parent")).expect("folder");
        std::fs::write(&file, actual).expect("golden file");
        return;
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{}: {error}; GOLDEN=1 writes it", file.display());
    });
    if let Some(difference) = difference(&wanted, actual) {
        panic!("{} {difference}\nGOLDEN=1 accepts the new text", file.display());
    }
}

/// The first line in which two texts differ.
fn difference(wanted: &str, actual: &str) -> Option<String> {
    if wanted == actual {
        return None;
    }
    let (mut old, mut new) = (wanted.lines(), actual.lines());
    let mut number = 1;
    loop {
        match (old.next(), new.next()) {
            (None, None) => return Some("differs in its line ends".to_owned()),
            (a, b) if a == b => number += 1,
            (a, b) => {
                let show = |line: Option<&str>| line.map_or("(end)".to_owned(), str::to_owned);
                return Some(format!(
                    "differs in line {number}\n  wanted: {}\n  actual: {}",
                    show(a),
                    show(b)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let text = difference("a\nb\n", "a\nc\n").unwrap();
        assert!(
            text.contains("line 2") && text.contains("wanted: b") && text.contains("actual: c")
        );
        assert!(difference("a\n", "a\nb\n").unwrap().contains("wanted: (end)"));
        assert!(difference("a\n", "a").unwrap().contains("line ends"));
    }
}
