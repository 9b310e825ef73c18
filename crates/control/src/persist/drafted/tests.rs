use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_replaced_file_keeps_its_rights_and_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    Drafted::write(&[(link.clone(), "new".to_owned())]).unwrap().put_in_place().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
}

#[test]
fn of_several_files_none_is_replaced_if_one_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.toml", "b.toml"].map(|name| folder.path().join(name));
    fs::write(&a, "old a").unwrap();
    let texts = [(a.clone(), "new a".to_owned()), (b.clone(), "new b".to_owned())];
    let refused = Drafted::write(&texts).unwrap_err();
    assert!(refused.contains("b.toml"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    fs::write(&b, "old b").unwrap();
    let drafted = Drafted::write(&texts).unwrap();
    // A folder cannot be replaced by a file.
    fs::remove_file(&b).unwrap();
    fs::create_dir(&b).unwrap();
    let refused = drafted.put_in_place().unwrap_err();
    assert!(refused.contains("b.toml"), "{refused}");
    assert_eq!(fs::read_to_string(&a).unwrap(), "old a");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
}
