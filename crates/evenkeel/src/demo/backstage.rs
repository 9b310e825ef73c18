//! A runtime on a thread of its own, where origins and load live; so drawing never delays a request.
//! Started by `performance`.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use tokio::runtime::{self, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::script::Wish;

/// The running thread. Dropping it cuts everything that it runs.
pub(super) struct Backstage {
    handle: Handle,
    /// Taken by drop.
    alive: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Backstage {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("backstage".to_owned()).spawn(move || {
            // It never sends: an error means that the owner is gone.
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Backstage { handle, alive: Some(alive), thread: Some(thread) })
    }

    /// Waits for `future`, whose sockets, timers and tasks belong to this runtime.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Turns every signal that asks for an end into [`Wish::Quit`].
    pub(super) fn watch_signals(&self, wishes: &Sender<Wish>) -> io::Result<()> {
        let _inside = self.handle.enter();
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
        for kind in kinds.into_iter().chain([SignalKind::hangup()]) {
            let (mut signals, wishes) = (signal(kind)?, wishes.clone());
            self.handle.spawn(async move {
                while signals.recv().await.is_some() && wishes.send(Wish::Quit).is_ok() {}
            });
        }
        Ok(())
    }
}

impl Drop for Backstage {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was printed when it happened.
            drop(thread.join());
        }
    }
}
