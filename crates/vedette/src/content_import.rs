//! `vedette content import`: a folder of detection content into the running server, and a report on every file.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::ProgressBar;
use sentinel::import::{Applied, Entry, Import, ItemKind, Outcome as Became};
use serde_json::Value;

use crate::cli::ImportArgs;
use crate::client::Client;
use crate::outcome::{Outcome, WrongUse};
use crate::output::line;

const API_VERSION: &str = "2025-10-01-preview";
/// Items stored by one call.
const ITEMS: usize = 100;
/// Larger files are no content.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Refused items named on the terminal.
const TOLD_MAX: usize = 20;

const KINDS: &[ItemKind] = &[
    ItemKind::AnalyticsRule,
    ItemKind::HuntingQuery,
    ItemKind::Parser,
    ItemKind::SavedSearch,
    ItemKind::Watchlist,
    ItemKind::Playbook,
    ItemKind::Workbook,
    ItemKind::EntityQuery,
    ItemKind::File,
];

pub(crate) fn run(arguments: &ImportArgs) -> anyhow::Result<Outcome> {
    let client = Client::connect(&arguments.connection)?;
    let files = files(&arguments.path)?;
    let mut import = sentinel::import::read(files);
    let bar = ProgressBar::new(
        (import.functions.len() + import.searches.len() + import.rules.len()) as u64,
    );
    let path =
        client.workspace_path("providers/Microsoft.SecurityInsights/importContent", API_VERSION);
    let mut results = Vec::new();
    for part in parts(&import) {
        let mut body = part.to_json();
        body["enable"] = arguments.enable.into();
        let answer = client.call("POST", &path, Some(&body))?;
        let list = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        bar.inc(list.len() as u64);
        results.extend(list.iter().filter_map(applied));
    }
    bar.finish_and_clear();
    import.note(&results);
    if let Some(report) = &arguments.report {
        let text = serde_json::to_string_pretty(&import.report.to_json())?;
        fs::write(report, text)
            .with_context(|| format!("cannot write the report to {}", report.display()))?;
    }
    tell(&import, arguments.report.as_deref())
}

/// The import in pieces that fit into a call; functions first, because rules call them.
fn parts(import: &Import) -> Vec<Import> {
    let functions = import
        .functions
        .chunks(ITEMS)
        .map(|c| Import { functions: c.to_vec(), ..Import::default() });
    let searches =
        import.searches.chunks(ITEMS).map(|c| Import { searches: c.to_vec(), ..Import::default() });
    let rules =
        import.rules.chunks(ITEMS).map(|c| Import { rules: c.to_vec(), ..Import::default() });
    functions.chain(searches).chain(rules).collect()
}

fn applied(result: &Value) -> Option<Applied> {
    let text = |name: &str| result.get(name).and_then(Value::as_str);
    let all = [Became::Imported, Became::Skipped, Became::Refused];
    Some(Applied {
        kind: *KINDS.iter().find(|k| Some(k.name()) == text("kind"))?,
        id: text("id")?.to_owned(),
        outcome: *all.iter().find(|o| Some(o.name()) == text("status"))?,
        remark: text("reason").unwrap_or_default().to_owned(),
    })
}

/// Every file below the path, named from there.
fn files(root: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let about = || format!("cannot read {}", path.display());
        let kind = fs::symlink_metadata(&path).with_context(about)?;
        if kind.is_dir() {
            if path.file_name().is_some_and(|n| n == ".git") {
                continue;
            }
            for entry in fs::read_dir(&path).with_context(about)? {
                waiting.push(entry.with_context(about)?.path());
            }
        } else if kind.is_file() {
            let name =
                path.strip_prefix(root).ok().filter(|n| !n.as_os_str().is_empty()).unwrap_or(&path);
            let bytes = if kind.len() <= FILE_BYTES_MAX && may_be_content(&path) {
                fs::read(&path).with_context(about)?
            } else {
                Vec::new() // named in the report by its ending alone
            };
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
    if files.is_empty() {
        return Err(WrongUse::because(format!("there are no files in {}", root.display())));
    }
    Ok(files)
}

fn may_be_content(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("yaml" | "yml" | "json" | "txt" | "kql" | "csl" | "kusto"))
}

fn tell(import: &Import, report: Option<&Path>) -> anyhow::Result<Outcome> {
    for kind in KINDS {
        let count = |outcome| import.report.count(*kind, outcome);
        let (stored, skipped, refused) =
            (count(Became::Imported), count(Became::Skipped), count(Became::Refused));
        if stored + skipped + refused > 0 {
            line(&format!(
                "{:<14} {stored:>6} imported {skipped:>6} skipped {refused:>6} refused",
                kind.name()
            ))?;
        }
    }
    let refused: Vec<&Entry> =
        import.report.entries.iter().filter(|e| e.outcome == Became::Refused).collect();
    let mut err = io::stderr().lock();
    for entry in refused.iter().take(TOLD_MAX) {
        let _ = writeln!(err, "vedette: refused {}: {}", entry.path, entry.reason);
    }
    if refused.len() > TOLD_MAX {
        let more =
            if report.is_some() { "the report names them" } else { "--report FILE names them" };
        let _ = writeln!(err, "vedette: and {} more; {more}", refused.len() - TOLD_MAX);
    }
    Ok(if refused.is_empty() { Outcome::Done } else { Outcome::Findings })
}
