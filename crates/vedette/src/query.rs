//! `vedette query`: KQL over local files without a server, or over the running one.

mod explain;
mod files;
mod local;
pub(crate) mod remote;

use std::io::{self, Read};

use anyhow::Context;
use model::QueryError;

use crate::cli::QueryArgs;
use crate::client::Client;
use crate::external::External;
use crate::outcome::{Outcome, WrongUse};
use crate::output;

pub(crate) fn run(arguments: &QueryArgs) -> anyhow::Result<Outcome> {
    let text = text(arguments)?;
    let text = if arguments.explain { explain::asking(&text) } else { text };
    let mut answer = match arguments.server {
        true => remote::ask(
            &Client::connect(&arguments.connection)?,
            &text,
            arguments.timespan.as_deref(),
        )?,
        false => local::ask(
            &text,
            &arguments.table,
            arguments.mmdb.as_deref(),
            External::new(&arguments.allow_external)?,
        )?,
    };
    if arguments.explain {
        explain::only_plan(&mut answer);
    }
    output::write(&answer, arguments.format)?;
    Ok(Outcome::Done)
}

/// The query: the argument, a file, or standard input.
fn text(arguments: &QueryArgs) -> anyhow::Result<String> {
    if let Some(path) = &arguments.file {
        return std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the query from {}", path.display()));
    }
    if let Some(text) = arguments.text.as_deref().filter(|t| *t != "-") {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read the query from standard input")?;
    if text.trim().is_empty() {
        return Err(WrongUse::because("no query given; try: vedette query 'print 1'"));
    }
    Ok(text)
}

/// A refused query is told with its place; a text that means nothing is wrong use.
fn refused(error: QueryError) -> anyhow::Error {
    match &error {
        QueryError::Syntax { message, .. } => WrongUse::because(message.clone()),
        QueryError::Semantic { message, line, pos, .. } => {
            WrongUse::because(format!("{message} [line {line}, position {pos}]"))
        }
        _ => error.into(),
    }
}
