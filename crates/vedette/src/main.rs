//! The one binary: reads the command line, does what it says, and ends with the exit code that tells how it went.

mod built_in;
mod cli;
mod client;
mod content_import;
mod doctor;
mod environment;
mod external;
mod hosts;
mod incident;
mod ingest;
mod instance;
mod outcome;
mod output;
mod query;
mod serve;
mod simulate;
mod trust;
mod upload;
mod user;
mod vault;

use std::process::ExitCode;

use clap::Parser;

use cli::{Command, ContentCommand};
use outcome::Outcome;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match cli::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            let _ = error.print(); // nobody is left to tell when the terminal is gone
            return ExitCode::from(if error.use_stderr() {
                outcome::WRONG_USE
            } else {
                outcome::DONE
            });
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
        Command::Ingest(arguments) => ingest::run(&arguments),
        Command::Content(ContentCommand::Import(arguments)) => content_import::run(&arguments),
        Command::Incident(command) => incident::run(&command),
        Command::Vault(command) => vault::run(&command),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::User(command) => user::run(&command),
        Command::Hosts(arguments) => hosts::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    }
}
