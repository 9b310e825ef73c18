//! A worker's access log: says which exchanges are kept, makes their lines and sends them. The worker holds one.

use evenkeel_plan::access::{AccessFormat, AccessLog};
use evenkeel_plan::lines::LineSender;

use super::{Record, combined, json};

/// Where the lines of one worker go. Never waits.
#[derive(Debug)]
pub(crate) struct Log {
    lines: LineSender,
    /// The line in the making; kept, so that its memory is.
    line: Vec<u8>,
}

impl Log {
    pub(crate) fn new(lines: LineSender) -> Self {
        Self { lines, line: Vec::new() }
    }

    /// Logs an exchange, if `rules` want it.
    pub(crate) fn write(&mut self, rules: AccessLog, record: &Record<'_>) {
        if !rules.keeps(record.has_failed()) {
            return;
        }
        self.line.clear();
        match rules.format {
            AccessFormat::Json => json(&mut self.line, record),
            AccessFormat::Combined => combined(&mut self.line, record),
        }
        self.lines.send(&self.line);
    }
}
