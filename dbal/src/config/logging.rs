//! `logging:`, what a daemon tells of its work.

use std::time::Duration;

use super::reader::Reader;
use crate::yaml::Block;

/// What a daemon tells of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The least that is told.
    pub level: Level,
    /// How lines look.
    pub format: LogFormat,
    /// A query that takes longer is told of, by its form and without its values.
    pub slow_query: Option<Duration>,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something should be looked at.
    Warn,
    /// What happens now and then.
    #[default]
    Info,
    /// What happens with each request.
    Debug,
    /// Everything.
    Trace,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Pretty,
}

impl Logging {
    pub(super) fn read(reader: &Reader<'_>, file: &mut Block<'_>) -> Logging {
        let mut logging = Logging::default();
        let Some(mut block) = reader.section(file, "logging", "logging") else { return logging };
        let levels = [
            ("error", Level::Error),
            ("warn", Level::Warn),
            ("info", Level::Info),
            ("debug", Level::Debug),
            ("trace", Level::Trace),
        ];
        logging.level = block.word("level", &levels).unwrap_or_default();
        let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
        logging.format = block.word("format", &formats).unwrap_or_default();
        let threshold = block.integer("slow_query_threshold_ms", 0, 86_400_000);
        logging.slow_query = threshold.map(|millis| Duration::from_millis(millis as u64));
        block.finish();
        logging
    }
}
