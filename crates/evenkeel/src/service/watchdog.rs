//! Tells the service manager's watchdog that we live (`WatchdogSec=` in systemd.service(5)), but only as long as every worker
//! and control do. Started by the service, on whose runtime it also shows that signals are still heard.

use std::time::Duration;

use evenkeel_plan::pulse::Pulse;
use tokio::time::{Instant, interval_at};

use super::notify;

/// Begins, if the service manager wants to hear. Needs a runtime.
pub(super) fn start(pulse: Pulse) {
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tokio::spawn(watch(pulse, limit));
    }
}

/// Looks four times within `limit`, after which we would be killed: a thread that was only late is seen again before that.
async fn watch(mut pulse: Pulse, limit: Duration) {
    let every = (limit / 4).max(LOOK_INTERVAL_MIN);
    let mut looks = interval_at(Instant::now() + every, every);
    loop {
        looks.tick().await;
        match pulse.missing().as_slice() {
            [] => notify::alive(),
            threads => tracing::warn!(
                threads = threads.join(", "),
                "no sign of life; the watchdog is told nothing until there is one"
            ),
        }
    }
}

/// Between two looks every thread has the time to give a sign, at its own pace of a few a second.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(250);
