//! The right to open a connection to an endpoint. Where it has as many as it may, those on which nothing is going on make way, whichever
//! worker has them. Asked for by the exchange.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_plan::endpoint::Life;
use evenkeel_plan::vitals::Slot;

use super::pool::Pool;
use crate::worker::Worker;

/// Takes a slot at the endpoint of this `life`, the idle connections to which are in `pool`. Who has a place at the endpoint gets one: there
/// are no more places than slots, so what others have lies idle, or is about to end. `None` if that takes longer than `within`.
pub(crate) async fn take_slot(
    worker: &Worker,
    life: &Arc<Life>,
    pool: &Pool,
    within: Duration,
) -> Option<Slot<Arc<Life>>> {
    let slot = Slot::try_new(Arc::clone(life));
    if slot.is_some() {
        return slot;
    }
    let _wish = life.vitals.want_connection();
    let (began, mut pause) = (worker.now(), PAUSE_MIN);
    loop {
        // Those that were not fit for use: the ones on parole.
        pool.make_way();
        let slot = Slot::try_new(Arc::clone(life));
        if slot.is_some() || began.elapsed() >= within {
            return slot;
        }
        worker.crew.ask_for_way(worker.index, life);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// About as long as another worker takes to close a connection.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// What is in use is closed when it ends, and nobody says so.
const PAUSE_MAX: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
