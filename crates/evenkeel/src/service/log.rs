//! The log: one line per event, on stderr. Started once, before anything can happen.

use std::io;

use evenkeel_control::SetLevel;
use evenkeel_control::config::LogLevel;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;

use crate::stderr::Stderr;
use crate::terminal::wants_colour;

/// From now on, events of `level` and above are written. What it returns changes the level.
pub(super) fn start(level: LogLevel) -> SetLevel {
    let (level, handle) = reload::Layer::new(LevelFilter::from_level(max_level(level)));
    let lines = tracing_subscriber::fmt::layer()
        .compact()
        .with_target(false)
        .with_ansi(wants_colour(&io::stderr()))
        .with_writer(|| Stderr);
    let subscriber = tracing_subscriber::registry().with(level).with(lines);
    // It fails only if there is one already, which then does the same.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Box::new(move |level| {
        // It fails only if the subscriber is gone, and then nothing is written.
        let _ = handle.reload(LevelFilter::from_level(max_level(level)));
    })
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
