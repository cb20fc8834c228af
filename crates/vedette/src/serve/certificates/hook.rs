//! Programs of the operator: run by name, from the instance's folder of hooks alone, with plain arguments and no shell.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::PIN_VARIABLE;

/// Longest run.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `hooks/name` and waits for it; anything but success is a failure in words. What the arguments say, variables say
/// too: a text in them is never taken for an option.
pub(super) fn run(
    hooks: &Path,
    name: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    let program = hooks.join(name);
    if !plain || !program.is_file() {
        return Err(format!("there is no program '{name}' in {}", hooks.display()));
    }
    let child = Command::new(&program)
        .args(arguments)
        .envs(variables.iter().copied())
        .env_remove(PIN_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|e| format!("{}: {e}", program.display()))?;
    let step = Duration::from_millis(50);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{name} ended with {status}")),
            Ok(None) => std::thread::sleep(step),
            Err(error) => return Err(format!("{name}: {error}")),
        }
    }
    let _ = child.kill(); // it had its time
    let _ = child.wait();
    Err(format!("{name} ran longer than {} s", PATIENCE.as_secs()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_what_lies_in_the_folder_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("good");
        std::fs::write(&script, "#!/bin/sh\ntest \"$1 $V\" = \"yes v\"\n").unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let variables = [("V", "v")];
        assert!(run(folder.path(), "good", &["yes"], &variables).is_ok());
        assert!(
            run(folder.path(), "good", &["no"], &variables).unwrap_err().contains("ended with")
        );
        for bad in ["", "missing", "../good", "/bin/true", ".", "."] {
            let refused = run(folder.path(), bad, &[], &[]).unwrap_err();
            assert!(refused.contains("no program"), "{bad}");
        }
    }
}
