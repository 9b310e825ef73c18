use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::super::files::NoFiles;
use super::super::{Config, Loaded};

const VARIABLES: [(&str, &str); 6] = [
    ("PORT", "8080"),
    ("WRONG", "80x"),
    ("EMPTY", ""),
    ("REFERENCE", "${PORT}$$"),
    ("SYNTAX", "\"\nworkers = 1"),
    ("API_TOKEN", "hunter2"),
];

fn read(text: &str) -> Result<Loaded, String> {
    let variables = |name: &str| match name {
        "BYTES" => Some(OsString::from_vec(vec![0xff])),
        "LARGE" => Some("x".repeat(1 << 20).into()),
        _ => VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
    };
    Config::read("t", text, &NoFiles, &variables).map_err(|report| report.to_string())
}

/// The path of a check, which may be nearly anything.
fn path(value: &str) -> String {
    let text = format!("[listener.web]\nbind = ':1'\nto = '9001'\nhealth.path = {value}\n");
    let config = read(&text).unwrap_or_else(|report| panic!("{report}")).config;
    let evenkeel_plan::health::CheckKind::Http { path, .. } = &config.clusters[0].health[0].kind
    else {
        panic!("a path is asked for")
    };
    path.to_string()
}

#[test]
fn a_variable_is_expanded_wherever_a_string_is() {
    let text = "[listener.web]\nbind = ['127.0.0.1:${PORT}', \":${PORT_2:-9090}\"]\nto = [{ address = '${HOST:-::1}', weight = 2 }, '9001']\n";
    let said = read(text).unwrap_err();
    assert!(said.contains("EK0202") || said.contains("EK0201"), "{said}");
    assert!(said.contains("= note: `${HOST:-::1}` is \"::1\"\n"), "{said}");
    let config = read(&text.replace("'${HOST:-::1}'", "'[${HOST:-::1}]:${PORT}'")).unwrap().config;
    assert_eq!(config.listeners[0].binds.len(), 2);
    assert_eq!(config.clusters[0].endpoints[0].name, "[::1]:8080");
}

#[test]
fn defaults_are_for_what_is_not_set_or_empty() {
    assert_eq!(path("'/${PORT:-1}'"), "/8080");
    assert_eq!(path("'/${ABSENT:-1}${EMPTY:-2}'"), "/12");
    assert_eq!(path("'/${EMPTY}${ABSENT:-}'"), "/");
    assert_eq!(path("'/${PORT:?is needed}'"), "/8080");
}

#[test]
fn a_value_is_taken_as_it_is() {
    assert_eq!(path("'/${REFERENCE}'"), "/${PORT}$$");
    assert_eq!(path("'/$${PORT}$'"), "/${PORT}$");
    assert_eq!(path("'''\n/${PORT}'''"), "/8080");
    let said = read("[log]\nlevel = '${SYNTAX}'").unwrap_err();
    assert!(!said.contains("EK0100"), "{said}");
    assert!(said.contains("`${SYNTAX}` is \"\\\"\\nworkers = 1\""), "{said}");
}

#[test]
fn keys_are_not_expanded() {
    let said = read("'${PORT}' = 1").unwrap_err();
    assert!(said.contains("EK0101"), "{said}");
}

#[test]
fn a_variable_without_a_value_is_said_once_and_at_its_column() {
    let said = read("[listener.web]\nbind = 'a:${ABSENT}'\nto = \"${ABSENT}\"\n").unwrap_err();
    assert!(
        said.contains("error[EK0312]: the variable `ABSENT` is not set\n   ┌─ t:2:11"),
        "{said}"
    );
    assert!(said.ends_with("2 errors.\n"), "{said}");
    let said = read("[log]\nlevel = \"\\u0041 ${ABSENT}\"").unwrap_err();
    assert!(said.contains("t:2:17"), "{said}");
    let said = read("[log]\nlevel = \"\\u0024{ABSENT}\"").unwrap_err();
    assert!(said.contains("t:2:9"), "{said}");
}

#[test]
fn a_value_that_is_not_text_is_refused() {
    let said = read("[log]\nlevel = '${BYTES}'").unwrap_err();
    assert!(said.contains("error[EK0314]"), "{said}");
}

#[test]
fn values_have_a_bound_all_together() {
    let list = |count: usize| {
        let paths = vec!["'${LARGE}'"; count].join(", ");
        read(&format!("[log]\nlevel = [{paths}]")).unwrap_err()
    };
    assert!(!list(16).contains("EK0315"));
    assert!(list(17).contains("error[EK0315]"));
}

#[test]
fn no_message_shows_a_secret() {
    for text in [
        "[log]\nlevel = '${API_TOKEN}'",
        "[log]\nlevel = 'a${ABSENT:-b}${API_TOKEN}'",
        "[listener.web]\nbind = 'x:${API_TOKEN}'",
        "[listener.web]\nto = ['${API_TOKEN}', { address = '${API_TOKEN}:1/' }]",
        "[admin]\nbind = 1\ntoken = ['${API_TOKEN}']",
    ] {
        let said = read(text).unwrap_err();
        assert!(!said.contains("hunter"), "{said}");
    }
    let said = read("[listener.web]\nerrors.pages = { 503 = { key = '${WRONG}' } }").unwrap_err();
    assert!(!said.contains("80x"), "{said}");
}

#[test]
fn a_line_that_is_neither_toml_nor_a_variable_is_a_mistake() {
    let said = read("A=\"${\"!").unwrap_err();
    assert!(said.contains("error[EK0100]"), "{said}");
}
