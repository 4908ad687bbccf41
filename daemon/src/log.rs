//! What is told of the daemon's work, on standard error.

use dbal::config::{Level, LogFormat, Logging};
use tracing::level_filters::LevelFilter;

/// Begins telling. A second call in a process changes nothing.
pub fn begin(logging: &Logging) {
    let level = match logging.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    // Only the first subscriber of a process counts.
    let _ = match logging.format {
        LogFormat::Json => tracing::subscriber::set_global_default(lines.json().flatten_event(true).finish()),
        LogFormat::Pretty => tracing::subscriber::set_global_default(lines.with_ansi(false).finish()),
    };
}
