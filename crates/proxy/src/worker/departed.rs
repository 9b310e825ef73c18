//! Listeners that are gone from the plan, with the last world that had them: for requests that were on their way when a reload
//! took the listener away. Kept by the worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_plan::Listener;

use crate::world::World;

/// The latest departures.
#[derive(Debug, Default)]
pub(crate) struct Departures(RefCell<Vec<Departed>>);

#[derive(Debug)]
struct Departed {
    listener: Arc<Listener>,
    world: Rc<World>,
    at: Instant,
}

impl Departures {
    /// Remembers the listeners of `before` that `after` does not have. Returns whether there are any.
    pub(super) fn note(&self, before: &Rc<World>, after: &World, now: Instant) -> bool {
        let mut departed = self.0.borrow_mut();
        departed.retain(|one| after.listener_named(&one.listener.name).is_none());
        let gone = before.plan.listeners.iter();
        let gone = gone.filter(|listener| after.listener_named(&listener.name).is_none());
        let count = departed.len();
        departed.extend(gone.map(|listener| {
            let (listener, world) = (Arc::clone(listener), Rc::clone(before));
            Departed { listener, world, at: now }
        }));
        departed.len() > count
    }

    /// The last world that had a listener of that name, if it is not long ago.
    pub(super) fn world_with(&self, listener: &str) -> Option<Rc<World>> {
        let departed = self.0.borrow();
        let found = departed.iter().find(|one| &*one.listener.name == listener)?;
        Some(Rc::clone(&found.world))
    }

    /// Forgets what is long ago.
    pub(super) fn sweep(&self, now: Instant) {
        let is_recent = |one: &Departed| now.saturating_duration_since(one.at) < KEPT;
        self.0.borrow_mut().retain(is_recent);
    }
}

/// How long a request may have been on its way: by then its client has seen that the connection is closed.
const KEPT: Duration = Duration::from_secs(10);
