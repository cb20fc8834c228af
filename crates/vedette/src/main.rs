//! The one binary: reads the command line, does what it says, and ends with the exit code that tells how it went.

mod cli;
mod output;
mod outcome;
mod query;

use std::process::ExitCode;

use clap::Parser;

use outcome::Outcome;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match cli::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            let _ = error.print(); // nobody is left to tell when the terminal is gone
            return ExitCode::from(if error.use_stderr() { outcome::WRONG_USE } else { outcome::DONE });
        }
    };
    outcome::exit_code(run(command))
}

fn run(command: cli::Command) -> anyhow::Result<Outcome> {
    match command {
        cli::Command::Query(arguments) => query::run(&arguments),
    }
}
