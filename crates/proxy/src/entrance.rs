//! What a connection remembers of the listener that it came in by. It may live for days and through many plans, and must keep
//! none of them in memory: whatever else it needs it takes from the world of each request.

use std::cell::Cell;
use std::sync::Arc;

use evenkeel_plan::Listener;
use evenkeel_plan::counters::Sharded;
use evenkeel_plan::listener::{ListenerCounters, Protocol};

/// A listener, whatever plan it is of.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    pub(crate) name: Arc<str>,
    /// They outlive a plan, so the listener of another one is known by them.
    pub(crate) counters: Arc<Sharded<ListenerCounters>>,
    /// What came in there then.
    pub(crate) protocol: Protocol,
    /// By which terms its client has proved who it is: `None` in clear text, and as long as it shakes hands.
    edition: Cell<Option<u64>>,
}

impl Entrance {
    /// That of `listener`, whose name is shared by all who came in there.
    pub(crate) fn new(name: Arc<str>, listener: &Listener) -> Self {
        let Listener { counters, protocol, .. } = listener;
        Self { name, counters: Arc::clone(counters), protocol: *protocol, edition: Cell::default() }
    }

    /// Its client has proved who it is, by the terms of that edition.
    pub(crate) fn prove(&self, edition: Option<u64>) {
        self.edition.set(edition);
    }

    /// Whether whoever came in then might not be let in any more, as `listener` is now.
    pub(crate) fn is_superseded(&self, listener: &Listener) -> bool {
        self.edition.get() != listener.tls.as_ref().map(|tls| tls.terms.edition())
    }
}
