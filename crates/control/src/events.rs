//! What has happened lately: endpoints that went up or down, reloads, overrides. Written by the checks and the conductor, read by
//! the admin API and by whoever shows it to people.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counts up from 1; starts anew with the process.
    pub seq: u64,
    /// When, in seconds of Unix time.
    pub at_unix_seconds: f64,
    /// How bad it is.
    pub level: EventLevel,
    /// What it is about.
    pub kind: EventKind,
    /// The cluster, if it is about one.
    pub cluster: Option<String>,
    /// The endpoint, if it is about one.
    pub endpoint: Option<String>,
    /// For a person.
    pub text: String,
}

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventLevel {
    /// Good, or as was asked for.
    Info,
    /// Bad for a part.
    Warn,
    /// What was asked for was not done.
    Error,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// An endpoint went up or down.
    Endpoint,
    /// A cluster began to use all its endpoints because too few are well, or ceased to.
    Cluster,
    /// A certificate, or a file beside it, came into use, was refused, or ends soon.
    Certificate,
    /// The file was read again.
    Reload,
    /// The admin API changed something.
    Override,
    /// The process started, or stops.
    Process,
}

/// The latest events, at most [`EVENTS_MAX`] of them.
#[derive(Debug)]
pub(crate) struct Events {
    ring: Mutex<VecDeque<Event>>,
    /// The number of the last one.
    last: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Self { ring: Mutex::default(), last: watch::Sender::new(0) }
    }
}

impl Events {
    /// Writes down what has just happened.
    pub(crate) fn note(&self, level: EventLevel, kind: EventKind, text: impl Into<String>) {
        self.note_about(level, kind, None, text);
    }

    /// The same about a cluster, and perhaps an endpoint of it.
    pub(crate) fn note_about(
        &self,
        level: EventLevel,
        kind: EventKind,
        about: Option<(&str, Option<&str>)>,
        text: impl Into<String>,
    ) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut ring = self.lock();
        let seq = *self.last.borrow() + 1;
        if ring.len() == EVENTS_MAX {
            ring.pop_front();
        }
        ring.push_back(Event {
            seq,
            at_unix_seconds: now.as_secs_f64(),
            level,
            kind,
            cluster: about.map(|(cluster, _)| cluster.to_owned()),
            endpoint: about.and_then(|(_, endpoint)| endpoint).map(str::to_owned),
            text: shortened(text.into()),
        });
        self.last.send_replace(seq);
    }

    /// Those after number `seq` that are still known, the oldest first.
    pub(crate) fn since(&self, seq: u64) -> Vec<Event> {
        self.lock().iter().filter(|event| event.seq > seq).cloned().collect()
    }

    /// The number of the last one; changes when there is another.
    pub(crate) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// A panic elsewhere must not take the events with it.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text`, or its beginning.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text.push('…');
    }
    text
}

/// In bytes. A report on a large file may have thousands of lines; the log has them all.
const TEXT_MAX: usize = 4096;

/// What a person reads back; a flapping cluster of ten thousand must not fill the memory.
const EVENTS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_events_are_kept_and_counted_on() {
        let events = Events::default();
        for number in 1..=EVENTS_MAX + 2 {
            events.note(EventLevel::Info, EventKind::Process, number.to_string());
        }
        let all = events.since(0);
        assert_eq!((all.len(), all[0].seq), (EVENTS_MAX, 3));
        let last = *events.last().borrow();
        assert_eq!(last, EVENTS_MAX as u64 + 2);
        assert_eq!(events.since(last - 1)[0].text, last.to_string());
        assert!(events.since(last).is_empty());
    }

    #[test]
    fn an_event_about_an_endpoint_names_it() {
        let events = Events::default();
        let about = Some(("api", Some("a:1")));
        events.note_about(EventLevel::Warn, EventKind::Endpoint, about, "is down");
        let event = &events.since(0)[0];
        assert_eq!(
            (event.cluster.as_deref(), event.endpoint.as_deref()),
            (Some("api"), Some("a:1"))
        );
    }
}
