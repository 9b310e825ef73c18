//! Tasks on which everything of a worker hangs: one that panics begins anew. Used by the worker for what it runs beside connections.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Does what `begin` begins until it is done. What it has at a panic is given back on the way, as at any other end.
pub(super) async fn steadily<F: Future<Output = ()>>(what: &str, mut begin: impl FnMut() -> F) {
    while outlast(begin()).await.is_err() {
        tracing::error!(what, "a task of a worker has panicked, and begins anew");
        // Whatever it was may happen again at once.
        tokio::time::sleep(PAUSE).await;
    }
}

/// Polls `task` to its end, or its panic.
async fn outlast(task: impl Future<Output = ()>) -> Result<(), Box<dyn Any + Send>> {
    let mut task = pin!(task);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_anew_until_it_is_done() {
        let (begun, held) = (Cell::new(0), Rc::new(()));
        let begin = || {
            begun.set(begun.get() + 1);
            let (number, held) = (begun.get(), Rc::clone(&held));
            async move {
                tokio::task::yield_now().await;
                assert!(number == 3, "it is the {number}th");
                drop(held);
            }
        };
        steadily("test", begin).await;
        assert_eq!((begun.get(), Rc::strong_count(&held)), (3, 1));
    }
}
