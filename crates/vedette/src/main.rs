//! The one binary: reads the command line, does what it says, and ends with the exit code that tells how it went.

mod cli;
mod client;
mod environment;
mod instance;
mod outcome;
mod output;
mod query;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use cli::Command;
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

fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Env(arguments) => environment::run(&arguments),
        Command::Token(arguments) => environment::token(&arguments),
        Command::Query(arguments) => query::run(&arguments),
    }
}
