use std::os::unix::fs::symlink;

use futures_util::FutureExt as _;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::conductor::{Inbox, Refused};
use crate::task::Task;

#[tokio::test]
async fn a_file_that_changed_before_anybody_watched_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile { path: folder.path().join("evenkeel.toml"), workers: None };
    let seen = file.read().1;
    fs::write(&file.path, GOOD).unwrap();
    Watched::follow(folder, file, seen).reloads().await;
}

#[tokio::test]
async fn a_file_that_goes_and_comes_back_as_it_was_is_read_twice() {
    let mut watched = Watched::start(|_, config| fs::write(config, GOOD).unwrap());
    watched.is_ready().await;
    let away = watched.folder.path().join("away");
    fs::rename(&watched.file.path, &away).unwrap();
    watched.reloads().await;
    fs::rename(&away, &watched.file.path).unwrap();
    watched.reloads().await;
}

#[tokio::test]
async fn what_somebody_else_has_had_read_while_the_watch_waits_for_quiet_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile { path: folder.path().join("evenkeel.toml"), workers: None };
    fs::write(&file.path, GOOD).unwrap();
    let seen = watch::Sender::new(file.read().1);
    fs::write(&file.path, OTHER).unwrap();
    let (_events, mut events) = mpsc::channel(1);
    let receiver = seen.subscribe();
    let look = has_changed(&file, &receiver, &mut events);
    let read = async { seen.send_replace(file.read().1) };
    let ((has_changed, _), _) = tokio::join!(look, read);
    assert!(!has_changed);
}

/// The new content is what was known when the watch began to look, but somebody else has read something else since.
#[tokio::test]
async fn a_file_that_comes_back_while_the_watch_looks_is_read_again() {
    let mut watched = Watched::start(|_, config| fs::write(config, GOOD).unwrap());
    watched.is_ready().await;
    let good = fs::read_to_string(&watched.file.path).unwrap();
    for _ in 0..3 {
        fs::write(&watched.file.path, OTHER).unwrap();
        // As at a HUP.
        watched.seen.send_replace(watched.file.read().1);
        fs::write(&watched.file.path, &good).unwrap();
        watched.reloads().await;
    }
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_followed() {
    let mut watched = Watched::start(|top, _| {
        fs::create_dir(top.join("etc")).unwrap();
        fs::write(top.join("etc/evenkeel.toml"), GOOD).unwrap();
    });
    watched.is_ready().await;
    let [etc, old, new] = ["etc", "old", "new"].map(|name| watched.folder.path().join(name));
    for text in [OTHER, GOOD] {
        fs::create_dir(&new).unwrap();
        fs::write(new.join("evenkeel.toml"), text).unwrap();
        fs::rename(&etc, &old).unwrap();
        fs::rename(&new, &etc).unwrap();
        watched.reloads().await;
        fs::remove_dir_all(&old).unwrap();
    }
    // It is the new folder that is watched, not the old one.
    fs::write(etc.join("evenkeel.toml"), OTHER).unwrap();
    watched.reloads().await;
}

#[tokio::test]
async fn a_link_to_another_folder_is_followed() {
    let mut watched = Watched::start(|top, _| {
        for (release, text) in [("1", GOOD), ("2", OTHER)] {
            fs::create_dir(top.join(release)).unwrap();
            fs::write(top.join(release).join("evenkeel.toml"), text).unwrap();
        }
        symlink("1", top.join("etc")).unwrap();
    });
    watched.is_ready().await;
    let top = watched.folder.path();
    symlink("2", top.join("next")).unwrap();
    fs::rename(top.join("next"), top.join("etc")).unwrap();
    watched.reloads().await;
    fs::write(watched.folder.path().join("2/evenkeel.toml"), GOOD).unwrap();
    watched.reloads().await;
}

#[tokio::test]
async fn files_to_include_are_noticed_in_a_folder_that_was_not_there() {
    let mut watched = Watched::start(|_, config| {
        fs::write(config, format!("include = [\"more/*.toml\"]\n{GOOD}")).unwrap();
    });
    watched.is_ready().await;
    let more = watched.folder.path().join("more");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("a.toml"), "workers = 2\n").unwrap();
    watched.reloads().await;
    fs::write(more.join("b.toml"), "drain = \"1s\"\n").unwrap();
    watched.reloads().await;
}

/// Whoever opens a pipe waits for a writer: control waited for ever, with all checks and the admin API.
#[test]
fn a_config_that_came_through_a_pipe_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile { path: folder.path().join("pipe"), workers: None };
    let made = std::process::Command::new("mkfifo").arg(&file.path).status();
    assert!(made.unwrap().success());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let seen = watch::Sender::new(Seen::default());
        let (_events, mut events) = mpsc::channel(1);
        let look = has_changed(&file, &seen.subscribe(), &mut events).now_or_never();
        tell.send(look.map(|(has_changed, _)| has_changed)).unwrap();
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(Some(false)));
}

/// A watch, and somebody who does what it orders as the conductor would.
struct Watched {
    folder: TempDir,
    file: ConfigFile,
    seen: watch::Sender<Seen>,
    inbox: Inbox,
    _task: Task,
}

impl Watched {
    /// `prepare` gets a folder and the config in it, whose folder `etc` is one or may be made one.
    fn start(prepare: impl FnOnce(&Path, &Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flat = folder.path().join("evenkeel.toml");
        prepare(folder.path(), &flat);
        let path = if flat.exists() { flat } else { folder.path().join("etc/evenkeel.toml") };
        let file = ConfigFile { path, workers: None };
        let seen = file.read().1;
        Self::follow(folder, file, seen)
    }

    fn follow(folder: TempDir, file: ConfigFile, seen: Seen) -> Self {
        let seen = watch::Sender::new(seen);
        let (desk, inbox) = Desk::new();
        let _task = Task::spawn(run(file.clone(), seen.subscribe(), desk));
        Self { folder, file, seen, inbox, _task }
    }

    /// Waits until it watches: until a change that is made again and again is noticed.
    async fn is_ready(&mut self) {
        let text = fs::read_to_string(&self.file.path).unwrap();
        for attempt in 0..100 {
            fs::write(&self.file.path, format!("{text}# {attempt}\n")).unwrap();
            if timeout(QUIET * 4, self.order()).await.is_ok() {
                return;
            }
        }
        panic!("nobody watches");
    }

    /// Waits for the order to read the files again, and does so.
    async fn reloads(&mut self) {
        timeout(Duration::from_secs(20), self.order()).await.expect("a reload is ordered");
    }

    async fn order(&mut self) {
        let order = self.inbox.orders.recv().await.unwrap();
        assert!(matches!(order.wish, Wish::Reload(ReloadWish { trigger: Trigger::File, .. })));
        self.seen.send_replace(self.file.read().1);
        let _ = order.reply.send(Err(Refused::Force("a test".to_owned())));
    }
}

const GOOD: &str = "[listener.web]\nbind = \":1\"\nto = \"9001\"\n";

const OTHER: &str = "[listener.web]\nbind = \":2\"\nto = \"9001\"\n";
