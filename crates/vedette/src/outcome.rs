//! How a command ended: exit codes 0 done, 1 findings, 2 wrong use, 3 could not; errors go to stderr.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Done.
pub(crate) const DONE: u8 = 0;
/// Something to look at was found.
const FINDINGS: u8 = 1;
/// The command was given wrongly.
pub(crate) const WRONG_USE: u8 = 2;
/// The command could not be carried out.
const COULD_NOT: u8 = 3;

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to complain about.
    Done,
    /// Findings or failed checks; they have been told.
    Findings,
}

/// What was asked for makes no sense: the caller must change the command, not the machine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUse(pub(crate) String);

impl WrongUse {
    /// As the error of a command.
    pub(crate) fn because(text: impl Into<String>) -> anyhow::Error {
        Self(text.into()).into()
    }
}

/// Tells an error and gives the exit code.
pub(crate) fn exit_code(result: anyhow::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(Outcome::Done) => return ExitCode::from(DONE),
        Ok(Outcome::Findings) => return ExitCode::from(FINDINGS),
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return ExitCode::from(DONE); // `vedette ... | head` has seen enough
    }
    let _ = writeln!(io::stderr(), "vedette: {error:#}"); // nobody is left to tell when stderr is gone
    ExitCode::from(if error.downcast_ref::<WrongUse>().is_some() { WRONG_USE } else { COULD_NOT })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io_error = |e: &(dyn std::error::Error + 'static)| {
        e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
    };
    error.chain().any(io_error)
}
