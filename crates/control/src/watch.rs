//! Watches the files that the config was made from, and orders a reload when their content has changed. Started by [`crate::start`].
//!
//! Folders are watched, not files: an editor replaces a file, and Kubernetes swaps a link beside it. What counts is the content.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::admin::Trigger;
use crate::conductor::{Desk, ReloadWish, Wish};
use crate::config::{ConfigFile, Seen};

/// Follows the file for as long as it is polled. `seen` is what the config in force, or the one last refused, was made from.
pub(crate) async fn run(file: ConfigFile, mut seen: watch::Receiver<Seen>, desk: Desk) {
    let (tell, mut told) = mpsc::channel(1);
    let report = move |_: notify::Result<Event>| {
        // One is enough to look; a full channel has one.
        let _ = tell.try_send(());
    };
    let mut watcher = match notify::recommended_watcher(report) {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "the config file cannot be watched; HUP or `evenkeel reload` reads it again");
            return;
        }
    };
    let mut folders = BTreeSet::new();
    loop {
        follow(&mut watcher, &mut folders, &seen.borrow_and_update());
        tokio::select! {
            changed = seen.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some(()) = told.recv() => {
                settle(&mut told).await;
                if file.read().1 != *seen.borrow() {
                    let wish = ReloadWish { trigger: Trigger::File, clear: false, persist: false };
                    // A refusal has been logged, and is in the status.
                    let _ = desk.order(Wish::Reload(wish)).await;
                }
            }
        }
    }
}

/// Waits until nothing has happened for [`QUIET`], but not for ever: somebody may write a log into the same folder.
async fn settle(told: &mut mpsc::Receiver<()>) {
    let deadline = Instant::now() + NOISE_MAX;
    while Instant::now() < deadline {
        if timeout(QUIET, told.recv()).await.is_err() {
            return;
        }
    }
    sleep_until(deadline).await;
}

/// Watches the folders of what was seen, and no others.
fn follow(watcher: &mut RecommendedWatcher, watched: &mut BTreeSet<PathBuf>, seen: &Seen) {
    let wanted: BTreeSet<PathBuf> = seen.folders().into_iter().collect();
    for gone in watched.difference(&wanted) {
        // It may be gone from the disk, too.
        let _ = watcher.unwatch(gone);
    }
    let is_watched = |folder: &&PathBuf| watched.contains(*folder) || start(watcher, folder);
    let now = wanted.iter().filter(is_watched).cloned().collect();
    *watched = now;
}

fn start(watcher: &mut RecommendedWatcher, folder: &Path) -> bool {
    let outcome = watcher.watch(folder, RecursiveMode::NonRecursive);
    if let Err(error) = &outcome {
        tracing::warn!(folder = %folder.display(), %error, "changes in this folder are not noticed; HUP or `evenkeel reload` reads the config again");
    }
    outcome.is_ok()
}

/// An editor writes in several steps; a reload in the middle of them would be refused.
const QUIET: Duration = Duration::from_millis(200);

/// In a folder that is never quiet we look so often.
const NOISE_MAX: Duration = Duration::from_secs(2);
