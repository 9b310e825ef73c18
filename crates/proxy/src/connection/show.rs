//! What a connection shows of itself to whoever looks: copies, made only then.

use std::time::Instant;

use evenkeel_plan::sight::{self, TEXT_BYTES_MAX};
use evenkeel_proto::head::RequestHead;

use super::Connection;
use crate::deadline::Deadline;
use crate::exchange::Progress;

/// The exchange that runs on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) request_id: &'a [u8],
    /// When its first byte was there.
    pub(super) started: Instant,
    pub(super) progress: &'a Progress<'a>,
}

impl Connection {
    /// Shows this connection, and the exchange on it if there is one.
    pub(super) fn show(&self, deadline: &Deadline, shown: Option<&Shown<'_>>) {
        let began = shown.map(|shown| self.worker.time(shown.started));
        self.worker.looks.see(deadline, &self.entrance.name, (self.opened, began), || {
            let now = self.worker.now();
            sight::Connection {
                listener: (&*self.entrance.name).into(),
                client: self.client,
                open: self.worker.time(now).since(self.opened),
                requests: self.requests.get(),
                exchange: shown.map(|shown| shown.at(now)),
            }
        });
    }
}

impl Shown<'_> {
    fn at(&self, now: Instant) -> sight::Exchange {
        let Self { head, request_id, started, progress } = self;
        sight::Exchange {
            method: text(head.method_token()),
            target: text(path(head)),
            host: head.authority().map(text),
            request_id: text(request_id),
            cluster: progress.cluster.get().map(Into::into),
            endpoint: progress.endpoint.get().map(Into::into),
            attempts: progress.attempts.get(),
            running: now.saturating_duration_since(*started),
            phase: progress.phase.get(),
        }
    }
}

/// The path without the query.
pub(super) fn path(head: &RequestHead) -> &[u8] {
    head.path().split(|&byte| byte == b'?').next().unwrap_or_default()
}

/// As much of `bytes` as may be shown, without half a character at the end.
pub(super) fn text(bytes: &[u8]) -> Box<str> {
    // The rest of the character that begins just before the end.
    let kept = &bytes[..bytes.len().min(TEXT_BYTES_MAX + 3)];
    let text = String::from_utf8_lossy(kept);
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].into()
}

#[cfg(test)]
mod tests;
