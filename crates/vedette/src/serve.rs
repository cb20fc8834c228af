//! `vedette serve`: builds the house, opens the one port, runs the tasks, and ends in order.

mod audit;
mod built_in;
mod certificates;
mod deeds;
mod elsewhere;
mod greeting;
mod health;
mod host_logs;
mod house;
mod listener;
mod machine;
mod memory;
mod outside;
mod own_rows;
mod patience;
mod probe;
mod request_body;
mod sources;
mod tasks;
mod usage;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::ServeArgs;
use crate::outcome::{Outcome, WrongUse};

use house::House;
use sources::Sources;

/// Deep queries and parsers want more stack than the default.
const STACK_BYTES: usize = 16 << 20;
/// Longest wait for requests under way once the end was asked for.
const DRAIN: Duration = Duration::from_secs(8);

pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<Outcome> {
    memory::hold_free();
    start_log(&arguments.log)?;
    memory::use_small_pages();
    raise_file_limit();
    keep_memory_private();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .thread_name("vedette")
        .thread_keep_alive(memory::REST)
        .on_thread_park(memory::sweep)
        .build()
        .context("cannot start threads")?;
    runtime.block_on(serve(arguments))?;
    runtime.shutdown_timeout(Duration::from_millis(500));
    Ok(Outcome::Done)
}

async fn serve(arguments: &ServeArgs) -> anyhow::Result<()> {
    // The port first: without it nothing else is worth doing.
    let listener = TcpListener::bind(arguments.listen).with_context(|| {
        let address = arguments.listen;
        format!(
            "cannot listen on {address}; choose another address with --listen, or end what uses it"
        )
    })?;
    let address = listener.local_addr()?;
    let house = Arc::new(House::open(arguments, address).await?);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = tasks::start(&house, &stopped);
    let (audit, recording) = audit::start(&house, stopped.clone());
    tasks.push(recording);
    let audit_of_machine = Arc::clone(&audit);
    machine::start(&house, arguments, audit_of_machine, stopped.clone()).await?;
    let reader = (!arguments.no_host_logs).then(|| host_logs::start(&house, stopped.clone()));
    greeting::tell(&house, arguments)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sources = Arc::new(Sources::new(arguments.connections_per_address));
    let serving = listener::serve(listener, Arc::clone(&house), audit, sources, stopped);
    let serving = tokio::spawn(serving);
    tokio::select! {
        _ = terminate.recv() => tracing::info!("asked to end: finishing what is under way"),
        _ = interrupt.recv() => tracing::info!("interrupted: finishing what is under way"),
    }
    stop.send_replace(true);
    let drained = async {
        let _ = serving.await; // ends with the last connection
        for task in tasks {
            let _ = task.await;
        }
        if let Some(reader) = reader.flatten() {
            let _ = reader.await;
        }
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("requests still under way after {} s are broken off", DRAIN.as_secs());
    }
    house.vault_audit.close().await;
    let logs = Arc::clone(&house.logs);
    let end = move || {
        logs.shorten_log();
        logs.shutdown();
    };
    tokio::task::spawn_blocking(end).await?;
    tracing::info!("ended");
    Ok(())
}

/// Thousands of connections want more open files than a shell allows by default: as many as the system lets us have.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// The memory holds keys: no core dumps, and no looking in by other processes of the same user.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be hidden from debuggers");
    }
}

/// Structured lines to stderr; `filter` as tracing's env-filter has it.
fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|e| {
        WrongUse::because(format!(
            "--log '{filter}' is no filter: {e}; try info or logs=debug,info"
        ))
    })?;
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        // where stderr is a file on the disk that is full, the line about the lost line would end the thread
        .log_internal_errors(false)
        .init();
    Ok(())
}
