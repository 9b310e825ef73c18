//! The commands that talk to a running balancer: what they print, what they change, and how they end.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use evenkeel_testkit::{Gate, Origin, Process, Request, Script, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{BINARY, Ended, GET, LONG, Running, end, expect_failure, named, refusing};
use crate::running::{free_address, run};

/// A balancer that runs from a file which stays.
struct Filed {
    running: Running,
    file: PathBuf,
    _directory: TempDir,
}

impl Filed {
    /// With a cluster `api` of these endpoints; nothing of it is checked.
    fn start(endpoints: &[String]) -> Self {
        let (address, directory) = (free_address(), TempDir::new().unwrap());
        let file = directory.path().join("evenkeel.toml");
        let head =
            format!("[admin]\nbind = \"127.0.0.1:0\"\n\n[listener.web]\nbind = \"{address}\"\n");
        fs::write(&file, head + "to = \"api\"\n\n" + &cluster(endpoints)).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["run", "--workers", "1", "-c"]).arg(&file);
        let running = Running::start(&mut command, address);
        Filed { running, file, _directory: directory }
    }

    /// Puts another cluster into the file.
    fn rewrite(&self, cluster: &str) {
        let text = fs::read_to_string(&self.file).unwrap();
        let (head, _) = text.split_once("[cluster.api]").unwrap();
        fs::write(&self.file, format!("{head}{cluster}")).unwrap();
    }
}

fn cluster(endpoints: &[String]) -> String {
    format!("[cluster.api]\nhealth = false\nendpoints = {endpoints:?}\n")
}

/// Runs a command against the balancer, to its end.
fn order(running: &Running, words: &[&str]) -> Ended {
    let admin = running.admin.to_string();
    run(&[words, &["--admin", &admin]].concat())
}

/// The same for one that has to do what it is asked for.
#[track_caller]
fn done(running: &Running, words: &[&str]) -> String {
    let ended = order(running, words);
    assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
    ended.stdout
}

#[track_caller]
fn expect_line(text: &str, parts: &[&str]) {
    let fits = |line: &str| parts.iter().all(|part| line.contains(part));
    assert!(text.lines().any(fits), "no line with {parts:?} in\n{text}");
}

#[test]
fn status_shows_what_stands_how_and_why() {
    let (origin, dead) = (named("a"), refusing());
    let living = origin.address().to_string();
    let running = Running::serve(&[&living, &dead]);
    running.wait_for_state(1, "down");
    assert_eq!(running.get("/").status, 200);
    let page = done(&running, &["status"]);
    expect_line(&page, &["evenkeel ", "  ready · up ", " · config from the command line"]);
    expect_line(&page, &["web", &running.address.to_string()]);
    expect_line(&page, &["web  peak-ewma · 1 of 2 endpoints can get work"]);
    expect_line(&page, &["✓", &living, "up", " ago"]);
    expect_line(&page, &["✗", &dead, "down", "connection refused"]);
    assert!(!page.contains('\x1b'), "there is no colour in a pipe: {page}");
    let json: Value = serde_json::from_str(&done(&running, &["status", "web", "--json"])).unwrap();
    assert_eq!(json["clusters"][0]["endpoints"][1]["state"], "down");
    expect_failure(
        &order(&running, &["status", "wbe"]),
        1,
        &["no cluster `wbe`", "did you mean web?"],
    );
}

