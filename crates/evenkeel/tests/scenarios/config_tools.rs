//! What people and programs use to work on a config: verdicts in JSON, included files, variables of the process.

use std::fs;
use std::process::Command;

use evenkeel_testkit::Process;
use serde_json::{Value, json};

use crate::running::{BINARY, Ended, end, in_new_directory, run};

const CONFIG: i32 = 78;

const FINE: &str = "[listener.web]\nbind = ':8080'\nto = '9001'\n";

/// A warning, and nothing else.
const ODD: &str = "[listener.web]\nbind = ':8080'\nto = '9001'\ntrusted_proxies = '::/0'\n";

fn verdict(ended: &Ended) -> Value {
    assert_eq!(ended.stderr, "", "programs read one stream");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// What `check` says about a file with this text, and its exit code.
fn checked(toml: &str, options: &[&str]) -> (Option<i32>, Value) {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    fs::write(&file, toml).unwrap();
    let ended = run(&[&["check", "--json", "-c", &file], options].concat());
    let mut verdict = verdict(&ended);
    assert_eq!(verdict["file"], file.as_str());
    verdict["file"] = Value::Null;
    (ended.code, verdict)
}

#[test]
fn a_verdict_in_json_says_all_that_the_one_in_words_says() {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    fs::write(&file, "workers = 0\n[listener.web]\nbind = [':8080',\n':8080']\nto = '9001'\n")
        .unwrap();
    let ended = run(&["check", "--json", "-c", &file]);
    assert_eq!(ended.code, Some(CONFIG));
    let expected = json!({
        "file": file,
        "ok": false,
        "errors": 2,
        "warnings": 0,
        "diagnostics": [{
            "code": "EK0104",
            "severity": "error",
            "message": "`workers` is out of bounds",
            "label": "wants 1 to 1024",
            "note": null,
            "help": null,
            "file": file,
            "line": 1,
            "column": 11,
            "end_line": 1,
            "end_column": 12,
            "related": [],
        }, {
            "code": "EK0306",
            "severity": "error",
            "message": "`:8080` is taken by listener `web`",
            "label": "overlaps with `:8080`",
            "note": null,
            "help": "a connection can arrive at one listener only; choose another port or address",
            "file": file,
            "line": 4,
            "column": 1,
            "end_line": 4,
            "end_column": 8,
            "related": [{
                "message": "taken here",
                "file": file,
                "line": 3,
                "column": 9,
                "end_line": 3,
                "end_column": 16,
            }],
        }],
    });
    assert_eq!(verdict(&ended), expected);
}

#[test]
fn a_file_that_is_fine_has_an_empty_verdict() {
    let expected =
        json!({ "file": null, "ok": true, "errors": 0, "warnings": 0, "diagnostics": [] });
    assert_eq!(checked(FINE, &[]), (Some(0), expected.clone()));
    assert_eq!(checked(FINE, &["--strict"]), (Some(0), expected));
}

#[test]
fn a_warning_is_an_error_only_if_that_was_asked_for() {
    let (code, verdict) = checked(ODD, &[]);
    assert_eq!((code, &verdict["ok"], &verdict["warnings"]), (Some(0), &true.into(), &1.into()));
    let (code, verdict) = checked(ODD, &["--strict"]);
    assert_eq!((code, &verdict["ok"]), (Some(CONFIG), &false.into()));
    assert_eq!((&verdict["errors"], &verdict["warnings"]), (&0.into(), &1.into()));
    assert_eq!(verdict["diagnostics"][0]["severity"], "warning");
}

#[test]
fn a_file_that_cannot_be_read_has_a_verdict_too() {
    let (_directory, file) = in_new_directory("absent.toml").unwrap();
    let ended = run(&["check", "--json", "-c", &file]);
    assert_eq!(ended.code, Some(CONFIG));
    let verdict = verdict(&ended);
    let place = &verdict["diagnostics"][0];
    assert_eq!((&place["code"], &place["line"]), (&"EK0001".into(), &Value::Null));
    assert_eq!(place["file"], file.as_str());
}

#[test]
fn included_files_and_variables_of_the_process_are_seen_by_a_check() {
    let (directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let conf_d = directory.path().join("conf.d");
    fs::create_dir(&conf_d).unwrap();
    fs::write(&file, "include = '${EK_CONF_D}/*.toml'\n").unwrap();
    fs::write(conf_d.join("web.toml"), FINE.replace("8080", "${EK_PORT:-wrong}")).unwrap();
    let check = |variables: &[(&str, &str)]| {
        let mut command = Command::new(BINARY);
        command.args(["check", "--json", "-c", &file]).envs(variables.iter().copied());
        end(Process::spawn(&mut command).unwrap())
    };
    let fine = check(&[("EK_CONF_D", "conf.d"), ("EK_PORT", "8080")]);
    assert_eq!((fine.code, &verdict(&fine)["ok"]), (Some(0), &true.into()));
    let wrong = verdict(&check(&[("EK_CONF_D", "conf.d")]));
    let mistake = &wrong["diagnostics"][0];
    assert_eq!(mistake["note"], "`${EK_PORT:-wrong}` is \"wrong\"");
    let place = conf_d.join("web.toml");
    assert_eq!((&mistake["file"], &mistake["line"]), (&place.to_str().into(), &2.into()));
}
