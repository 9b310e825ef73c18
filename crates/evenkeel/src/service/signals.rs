//! The signals that stop a balancer, and those that must not. Waited for by the service.

use std::io;

use evenkeel_control::View;
use rustix::process::Signal as kernel;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// TERM (systemd, Kubernetes), INT (Ctrl-C) and QUIT (what nginx images are sent) all mean the same.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    /// Only held, so that a log that may not grow is an error of its writer and not the end of the process.
    _file_size: Signal,
    /// Whose access log USR1 opens anew; `None` until something runs.
    view: Option<View>,
    /// Whether somebody was told that a hangup does nothing.
    hangup_told: bool,
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
            hangup_told: false,
        })
    }

    /// From now on USR1, which logrotate sends when it has moved a file away, opens the access log of `view` anew.
    pub(super) fn reopen_with(&mut self, view: View) {
        self.view = Some(view);
    }

    /// Waits for the next one that stops.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.quit.recv() => return,
                Some(()) = self.hangup.recv() => self.tell_of_hangup(),
                Some(()) = self.user1.recv() => self.reopen_access_log(),
            }
        }
    }

    fn reopen_access_log(&self) {
        if let Some(view) = &self.view {
            view.reopen_access_log();
        }
    }

    /// To many daemons HUP means 'read your config again'; who expects that must not stop the traffic by it.
    fn tell_of_hangup(&mut self) {
        if !self.hangup_told {
            self.hangup_told = true;
            tracing::warn!("reload is not supported yet; restart to apply a new config");
        }
    }
}