#[test]
fn readiness_is_an_exit_code() {
    let running = Running::serve(&[&named("a").address().to_string()]);
    let ended = order(&running, &["status", "--ready"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    let nowhere = refusing();
    let ended = run(&["status", "--ready", "--admin", &nowhere]);
    expect_failure(&ended, 1, &[&format!("nothing listens at {nowhere}")]);
}

#[test]
fn who_cannot_be_reached_is_told_from_who_is_no_balancer() {
    let nowhere = refusing();
    for words in [&["status"][..], &["top"], &["drain", "9001"], &["reload"], &["add", "9001"]] {
        let ended = run(&[words, &["--admin", &nowhere]].concat());
        let part = if words == ["top"] { "needs a terminal" } else { "nothing listens at" };
        expect_failure(&ended, 1, &[part]);
    }
    let origin = named("hello");
    let ended = run(&["drain", "9001", "--admin", &origin.address().to_string()]);
    expect_failure(&ended, 1, &["is not the admin API of an evenkeel", "hello"]);
    expect_failure(&run(&["status", "--admin", "nonsense"]), 2, &["write a port"]);
}

#[test]
fn a_drain_waits_for_what_runs_and_says_when_it_does_not_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |_: &Request| {
        Script::new().wait_for(&held).followed_by(Script::ok("late"))
    })
    .unwrap();
    let address = origin.address().to_string();
    let running = Running::serve(&[&address]);
    let mut client = running.connect();
    client.send(GET).unwrap();
    origin.wait_for_requests(1, LONG).unwrap();
    let port = address.rsplit(':').next().unwrap();
    let ended = order(&running, &["drain", port, "--wait", "--timeout", "100ms"]);
    expect_failure(&ended, 1, &["there are still 1 in flight", "it stays drained"]);
    expect_failure(&ended, 1, &["no other endpoint of cluster `web` can take its work"]);
    assert_eq!(running.endpoint(0)["state"], "draining");

    let admin = running.admin.to_string();
    let words = ["drain", port, "--wait", "--admin", &admin];
    let waiting = Process::spawn(Command::new(BINARY).args(words)).unwrap();
    waiting.wait_for_line("waiting for 1 in flight", LONG).unwrap();
    gate.open();
    assert_eq!(client.read_response(LONG).unwrap().text(), "late");
    let ended = end(waiting);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("nothing is in flight"), "{ended:?}");
    expect_line(&done(&running, &["drain", port, "--undo"]), &["~", &address]);
    assert_eq!(running.get("/").status, 200);
}

#[test]
fn an_endpoint_that_was_drained_can_be_stopped_under_load_and_nothing_is_lost() {
    let (mut leaving, staying) = (named("leaving"), named("staying"));
    let addresses = [leaving.address().to_string(), staying.address().to_string()];
    let running = Running::serve(&[&addresses[0], &addresses[1]]);
    let url = format!("http://{}/", running.address);
    let words = ["load", &url, "--rate", "300/s", "-d", "3s", "--json", "--quiet"];
    let load = Process::spawn(Command::new(BINARY).args(words)).unwrap();
    leaving.wait_for_requests(5, LONG).unwrap();
    done(&running, &["drain", &addresses[0], "--wait"]);
    let count = leaving.request_count();
    leaving.stop().unwrap();
    let ended = end(load);
    let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
    let (requests, answered) = (&summary["requests"], &summary["statuses"]["200"]);
    assert!(requests.as_u64() > Some(300) && requests == answered, "{summary}");
    assert_eq!(leaving.request_count(), count);
}

#[test]
fn endpoints_come_go_and_change_their_weight() {
    let (first, second) = (named("first"), named("second"));
    let (one, two) = (first.address().to_string(), second.address().to_string());
    let running = Running::serve(&[&one]);
    expect_line(&done(&running, &["add", &two, "--weight", "2"]), &["+", &two]);
    assert_eq!(running.endpoint(1)["weight"], 2);
    expect_failure(&order(&running, &["add", &two]), 1, &[&two, "already"]);
    expect_line(&done(&running, &["weight", &two, "5"]), &["~", &two, "5"]);
    assert!(done(&running, &["weight", &two, "5"]).contains("it was so already"));
    expect_line(&done(&running, &["mark", &one, "down"]), &["~", &one, "down"]);
    wait_until(LONG, || running.get("/").text() == "second").unwrap();
    done(&running, &["mark", &one, "auto"]);
    expect_line(&done(&running, &["status"]), &["overrides of the config"]);
    expect_line(&done(&running, &["remove", &one, "--wait"]), &["-", &one]);
    assert_eq!(running.get("/").text(), "second");
    expect_failure(&order(&running, &["remove", &two]), 1, &["last endpoint"]);
    expect_failure(&order(&running, &["remove", &one]), 1, &["no endpoint"]);
}

