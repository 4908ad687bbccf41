//! The program: its command line, its signals, its exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dbal::Result;
use dbal::config::{Environment, Settings};
use dbal::yaml::{Fault, Severity};
use tokio::signal::unix::{SignalKind, signal};

use crate::check::{Checked, check};
use crate::log;
use crate::start::{Daemon, Options};

/// dbal over HTTP, WebSocket and gRPC, for code that may not hold database credentials.
#[derive(Debug, Parser)]
#[command(version)]
#[command(after_help = "\
Without --config these variables say what counts: DATABASE_URL (or DATABASE_URL_FILE), DBAL_SCHEMA, DBAL_BIND, DBAL_MODE,
DBAL_SANDBOX, DBAL_INSECURE.

Signals: SIGTERM and SIGINT answer what is under way and end, a second one ends at once; SIGHUP reads access rules, keys
and certificates again, which also happens by itself when the files change.

Exit codes: 0 ended as told; 1 it could not start; 2 the command line makes no sense.")]
struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read everything that a start reads, tell every fault, and end without listening
    #[arg(long)]
    check_config: bool,
    /// Write the configuration that counts, secrets masked, and end
    #[arg(long)]
    print_config: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (settings, told) = settings(&arguments);
    let faulty = told.iter().any(|fault| fault.severity == Severity::Error);
    if let (true, false, Some(settings)) = (arguments.print_config, faulty, &settings) {
        print!("{}", settings.to_yaml());
        if !arguments.check_config {
            return ExitCode::SUCCESS;
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("dbal").build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads could be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match settings {
        Some(settings) if !faulty && !arguments.check_config => {
            log::begin(&settings.logging);
            ended(runtime.block_on(run(settings)))
        }
        settings => told_of(&runtime.block_on(check(settings.as_ref(), &told))),
    };
    // What still runs would keep the process for as long as it likes.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

/// What can be read of the configuration, its faults and its warnings.
fn settings(arguments: &Arguments) -> (Option<Settings>, Vec<Fault>) {
    match &arguments.config {
        Some(file) => Settings::look(file),
        None => Settings::look_at(&Environment::process()),
    }
}

fn told_of(checked: &Checked) -> ExitCode {
    for warning in &checked.warnings {
        eprintln!("warning: {warning}");
    }
    for fault in &checked.faults {
        eprintln!("{fault}");
    }
    if !checked.faults.is_empty() {
        return ExitCode::FAILURE;
    }
    eprintln!("the configuration is sound");
    ExitCode::SUCCESS
}

fn ended(done: Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    eprintln!("{error}");
    if let Some(detail) = error.detail() {
        eprintln!("{detail}");
    }
    ExitCode::FAILURE
}

async fn run(settings: Settings) -> Result<()> {
    let of = |kind: SignalKind| {
        signal(kind).map_err(|error| dbal::Error::internal(format!("a signal could not be waited for: {error}")))
    };
    let (mut term, mut interrupt, mut hangup) =
        (of(SignalKind::terminate())?, of(SignalKind::interrupt())?, of(SignalKind::hangup())?);
    let daemon = Daemon::start(Options::new(settings)).await?;
    let (address, admin) = (daemon.address(), daemon.admin_address());
    tracing::info!(%address, %admin, version = env!("CARGO_PKG_VERSION"), "listening");
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => daemon.reload(),
        }
    }
    tracing::info!("stopping");
    tokio::select! {
        () = daemon.stop() => tracing::info!("stopped"),
        _ = term.recv() => tracing::warn!("ended without waiting"),
        _ = interrupt.recv() => tracing::warn!("ended without waiting"),
    }
    Ok(())
}
