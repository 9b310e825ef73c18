//! Golden files: each `config/NAME.toml` and, beside it, what is said about it. `EVENKEEL_BLESS=1` writes what is said now.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use evenkeel_control::config::{Config, Folder};
use evenkeel_plan::reason::Reason;

#[test]
fn every_mistake_is_explained_as_in_the_file_beside_it() {
    let mut wrong = Vec::new();
    let cases = tomls(&manifest().join("tests/config"));
    assert!(!cases.is_empty());
    for case in cases {
        let said = said_about(&case);
        let expected = case.with_extension("expected");
        if std::env::var_os("EVENKEEL_BLESS").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).ok().as_deref() != Some(said.as_str()) {
            wrong.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n\n{}", wrong.join("\n\n"));
}

/// What a run over this file alone prints; names of files without folders, so that it is the same everywhere.
fn said_about(case: &Path) -> String {
    let name = case.file_name().unwrap().to_string_lossy();
    let text = fs::read_to_string(case).unwrap();
    // Relative, so that messages have no folder of this machine.
    match Config::read(&name, &text, &Folder::new("tests/config"), &variable) {
        Ok(loaded) if loaded.warnings.is_empty() => "Nothing.\n".to_owned(),
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    }
}

/// The variables that the cases may use.
fn variable(name: &str) -> Option<OsString> {
    match name {
        "PORT" => Some("8080".into()),
        "WRONG_PORT" => Some("80x".into()),
        "EMPTY" => Some(OsString::new()),
        "ADMIN_TOKEN" => Some("hunter2".into()),
        "LATIN_1" => Some(OsString::from_vec(vec![0xe4])),
        "LARGE" => Some("x".repeat(9 << 20).into()),
        _ => None,
    }
}

#[test]
fn a_page_is_said_to_be_never_sent_exactly_where_no_error_of_ours_has_its_status() {
    for status in 400..=599 {
        let text = format!(
            "[listener.web]\nbind = ':8080'\nto = '9001'\nerrors.pages.{status} = 'pages/sorry.html'\n"
        );
        let loaded = Config::parse_with("text", &text, &Folder::new("tests/config")).unwrap();
        let warned = loaded.warnings.to_string().contains("EK0906");
        let is_ours = Reason::ALL.iter().any(|reason| reason.status() == status);
        assert_eq!(warned, !is_ours, "{status}");
    }
}

#[test]
fn every_example_is_flawless() {
    let examples = tomls(&manifest().join("../../examples"));
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let warnings = Config::load(&example).unwrap_or_else(|report| panic!("{report}")).warnings;
        assert!(warnings.is_empty(), "{warnings}");
    }
}

#[test]
fn the_full_example_says_what_is_the_default_anyhow() {
    let full = Config::load(&manifest().join("../../examples/full.toml")).unwrap().config;
    let short = Config::parse(
        "short.toml",
        "[listener.web]\nbind = ':8080'\nto = 'app'\n\
         [cluster.app]\nendpoints = ['127.0.0.1:9001', '127.0.0.1:9002']\n",
    )
    .unwrap()
    .config;
    assert_eq!(full, short);
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let absent = Config::load(&folder.path().join("absent.toml")).unwrap_err().to_string();
    assert!(absent.starts_with("error[EK0001]: no such file: "), "{absent}");
    assert!(absent.contains("`evenkeel serve 8080 9001 --save "), "{absent}");

    let directory = Config::load(folder.path()).unwrap_err().to_string();
    assert!(directory.starts_with("error[EK0002]: "), "{directory}");

    let binary = folder.path().join("binary.toml");
    fs::write(&binary, b"workers = 1\n\xff\xfe").unwrap();
    let binary = Config::load(&binary).unwrap_err().to_string();
    assert!(binary.starts_with("error[EK0003]: line 2 of "), "{binary}");
}

#[test]
fn a_config_may_have_16_mebibytes_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.toml");
    let toml = "include = 'p?rt.toml'\n[listener.web]\nbind = ':8080'\nto = '127.0.0.1:9001'\n#";
    let comment = "x".repeat((16 << 20) - toml.len());
    fs::write(&file, format!("{toml}{comment}")).unwrap();
    assert!(Config::load(&file).is_ok());
    fs::write(&file, format!("{toml}{comment}x")).unwrap();
    let refusal = Config::load(&file).err().unwrap().to_string();
    assert!(refusal.starts_with("error[EK0002]: cannot read "), "{refusal}");
    assert!(refusal.contains("at most 16 MiB"), "{refusal}");
    // Without end, and without a size.
    assert_eq!(Config::load(Path::new("/dev/zero")).err().unwrap().errors(), 1);

    fs::write(&file, format!("{toml}{}", &comment[..comment.len() - 9])).unwrap();
    fs::write(folder.path().join("part.toml"), "drain='1s").unwrap();
    let closed = Config::load(&file).err().unwrap().to_string();
    assert!(closed.starts_with("error[EK0100]: not TOML"), "{closed}");
    fs::write(folder.path().join("part.toml"), "drain='1s'").unwrap();
    let refusal = Config::load(&file).err().unwrap().to_string();
    assert!(refusal.starts_with("error[EK0408]: `part.toml` makes the config too"), "{refusal}");
}

fn tomls(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut tomls: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    tomls.sort();
    tomls
}

fn manifest() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
