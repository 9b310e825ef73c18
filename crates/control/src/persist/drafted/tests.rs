use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_replaced_file_keeps_its_rights_and_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    Drafted::write(&[rewrite(&link, "old")]).unwrap().put_in_place().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(folder.path()), ["link.toml", "real.toml"], "no draft is left");
}

#[test]
fn of_several_files_none_is_replaced_if_one_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.toml", "b.toml"].map(|name| folder.path().join(name));
    fs::write(&a, "old").unwrap();
    let rewrites = [rewrite(&a, "old"), rewrite(&b, "old")];
    let refused = Drafted::write(&rewrites).unwrap_err();
    assert!(refused.contains("b.toml"), "{refused}");
    assert_eq!(names(folder.path()), ["a.toml"], "no draft is left");
    fs::write(&b, "old").unwrap();
    let drafted = Drafted::write(&rewrites).unwrap();
    // An editor saves.
    fs::write(&b, "edited").unwrap();
    let refused = drafted.put_in_place().unwrap_err();
    assert!(refused.contains("b.toml: somebody else has changed it"), "{refused}");
    assert_eq!([&a, &b].map(|file| fs::read_to_string(file).unwrap()), ["old", "edited"]);
    assert_eq!(names(folder.path()), ["a.toml", "b.toml"], "no draft is left");
}

#[test]
fn what_a_killed_process_has_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "old").unwrap();
    // A backup that is the file itself, and a link that somebody has put there.
    fs::hard_link(&file, folder.path().join(".a.toml.evenkeel-old")).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, folder.path().join(".a.toml.evenkeel-new")).unwrap();
    let rewrites = [rewrite(&file, "old")];
    let drafted = Drafted::write(&rewrites).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    drafted.put_in_place().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
    assert_eq!(names(folder.path()), ["a.toml", "elsewhere"]);
}

#[test]
fn a_secret_config_is_never_open_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let rewrites = [rewrite(&file, "old")];
    let _drafted = Drafted::write(&rewrites).unwrap();
    for name in names(folder.path()) {
        let mode = fs::metadata(folder.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

fn rewrite(file: &Path, old: &str) -> Rewrite {
    Rewrite { file: file.to_owned(), old: old.to_owned(), new: "new".to_owned() }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|it| name(it).into_string().unwrap()).collect();
    names.sort();
    names
}
