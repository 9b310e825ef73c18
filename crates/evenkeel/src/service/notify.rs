//! What the service manager is told (sd_notify(3)): that we run, reload and stop. Said by the service and its signals; where
//! nobody asked to be told, every function here does nothing.

use std::time::Duration;

use evenkeel_control::conductor::{Applied, Refused};
use evenkeel_control::config::Config;
use sd_notify::NotifyState::{self, Custom, Ready, Reloading, Status, Stopping};

/// The listeners accept.
pub(super) fn ready(config: &Config) {
    let binds = config.listeners.iter().flat_map(|listener| &listener.binds);
    let binds: Vec<String> = binds.map(ToString::to_string).collect();
    tell(&[Ready, Status(&format!("accepting on {}", binds.join(", ")))]);
}

/// A reload begins. Has to be followed by [`reloaded`], whatever becomes of it.
pub(super) fn reloading() {
    // systemd compares the time with that of its request, and takes the message for one about it only if it is later.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[Reloading, now, Status("reloading")]),
        Err(error) => tracing::warn!(%error, "cannot tell the service manager of a reload"),
    }
}

/// A reload is over: with success, or because the new config was refused and the old one stays.
pub(super) fn reloaded(outcome: &Result<Applied, Refused>) {
    let status = match outcome {
        Ok(applied) => match applied.changes.len() {
            0 => "reloaded, nothing is different".to_owned(),
            1 => "reloaded, 1 change".to_owned(),
            count => format!("reloaded, {count} changes"),
        },
        Err(refused) => format!("reload refused, what was in force still is: {refused}"),
    };
    // A second line would be a message of its own.
    tell(&[Ready, Status(status.lines().next().unwrap_or_default())]);
}

/// The last exchanges finish, `within` a time that is asked for, because it may be longer than a unit's `TimeoutStopSec`.
pub(super) fn stopping(waiting: &str, within: Duration) {
    let extension =
        format!("EXTEND_TIMEOUT_USEC={}", within.saturating_add(LAST_STEPS).as_micros());
    tell(&[Stopping, Custom(&extension), Status(waiting)]);
}

/// Still alive. Failures are hardly news by then.
pub(super) fn alive() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Watchdog]) {
        tracing::debug!(%error, "cannot tell the service manager that we live");
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot tell the service manager how we are; NOTIFY_SOCKET says where it listens");
    }
}

/// To end the threads and the process when the last exchange is over.
const LAST_STEPS: Duration = Duration::from_secs(5);
