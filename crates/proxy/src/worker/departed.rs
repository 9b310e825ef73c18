//! Listeners that are gone from the plan, with the last world that had them: for requests that were on their way when a reload
//! took the listener away. Kept by the worker.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::world::World;

/// The latest departures, by the listener's name: a reload may take thousands away.
#[derive(Debug, Default)]
pub(crate) struct Departures(RefCell<HashMap<Box<str>, Departed>>);

#[derive(Debug)]
struct Departed {
    world: Rc<World>,
    at: Instant,
}

impl Departures {
    /// Remembers the listeners of `before` that `after` does not have. Returns whether there are any.
    pub(super) fn note(&self, before: &Rc<World>, after: &World, now: Instant) -> bool {
        let mut departed = self.0.borrow_mut();
        let is_gone = |name: &str| after.listener_named(name).is_none();
        departed.retain(|name, _| is_gone(name));
        let names = before.plan.listeners.iter().map(|listener| &listener.name);
        let count = departed.len();
        let one = || Departed { world: Rc::clone(before), at: now };
        departed.extend(names.filter(|name| is_gone(name)).map(|name| (name.clone(), one())));
        departed.len() > count
    }

    /// The last world that had a listener of that name, if it is not long ago.
    pub(super) fn world_with(&self, listener: &str) -> Option<Rc<World>> {
        self.0.borrow().get(listener).map(|one| Rc::clone(&one.world))
    }

    /// Forgets what is long ago.
    pub(super) fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, one| now.saturating_duration_since(one.at) < KEPT);
    }
}

/// How long a request may have been on its way: by then its client has seen that the connection is closed.
const KEPT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
