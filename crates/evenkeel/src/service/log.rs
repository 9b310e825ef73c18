//! The log: one line per event, on stderr. Started once, before anything can happen.

use std::io;

use evenkeel_control::config::LogLevel;
use tracing::Level;

use crate::stderr::Stderr;
use crate::terminal::wants_colour;

/// From now on, events of `level` and above are written.
pub(super) fn start(level: LogLevel) {
    let subscriber = tracing_subscriber::fmt()
        .compact()
        .with_target(false)
        .with_max_level(max_level(level))
        .with_ansi(wants_colour(&io::stderr()))
        .with_writer(|| Stderr)
        .finish();
    // It fails only if there is one already, which then does the same.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn max_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}
