use std::fs;

use super::super::{Config, ConfigFile, Loaded};

/// What `Config::load` makes of a folder with these files, of which the first is the config.
fn loaded(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let loaded = Config::load(&folder.path().join(files[0].0));
    (folder, loaded.map_err(|report| report.to_string()))
}

fn listener(name: &str, port: u16, to: &str) -> String {
    format!("[listener.{name}]\nbind = ':{port}'\nto = '{to}'\n")
}

#[test]
fn what_is_included_is_one_config_with_what_includes_it() {
    let main = format!("include = ['d/*.toml', 'last']\n{}", listener("web", 1, "api"));
    let pages = format!("{}errors.pages = {{ 503 = 'p.html' }}\n", listener("b", 2, "api"));
    let (folder, loaded) = loaded(&[
        ("evenkeel.toml", &main),
        ("d/b.toml", &pages),
        ("d/a.toml", "drain = '7s'\n[log]\nlevel = 'warn'\n"),
        ("d/p.html", "sorry"),
        ("d/.#a.toml", "an editor's lock"),
        ("d/a.toml~", "an editor's copy"),
        ("last", "[cluster.api]\nendpoints = '9001'\n"),
    ]);
    let Loaded { config, warnings } = loaded.unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    let names: Vec<&str> = config.listeners.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web", "b"]);
    assert_eq!((config.drain.as_secs(), config.log_level.name()), (7, "warn"));
    assert_eq!(config.listeners[1].errors.pages[0].file, "d/p.html");
    let file = ConfigFile { path: folder.path().join("evenkeel.toml"), workers: None };
    let seen = file.read().1;
    let all = ["d/a.toml", "d/b.toml", "d/p.html", "evenkeel.toml", "last"];
    assert!(seen.paths().eq(&all.map(|name| folder.path().join(name))), "{seen:?}");
    let text = ["evenkeel.toml", "d/a.toml", "d/b.toml", "last"];
    assert_eq!(file.parts(&seen), text.map(|name| folder.path().join(name)));
}

#[test]
fn a_pattern_beside_the_config_means_the_other_files() {
    let main = format!("include = './*.toml'\n{}", listener("web", 1, "9001"));
    let (_folder, loaded) =
        loaded(&[("evenkeel.toml", &main), ("b.toml", &listener("b", 2, "9002"))]);
    assert_eq!(loaded.unwrap().config.listeners.len(), 2);
}

#[test]
fn a_file_that_two_patterns_name_is_read_once() {
    let main = format!("include = ['b.*', './b.toml']\n{}", listener("web", 1, "9001"));
    let (_folder, loaded) =
        loaded(&[("evenkeel.toml", &main), ("b.toml", &listener("b", 2, "9002"))]);
    assert_eq!(loaded.unwrap().config.listeners.len(), 2);
}

#[test]
fn a_thousand_files_are_included_and_no_more() {
    let main = format!("include = 'd/*'\n{}", listener("web", 1, "9001"));
    let names: Vec<String> = (0..=1000).map(|number| format!("d/{number}")).collect();
    let mut files = vec![("evenkeel.toml", main.as_str())];
    files.extend(names.iter().map(|name| (name.as_str(), "")));
    assert!(loaded(&files[..=1000]).1.is_ok());
    let said = loaded(&files).1.unwrap_err();
    assert!(said.starts_with("error[EK0410]: more than 1000 files are included"), "{said}");
}

#[test]
fn a_config_that_is_no_file_includes_nothing() {
    let said = Config::parse("text", "include = ['a', '*']").unwrap_err().to_string();
    assert_eq!(said.matches("error[EK0407]").count(), 2, "{said}");
}
