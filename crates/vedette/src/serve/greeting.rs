//! What a start prints: that it runs, and what to type next.

use super::House;
use crate::cli::ServeArgs;
use crate::output::line;

pub(super) fn tell(house: &House, arguments: &ServeArgs) -> anyhow::Result<()> {
    let (url, data) = (&house.instance.url, arguments.data.display());
    line(&format!("vedette answers at {url}, data in {data}"))?;
    if house.first_start {
        line("")?;
        line(
            "This was the first start: a tenant, a workspace and an administrator were made. In another terminal:",
        )?;
    } else {
        line("In another terminal:")?;
    }
    line(&format!(
        "  eval \"$(vedette env --data {data})\"                       # for Azure SDKs, tools and the next lines"
    ))?;
    line("  vedette query --server 'Syslog | summarize count() by ProcessName'")?;
    line(
        "  vedette simulate                                          # an attack, and its incidents two minutes later",
    )?;
    line("  vedette incident list")?;
    Ok(())
}
