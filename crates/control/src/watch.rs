//! Watches the files that the config was made from, and orders a reload when their content has changed. Started by [`crate::start`].
//!
//! Folders are watched, not files: an editor replaces a file, and Kubernetes swaps a link beside it. What counts is the content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::admin::Trigger;
use crate::conductor::{Desk, Refused, ReloadWish, Wish};
use crate::config::{ConfigFile, Seen};

mod trail;

use trail::Trail;

/// Follows the file for as long as it is polled. `seen` is what the config in force, or the one last refused, was made from.
pub(crate) async fn run(file: ConfigFile, mut seen: watch::Receiver<Seen>, desk: Desk) {
    let (tell, mut told) = mpsc::channel(1);
    // The channel stays open, whether somebody tells or not.
    let mut folders = match Folders::new(tell.clone()) {
        Ok(folders) => Some(folders),
        Err(error) => {
            tracing::warn!(%error, "the kernel does not tell when the config file changes; it is looked at every {} s", LOOK_EVERY.as_secs());
            None
        }
    };
    loop {
        let trail = Trail::of(&seen.borrow_and_update());
        if let Some(folders) = &mut folders {
            folders.watch(trail);
        }
        // Before the first event, too: something may have happened before anybody watched.
        let (has_changed, took) = has_changed(&file, &seen, &mut told).await;
        if has_changed {
            let wish = ReloadWish { trigger: Trigger::File, clear: false, persist: false };
            // Any other refusal has been logged, and is in the status.
            if desk.order(Wish::Reload(wish)).await == Err(Refused::Ending) {
                return;
            }
        }
        // Somebody may write into the same folder all the time.
        sleep(QUIET.max(took * REST)).await;
        tokio::select! {
            changed = seen.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            _ = told.recv() => {}
            // A network's file system tells of nothing.
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// Whether the files are no longer what was last `seen`, which somebody else may order to be read again at any time. An editor
/// writes in several steps: what counts is what has stayed the same for [`QUIET`]. Also how long one look took.
async fn has_changed(
    file: &ConfigFile,
    seen: &watch::Receiver<Seen>,
    told: &mut mpsc::Receiver<()>,
) -> (bool, Duration) {
    if is_said_once(&file.path) {
        return (false, Duration::ZERO);
    }
    let began = Instant::now();
    let deadline = began + RESTLESS_MAX;
    let mut before = file.look();
    let took = began.elapsed();
    while before != *seen.borrow() {
        sleep(QUIET).await;
        // It is in what is read now.
        let _ = told.try_recv();
        let now = file.look();
        // Somebody else has had it read in the meantime.
        if now == *seen.borrow() {
            return (false, took);
        }
        if now == before || Instant::now() > deadline {
            return (true, took);
        }
        before = now;
    }
    (false, took)
}

/// Whether it is a pipe or a terminal: whoever opens it again waits for somebody to write, and everything else here would wait, too.
fn is_said_once(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// The folders that are watched.
struct Folders {
    watcher: RecommendedWatcher,
    /// What counts in them; the watcher's thread looks at it, too.
    trail: Arc<Mutex<Trail>>,
    /// By path; what is there now may be another folder of the same name.
    watched: BTreeMap<PathBuf, Identity>,
    /// Those of which somebody has been told that they cannot be watched.
    lamented: BTreeSet<PathBuf>,
}

/// Which folder it is, whatever it is called: device and inode.
type Identity = (u64, u64);

impl Folders {
    /// Whoever wants to know is told of every event that counts; one is enough to look, so a full channel is left alone.
    fn new(tell: mpsc::Sender<()>) -> notify::Result<Self> {
        let trail = Arc::new(Mutex::new(Trail::default()));
        let counted = Arc::clone(&trail);
        let report = move |event: notify::Result<Event>| {
            let trail = counted.lock().unwrap_or_else(PoisonError::into_inner);
            if event.is_ok_and(|event| !trail.counts(&event)) {
                return;
            }
            let _ = tell.try_send(());
        };
        let watcher = notify::recommended_watcher(report)?;
        Ok(Self { watcher, trail, watched: BTreeMap::new(), lamented: BTreeSet::new() })
    }

    /// Watches the folders of `trail`, and no others.
    fn watch(&mut self, trail: Trail) {
        let mut gone = std::mem::take(&mut self.watched);
        let (folders, nearest) = (trail.folders.clone(), trail.nearest.clone());
        *self.trail.lock().unwrap_or_else(PoisonError::into_inner) = trail;
        for folder in folders {
            let Some(identity) = identity(&folder) else { continue };
            if gone.get(&folder) == Some(&identity) {
                gone.remove(&folder);
            } else {
                // First the one that had the name, or its end would be taken for the end of the new one.
                self.unwatch(gone.remove(&folder).is_some(), &folder);
                if !self.start(&folder, nearest.contains(&folder)) {
                    continue;
                }
            }
            self.watched.insert(folder, identity);
        }
        for folder in gone.keys() {
            self.unwatch(true, folder);
        }
    }

    fn start(&mut self, folder: &Path, is_near: bool) -> bool {
        let outcome = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        if let Err(error) = &outcome
            && is_near
            && self.lamented.insert(folder.to_owned())
        {
            tracing::warn!(folder = %folder.display(), %error, "the kernel does not tell when something in this folder changes; the config is looked at every {} s", LOOK_EVERY.as_secs());
        }
        outcome.is_ok()
    }

    fn unwatch(&mut self, is_watched: bool, folder: &Path) {
        if is_watched {
            // It may be gone from the disk, too.
            let _ = self.watcher.unwatch(folder);
        }
    }
}

fn identity(folder: &Path) -> Option<Identity> {
    fs::metadata(folder).ok().map(|about| (about.dev(), about.ino()))
}

/// How long files have to stay the same. A reload in the middle of a change would be refused.
const QUIET: Duration = Duration::from_millis(200);

/// Without any sign of a change, files are looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// After a look, nothing is looked at for so many times as long as the look took.
const REST: u32 = 20;

/// Files that never stay the same are read after so long all the same.
const RESTLESS_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
