//! One pointer to the plan: one [`Publisher`] writes it, each worker reads it through a cached [`Reader`].

use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use crate::Plan;

mod leaving;

use leaving::Leaving;

/// The only writer of the plan; owned by the conductor.
#[derive(Debug)]
pub struct Publisher {
    cell: Arc<ArcSwap<Plan>>,
    generation: u64,
    leaving: Leaving,
}

impl Default for Publisher {
    fn default() -> Self {
        let cell = Arc::new(ArcSwap::from_pointee(Plan::default()));
        Self { cell, generation: 0, leaving: Leaving::default() }
    }
}

impl Publisher {
    /// Puts `plan` in force and numbers it. Workers see it at their next exchange; what runs at endpoints that leave by it, within a
    /// moment.
    pub fn publish(&mut self, mut plan: Plan) -> Arc<Plan> {
        self.generation += 1;
        plan.generation = self.generation;
        plan.clusters.iter().for_each(|cluster| {
            cluster.end_drains();
            cluster.enforce_limits();
        });
        let plan = Arc::new(plan);
        let before = self.cell.swap(Arc::clone(&plan));
        if self.leaving.follow(&before, &plan) {
            plan.alarm.raise();
        }
        plan
    }

    /// A reader for one worker, or for anybody who wants to look.
    pub fn reader(&self) -> Reader {
        Reader { cache: Cache::new(Arc::clone(&self.cell)) }
    }
}

/// Sees the plan in force. Clone one for each thread: the cache makes a load cost one comparison.
#[derive(Clone, Debug)]
pub struct Reader {
    cache: Cache<Arc<ArcSwap<Plan>>, Arc<Plan>>,
}

impl Reader {
    /// The plan in force now.
    pub fn load(&mut self) -> &Arc<Plan> {
        self.cache.load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_what_was_published_last_and_old_plans_live_on() {
        let mut publisher = Publisher::default();
        let mut reader = publisher.reader();
        assert_eq!(reader.load().generation, 0);
        publisher.publish(Plan::default());
        let held = Arc::clone(reader.load());
        publisher.publish(Plan::default());
        assert_eq!((held.generation, reader.load().generation), (1, 2));
    }
}
