//! The signals that stop a balancer, and those that must not. Waited for by the service.

use std::io;

use evenkeel_control::View;
use rustix::process::Signal as kernel;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::notify;

/// TERM (systemd, Kubernetes), INT (Ctrl-C) and QUIT (what nginx images are sent) all mean the same.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    /// Only held, so that a log that may not grow is an error of its writer and not the end of the process.
    _file_size: Signal,
    /// What USR1 and HUP are about; `None` until something runs.
    view: Option<View>,
}

impl StopSignals {
    /// From now on these signals no longer end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            _file_size: signal(SignalKind::from_raw(kernel::XFSZ.as_raw()))?,
            view: None,
        })
    }

    /// From now on USR1, which logrotate sends when it has moved a file away, opens the access log of `view` anew, and HUP reads
    /// its config again.
    pub(super) fn follow(&mut self, view: View) {
        self.view = Some(view);
    }

    /// Waits for the next one that stops.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.quit.recv() => return,
                Some(()) = self.hangup.recv() => self.reload(),
                Some(()) = self.user1.recv() => self.reopen_access_log(),
            }
        }
    }

    fn reopen_access_log(&self) {
        if let Some(view) = &self.view {
            view.reopen_access_log();
        }
    }

    /// Goes on by itself: a name that is slow to resolve must not keep us from hearing the next signal.
    fn reload(&self) {
        if let Some(view) = self.view.clone() {
            notify::reloading();
            tokio::spawn(async move {
                // All of what came of it is logged, and in the status.
                notify::reloaded(&view.reload().await);
            });
        }
    }
}
