//! A command line can be kept as a file, and a file can be checked before it is run.

use std::fs;
use std::process::Command;

use evenkeel_testkit::process::Signal;

use crate::running::{
    BINARY, Running, end, expect_failure, free_address, in_new_directory, named, refusing, run,
};

#[test]
fn a_saved_line_is_checked_and_run_as_the_same_balancer() {
    let origin = named("a");
    let (endpoint, backup) = (origin.address().to_string(), refusing());
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let (weighted, marked) = (format!("{endpoint}*3"), format!("!{backup}"));
    let options = ["--balance", "round-robin", "--health", "/health", "--save", &file];
    let saved = Running::serve(&[&[weighted.as_str(), &marked], &options[..]].concat());
    assert!(saved.process.stdout().contains(&format!("evenkeel run -c {file}")));
    let (address, shown) = (saved.address, saved.status()["clusters"][0].clone());
    saved.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(saved.process).code, Some(0));

    let checked = run(&["check", "-c", &file]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let summary = format!("{file} is fine: 1 listener, 1 cluster, 2 endpoints\n");
    assert_eq!(checked.stdout, summary);

    let read = Running::start(Command::new(BINARY).args(["run", "-c", &file]), address);
    assert_eq!(read.get("/").text(), "a");
    let again = read.status()["clusters"][0].clone();
    assert_eq!(again["algorithm"], "round-robin");
    for key in ["name", "weight", "backup"] {
        for position in 0..2 {
            assert_eq!(again["endpoints"][position][key], shown["endpoints"][position][key]);
        }
    }
}

#[test]
fn a_file_that_exists_is_replaced_only_by_force() {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    fs::write(&file, "# mine\n").unwrap();
    let listen = free_address().to_string();
    let ended = run(&["serve", &listen, "9001", "--admin", "off", "--save", &file]);
    expect_failure(&ended, 1, &[&file, "exists already", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");

    let origin = named("a").address().to_string();
    let running = Running::serve(&[&origin, "--save", &file, "--force"]);
    let toml = fs::read_to_string(&file).unwrap();
    assert!(toml.contains(&running.address.to_string()) && !toml.contains("mine"), "{toml}");
}

#[test]
fn a_file_that_cannot_be_written_stops_the_start() {
    let (_directory, file) = in_new_directory("absent/evenkeel.toml").unwrap();
    let listen = free_address().to_string();
    let ended = run(&["serve", &listen, "9001", "--admin", "off", "--save", &file]);
    expect_failure(&ended, 1, &["cannot write", &file, "folder does not exist; create that"]);
}

#[test]
fn a_start_that_fails_leaves_no_file() {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let taken = named("a");
    let listen = taken.address().to_string();
    let ended = run(&["serve", &listen, "9001", "--admin", "off", "--save", &file]);
    expect_failure(&ended, 1, &[&listen]);
    assert!(!fs::exists(&file).unwrap(), "it was written all the same");
}

#[test]
fn a_check_with_warnings_passes_and_says_them() {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    let toml = "[listener.web]\nbind = ':8080'\nto = ['127.0.0.1:9001']\n\
                [cluster.spare]\nendpoints = ['127.0.0.1:9002', '127.0.0.1:9003']\n";
    fs::write(&file, toml).unwrap();
    let ended = run(&["check", "-c", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("nothing sends to cluster `spare`"), "{ended:?}");
    let verdict = "can be used as the warnings say, which --strict takes for errors: 1 listener, 2 clusters, 3 endpoints\n";
    assert!(ended.stdout.ends_with(verdict), "{ended:?}");
}
