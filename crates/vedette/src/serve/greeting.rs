//! What a start prints: that it runs, and what to type next.

use super::House;
use crate::cli::ServeArgs;
use crate::output::line;

/// Lines to type next, with `{vedette}` and `{data}` to be filled in, and what each is for.
const NEXT: &[(&str, &str)] = &[
    ("eval \"$({vedette} env --data {data})\"", "for Azure SDKs, tools and the lines below"),
    (
        "{vedette} query --server 'Syslog | summarize count() by ProcessName'",
        "this machine's own logs",
    ),
    ("{vedette} simulate", "an attack story, and its incidents within two minutes"),
    ("{vedette} ingest FILE...", "CSV, JSON, EVTX, CEF, syslog, Parquet into tables"),
    ("{vedette} incident list", ""),
    ("{vedette} user add NAME --administrator", "somebody who signs in with a browser"),
];

pub(super) fn tell(house: &House, arguments: &ServeArgs) -> anyhow::Result<()> {
    let data = arguments.data.display().to_string();
    line(&format!("vedette answers at {}, its data is in {data}", house.instance.url))?;
    if house.first_start {
        line(
            "First start: made a certificate authority, a tenant, a workspace and an administrator.",
        )?;
    }
    line("In another terminal:")?;
    for (command, purpose) in NEXT {
        let command = command.replace("{vedette}", &program()).replace("{data}", &data);
        let purpose = if purpose.is_empty() { String::new() } else { format!("   # {purpose}") };
        line(&format!("  {command}{purpose}"))?;
    }
    Ok(())
}

/// The binary as it was called, so that the lines can be typed as they stand.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "vedette".to_owned())
}
