//! What the config says and only the next start does: the threads are there from the first config on. Asked by
//! [`super::InForce`], for the status and for whoever reloads.

use std::thread;

use crate::admin::RestartPending;
use crate::config::WorkerCount;

/// What a start with `wanted` would change, where `started` was in force at the start.
pub(super) fn restart_pending(started: WorkerCount, wanted: WorkerCount) -> Vec<RestartPending> {
    // Cores may come and go; only what somebody has written is waited for.
    if started == wanted {
        return Vec::new();
    }
    let (running, wanted) = (count(started), count(wanted));
    if running == wanted {
        return Vec::new();
    }
    let [running, wanted] = [running, wanted].map(|count| count.to_string());
    vec![RestartPending { key: "workers".to_owned(), running, wanted }]
}

fn count(workers: WorkerCount) -> usize {
    match workers {
        WorkerCount::Fixed(count) => count.max(1),
        WorkerCount::Auto => thread::available_parallelism().map_or(1, usize::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_workers_wait_for_a_start_and_the_same_number_for_nothing() {
        let pending = restart_pending(WorkerCount::Fixed(2), WorkerCount::Fixed(4));
        let [only] = pending.as_slice() else { panic!("{pending:?}") };
        assert_eq!((&*only.key, &*only.running, &*only.wanted), ("workers", "2", "4"));
        let cores = count(WorkerCount::Auto);
        for same in [WorkerCount::Auto, WorkerCount::Fixed(cores)] {
            assert_eq!(restart_pending(WorkerCount::Auto, same), Vec::new());
        }
    }
}
