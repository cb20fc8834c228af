//! The import over a copy of the public content repository, when one is at hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sentinel::import::{self, ItemKind, Outcome};

const VARIABLE: &str = "VEDETTE_SENTINEL_CONTENT";

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn almost_all_public_content_is_accepted() {
    let Ok(root) = std::env::var(VARIABLE) else {
        eprintln!(
            "SKIPPED: set {VARIABLE} to a checkout of the public content repository to run this test"
        );
        return;
    };
    let root = PathBuf::from(root);
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let read = paths.iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
        (name, fs::read(path).unwrap_or_default())
    });
    let import = import::read(read);
    let mut rates = BTreeMap::new();
    for kind in [ItemKind::AnalyticsRule, ItemKind::HuntingQuery, ItemKind::Parser] {
        let refused = import.report.count(kind, Outcome::Refused);
        let known = import.report.count(kind, Outcome::Imported)
            + import.report.count(kind, Outcome::Skipped);
        rates.insert(kind, (known, refused));
        eprintln!(
            "{}: {} imported, {} skipped, {refused} refused",
            kind.name(),
            import.report.count(kind, Outcome::Imported),
            import.report.count(kind, Outcome::Skipped)
        );
    }
    for entry in import.report.entries.iter().filter(|e| e.outcome == Outcome::Refused) {
        eprintln!("refused {} {}: {} {}", entry.kind.name(), entry.path, entry.name, entry.reason);
    }
    for (kind, (known, refused)) in rates {
        assert!(known > 0, "no {} found below {}", kind.name(), root.display());
        assert!(
            refused * 100 <= known + refused,
            "{}: {refused} of {} refused",
            kind.name(),
            known + refused
        );
    }
    let named: std::collections::HashSet<&str> =
        import.report.entries.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(named.len(), paths.len(), "every file is named");
}
