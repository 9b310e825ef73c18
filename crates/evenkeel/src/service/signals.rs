//! The signals that stop a balancer, and those that must not. Waited for by the service.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_control::View;
use rustix::process::Signal as kernel;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::notify;
use crate::stderr::say;

/// TERM (systemd, Kubernetes), INT (Ctrl-C) and QUIT (what nginx images are sent) all mean the same.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    /// Only held, so that a log that may not grow is an error of its writer and not the end of the process.
    _file_size: Signal,
    /// What USR1 is about; `None` until something runs.
    view: Option<View>,
    reloads: Reloads,
}

/// What HUP asks for.
enum Reloads {
    /// Nothing yet: what would be read again is being read.
    Early,
    /// One at a time. However often another is wanted meanwhile, that is one more.
    Running { wanted: Arc<Notify>, task: AbortHandle },
    /// None any more.
    Over,
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
            reloads: Reloads::Early,
        })
    }

    /// From now on USR1, which logrotate sends when it has moved a file away, opens the access log of `view` anew, and HUP reads
    /// its config again.
    pub(super) fn follow(&mut self, view: View) {
        let wanted = Arc::new(Notify::new());
        self.view = Some(view.clone());
        // By itself: a name that is slow to resolve must not keep us from hearing the next signal.
        let reloading = repeat(Arc::clone(&wanted), async move || {
            notify::reloading();
            // All of what came of it is logged, and in the status.
            notify::reloaded(&view.reload().await);
        });
        let task = tokio::spawn(reloading).abort_handle();
        self.reloads = Reloads::Running { wanted, task };
    }

    /// From now on HUP is not followed, and the service manager hears no more of a reload that runs.
    pub(super) fn end_reloads(&mut self) {
        if let Reloads::Running { task, .. } = &self.reloads {
            task.abort();
        }
        self.reloads = Reloads::Over;
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

    /// Waits for another one that stops, after the `first`. Process managers send two at once, to the process and to its group:
    /// that is no wish to stop without a drain.
    pub(super) async fn again(&mut self, first: Instant) {
        self.next().await;
        if !is_another(first.elapsed()) {
            say("signals of the same second count as one; again to stop at once");
        }
        while !is_another(first.elapsed()) {
            self.next().await;
        }
    }

    fn reopen_access_log(&self) {
        if let Some(view) = &self.view {
            view.reopen_access_log();
        }
    }

    fn reload(&self) {
        match &self.reloads {
            Reloads::Early => {}
            Reloads::Running { wanted, .. } => wanted.notify_one(),
            Reloads::Over => {
                tracing::info!("nothing is reloaded any more: the balancer is stopping");
            }
        }
    }
}

/// Acts whenever that is `wanted`, once for all who wanted it before it began.
async fn repeat(wanted: Arc<Notify>, mut act: impl AsyncFnMut()) {
    loop {
        wanted.notified().await;
        act().await;
    }
}

/// Whether a signal so long `after` the first that stops is meant as another one.
fn is_another(after: Duration) -> bool {
    after >= TOGETHER
}

/// Longer than anybody takes to send two that are one, and not longer than it takes to see that a drain is waiting.
const TOGETHER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Each was a reload of its own, and a storm of them kept control busy for minutes.
    #[tokio::test]
    async fn a_storm_of_hangups_is_the_reload_that_runs_and_one_more() {
        let (wanted, done, count) = (Arc::new(Notify::new()), Notify::new(), Cell::new(0));
        let act = async || {
            count.set(count.get() + 1);
            if count.get() == 1 {
                // They come while it runs.
                (0..100).for_each(|_| wanted.notify_one());
            } else {
                done.notify_one();
            }
            tokio::task::yield_now().await;
        };
        wanted.notify_one();
        tokio::select! {
            biased;
            () = repeat(Arc::clone(&wanted), act) => {}
            () = async {
                done.notified().await;
                // Time enough for a third.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        assert_eq!(count.get(), 2);
    }
}
