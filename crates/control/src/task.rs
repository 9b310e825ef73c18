//! A spawned task that ends with its owner; held by whatever starts tasks in `control`.

use std::future::Future;

use tokio::task::AbortHandle;

/// Aborts its task when dropped, so that nothing runs on for an endpoint or a name that is gone.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
