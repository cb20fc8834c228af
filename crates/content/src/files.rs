//! Content that ships as text files: rules, later policies, workbooks, playbooks, roles.

/// (path below `content/`, text), sorted by path.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// All files below a folder such as `analytics-rules`, as (path below `content/`, text), sorted by path; empty for an
/// unknown folder.
pub fn files(folder: &str) -> &'static [(&'static str, &'static str)] {
    let folder = folder.trim_matches('/');
    let start = FILES.partition_point(|(path, _)| position(path, folder).is_lt());
    let end = FILES.partition_point(|(path, _)| position(path, folder).is_le());
    FILES.get(start..end).unwrap_or_default()
}

/// The text of one file, by its path below `content/`.
pub fn text(path: &str) -> Option<&'static str> {
    let at = FILES.binary_search_by(|(p, _)| (*p).cmp(path)).ok()?;
    FILES.get(at).map(|(_, text)| *text)
}

/// Where a path lies in the order of all paths: before, in, or behind a folder.
fn position(path: &str, folder: &str) -> std::cmp::Ordering {
    match path.strip_prefix(folder) {
        Some(rest) if rest.starts_with('/') => std::cmp::Ordering::Equal,
        _ => path.bytes().cmp(folder.bytes().chain([b'/'])),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_folder_gives_its_files_in_order() {
        let rules = files("analytics-rules");
        assert!(rules.len() >= 8);
        assert!(
            rules
                .iter()
                .all(|(path, text)| path.starts_with("analytics-rules/") && !text.is_empty())
        );
        assert!(rules.is_sorted());
        assert_eq!(files("/analytics-rules/"), rules);
        for missing in
            ["", "analytics", "analytics-rule", "analytics-rules-", "tables", "zzz", "../tables"]
        {
            assert!(files(missing).is_empty(), "{missing}");
        }
        assert_eq!(text(rules[0].0), Some(rules[0].1));
        assert_eq!(text("analytics-rules"), None);
    }
}
