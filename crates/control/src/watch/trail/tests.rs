use std::os::unix::fs::symlink;

use notify::event::{CreateKind, Flag, ModifyKind, RemoveKind, RenameMode};

use super::*;
use crate::config::ConfigFile;

#[test]
fn our_own_reading_is_no_news() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let config = folder.join("evenkeel.toml");
    fs::write(&config, "include = [\"more/*.toml\"]\n").unwrap();
    fs::create_dir(folder.join("more")).unwrap();
    let trail = trail(&config);
    let name = folder.file_name().unwrap();
    let access = |kind| EventKind::Access(kind);
    for (kind, path, counts) in [
        (access(AccessKind::Open(AccessMode::Any)), "evenkeel.toml", false),
        (access(AccessKind::Close(AccessMode::Read)), "evenkeel.toml", false),
        (access(AccessKind::Close(AccessMode::Write)), "evenkeel.toml", true),
        (access(AccessKind::Close(AccessMode::Write)), "some.log", false),
        (EventKind::Modify(ModifyKind::Name(RenameMode::To)), "evenkeel.toml", true),
        (EventKind::Create(CreateKind::File), "more/a.toml", true),
        (EventKind::Create(CreateKind::Folder), "more", true),
        (EventKind::Create(CreateKind::File), "less/a.toml", false),
        (EventKind::Remove(RemoveKind::Folder), "", true),
    ] {
        let event = Event::new(kind).add_path(folder.join(path));
        assert_eq!(trail.counts(&event), counts, "{event:?} below {name:?}");
    }
    assert!(trail.counts(&Event::new(EventKind::Other).set_flag(Flag::Rescan)));
}

#[test]
fn every_link_on_the_way_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    fs::create_dir_all(top.join("releases/1/etc")).unwrap();
    fs::create_dir(top.join("mounted")).unwrap();
    fs::write(top.join("mounted/file"), "").unwrap();
    // As a deployment does it, and within that as Kubernetes does it.
    symlink("releases/1", top.join("current")).unwrap();
    symlink("../../../mounted", top.join("releases/1/etc/..data")).unwrap();
    symlink("..data/file", top.join("releases/1/etc/evenkeel.toml")).unwrap();
    let trail = trail(&top.join("current/etc/evenkeel.toml"));
    for place in ["", "releases", "releases/1", "releases/1/etc", "mounted"] {
        assert!(trail.folders.contains(&top.join(place)), "{place}: {trail:?}");
    }
    for name in ["current", "1", "..data", "evenkeel.toml", "file"] {
        assert!(trail.names.contains(OsStr::new(name)), "{name}: {trail:?}");
    }
}

#[test]
fn a_way_in_a_circle_ends() {
    let folder = tempfile::tempdir().unwrap();
    symlink("b", folder.path().join("a")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    assert!(!trail(&folder.path().join("a")).folders.is_empty());
}

fn trail(config: &Path) -> Trail {
    let file = ConfigFile { path: config.to_owned(), workers: None };
    Trail::of(&file.read().1)
}
