//! The program: its command line, its signals, its exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dbal::config::{Database, Environment, Secret, Settings};
use dbal::yaml::Faults;
use dbal::{AsyncClient, Config, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::identity::Configured;
use crate::log;
use crate::start::{Daemon, Options};
use crate::tls::Encryption;

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
    let settings = match settings(&arguments) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.print_config {
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
    let done = match arguments.check_config {
        true => runtime.block_on(check(&settings)),
        false => {
            log::begin(&settings.logging);
            runtime.block_on(run(settings))
        }
    };
    // What still runs would keep the process for as long as it likes.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            if let Some(detail) = error.detail() {
                eprintln!("{detail}");
            }
            ExitCode::FAILURE
        }
    }
}

fn settings(arguments: &Arguments) -> Result<Settings, Faults> {
    match &arguments.config {
        Some(file) => Settings::load(file),
        None => Settings::from_environment(&Environment::process()),
    }
}

/// Opens all that a start opens but the sockets.
async fn check(settings: &Settings) -> Result<()> {
    if let Some(refusal) = settings.server.refusal() {
        return Err(dbal::Error::validation("server.bind", refusal.trim_start_matches("server.bind: ").to_owned()));
    }
    Configured::new(&settings.auth)?;
    Encryption::new(&settings.server.tls)?;
    let mut config = Config::from_settings(settings)?;
    if config.file().is_some_and(|file| !file.exists()) {
        // To look must not make a database.
        let url = Some(Secret::new("sqlite::memory:"));
        let database = Database { url, ..settings.database.clone() };
        config = Config::from_settings(&Settings { database, ..settings.clone() })?;
    }
    let client = AsyncClient::open(config).await?;
    for warning in settings.warnings.iter().chain(client.blocking().warnings()) {
        eprintln!("warning: {warning}");
    }
    eprintln!("the configuration is sound");
    Ok(())
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