#[test]
fn a_reload_says_what_is_different() {
    let endpoints = [named("a"), named("b"), named("c")].map(|origin| origin.address().to_string());
    let filed = Filed::start(&endpoints[..1]);
    // The balancer sees a changed file by itself, too: whoever is first tells what is different.
    let changes = wait_until(LONG, || {
        filed.rewrite(&cluster(&endpoints[1..]));
        let first = done(&filed.running, &["reload"]);
        filed.rewrite(&cluster(&endpoints[..1]));
        let back = done(&filed.running, &["reload"]);
        let is_told =
            |text: &str, sign: &str| text.contains(&format!("{sign} cluster api: endpoint"));
        is_told(&first, "+") && is_told(&first, "-") && is_told(&back, "+")
    });
    changes.unwrap();
    assert!(done(&filed.running, &["reload"]).contains("nothing changed"));
    done(&filed.running, &["weight", &endpoints[0], "4"]);
    let drained = done(&filed.running, &["drain", &endpoints[0]]);
    expect_line(&drained, &["~", "drained"]);
    let persisted = done(&filed.running, &["reload", "--persist"]);
    expect_line(&persisted, &["written into ", &filed.file.display().to_string()]);
    expect_line(&persisted, &["still on top of it: api/", &endpoints[0], ": drained"]);
    done(&filed.running, &["drain", &endpoints[0], "--undo"]);
    assert!(fs::read_to_string(&filed.file).unwrap().contains("weight = 4"));
    done(&filed.running, &["weight", &endpoints[0], "7"]);
    expect_line(&done(&filed.running, &["reload", "--clear"]), &["~", &endpoints[0]]);
    assert_eq!(filed.running.endpoint(0)["weight"], 4);
}

#[test]
fn a_refused_reload_shows_what_is_wrong_and_changes_nothing() {
    let origin = named("a");
    let filed = Filed::start(&[origin.address().to_string()]);
    filed.rewrite("[cluster.api]\nendpoint = [\"127.0.0.1:1\"]\n");
    let ended = order(&filed.running, &["reload"]);
    expect_failure(&ended, 78, &["unknown key `endpoint`", "did you mean `endpoints`?"]);
    assert_eq!(ended.stdout, "");
    let page = done(&filed.running, &["status"]);
    expect_line(&page, &["! the config was refused", "what runs is older than what it says"]);
    expect_line(&page, &["unknown key `endpoint`"]);
    assert_eq!(filed.running.get("/").text(), "a");
    let json = order(&filed.running, &["reload", "--json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(78), ""), "{json:?}");
    let said: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(said["error"].as_str().unwrap().contains("unknown key `endpoint`"), "{said}");
    let checked = run(&["check", "--json", "-c", filed.file.to_str().unwrap()]);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(said["report"], checked);
}

#[test]
fn an_error_is_json_where_json_was_asked_for() {
    let running = Running::serve(&[&named("a").address().to_string()]);
    for words in [
        &["status", "wbe", "--json"][..],
        &["drain", "nobody", "--json"],
        &["mark", "nobody", "up", "--json"],
        &["weight", "nobody", "1", "--json"],
        &["remove", "nobody", "--json"],
        &["add", "no:such:address", "--json"],
        &["reload", "--json"],
    ] {
        let ended = order(&running, words);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{words:?}: {ended:?}");
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(said["error"].is_string() && said.get("help").is_some(), "{words:?}: {said}");
    }
    let nowhere = run(&["status", "--json", "--admin", &refusing()]);
    let said: Value = serde_json::from_str(&nowhere.stdout).unwrap();
    assert!(said["error"].as_str().unwrap().starts_with("nothing listens at"), "{said}");
    assert!(said["help"].as_str().unwrap().contains("--admin ADDRESS"), "{said}");
}

#[test]
fn a_config_in_the_current_folder_leads_to_its_balancer_even_if_it_is_broken() {
    let filed = Filed::start(&[named("a").address().to_string()]);
    let folder = filed.file.parent().unwrap();
    let admin = format!("[admin]\nbind = \"{}\"\n", filed.running.admin);
    let here = tempfile::tempdir_in(folder).unwrap();
    fs::write(here.path().join("evenkeel.toml"), admin + "[listener.web]\nbnid = 1\n").unwrap();
    let asked = |words: &[&str]| {
        let output = Command::new(BINARY)
            .args(words)
            .current_dir(here.path())
            .env_remove("EVENKEEL_ADMIN")
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(asked(&["status"]), (Some(0), String::new()));
    let nowhere = refusing();
    let (code, said) = asked(&["status", "--admin", &nowhere]);
    assert!(code == Some(1) && said.contains(&nowhere), "--admin wins: {said}");
    let (code, said) = asked(&["drain", "--admin", &nowhere]);
    assert_eq!(code, Some(2));
    assert!(said.contains("Usage: evenkeel drain [OPTIONS] <ENDPOINT>\n"), "{said}");
}
