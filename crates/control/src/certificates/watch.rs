//! Follows the files of certificates. Spawned by [`crate::start`]; a config that names others is followed without being told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::Store;

/// Shows what is new in files, for as long as it is polled: within two seconds, however the kernel or a network's file system tells
/// of changes. A look costs two looks at the disk for each certificate.
pub(crate) async fn run(store: Arc<Store>) {
    let mut rest = Duration::ZERO;
    loop {
        sleep(LOOK_EVERY.max(rest)).await;
        let began = Instant::now();
        let is_stale =
            on_its_own_thread(&store, |store| store.known().is_stale(SystemTime::now())).await;
        rest = (began.elapsed() * REST).min(REST_MAX);
        if is_stale == Some(true) {
            // A certificate and its key are written one after the other.
            sleep(QUIET).await;
            on_its_own_thread(&store, |store| store.refresh(SystemTime::now())).await;
        }
    }
}

/// A disk that does not answer, and a thousand keys to be read, hold up nobody. `None` when everything is ending, or after a panic.
async fn on_its_own_thread<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> T + Send + 'static,
) -> Option<T> {
    let store = Arc::clone(store);
    spawn_blocking(move || work(&store)).await.ok()
}

/// What has changed is in use after this, [`QUIET`], and the time that it takes to read.
const LOOK_EVERY: Duration = Duration::from_millis(800);

/// For so long the second of two files may come after the first.
const QUIET: Duration = Duration::from_millis(200);

/// After a look, nothing is looked at for so many times as long as the look took.
const REST: u32 = 20;

/// But no longer than this, however slow the disk is.
const REST_MAX: Duration = Duration::from_secs(10);
