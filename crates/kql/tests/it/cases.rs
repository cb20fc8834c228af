//! The documents in `cases/`: each query with its tree, its findings, or both.
//!
//! `GOLDEN=1 cargo test -p kql cases` writes what the parser says into them; read the difference before keeping it.

use std::{fmt::Write, fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

/// A fenced block: its word, and the lines inside.
struct Block {
    word: String,
    text: String,
}

/// A document as prose and blocks in turn.
enum Part {
    Prose(String),
    Block(Block),
}

fn parts(document: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut prose = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(word) = line.strip_prefix("```") else {
            let _ = writeln!(prose, "{line}");
            continue;
        };
        if !prose.is_empty() {
            parts.push(Part::Prose(std::mem::take(&mut prose)));
        }
        let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        parts.push(Part::Block(Block { word: word.to_owned(), text: inside.join("\n") }));
    }
    if !prose.is_empty() {
        parts.push(Part::Prose(prose));
    }
    parts
}

/// `SYN0002 [1,14] 'wher' did you mean 'where'?`, one a line.
fn findings(parsed: &kql::Parsed) -> String {
    let line = |found: &kql::Diagnostic| {
        let mark = if found.severity == kql::Severity::Warning { "warning " } else { "" };
        let hint = found.hint.as_deref().unwrap_or_default();
        assert!(found.message.ends_with(&found.position.to_string()), "{found}");
        format!("{mark}{} {} '{}' {hint}", found.code, found.position, found.token)
    };
    parsed.diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The document with every tree and finding as the parser gives it now, and how many queries it holds.
fn refreshed(document: &str) -> (String, usize) {
    let mut out = String::new();
    let mut count = 0;
    let mut parsed = kql::parse("");
    let mut parts = parts(document).into_iter().peekable();
    while let Some(part) = parts.next() {
        let block = match part {
            Part::Prose(prose) => {
                out.push_str(&prose);
                continue;
            }
            Part::Block(block) => block,
        };
        let text = match block.word.as_str() {
            "tree" => parsed.query.dump(),
            "findings" => findings(&parsed),
            "kql" => {
                count += 1;
                parsed = kql::parse(&block.text);
                block.text
            }
            word => panic!("what is a block of {word:?}?"),
        };
        let _ = writeln!(out, "```{}\n{text}\n```", block.word);
        // Findings that nobody expects are shown behind the tree.
        let is_silent = !matches!(parts.peek(), Some(Part::Block(_)));
        if block.word == "tree" && is_silent && !parsed.diagnostics.is_empty() {
            let _ = writeln!(out, "```findings\n{}\n```", findings(&parsed));
        }
    }
    (out, count)
}

#[test]
fn documents_hold() {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut count = 0;
    let mut stale = Vec::new();
    for path in files {
        let before = fs::read_to_string(&path).unwrap();
        let (now, cases) = refreshed(&before);
        count += cases;
        if before == now {
            continue;
        }
        if std::env::var_os("GOLDEN").is_some() {
            fs::write(&path, &now).unwrap();
        }
        let differing = before.lines().zip(now.lines()).find(|(before, now)| before != now);
        let (before, now) = differing.unwrap_or(("(end)", "(end)"));
        stale.push(format!("{}\n  kept: {before}\n  now:  {now}", path.display()));
    }
    assert!(count > 100, "{count} cases only");
    assert!(stale.is_empty(), "documents differ:\n{}", stale.join("\n"));
}
