//! What is wrong is refused with a sentence that says what to do, and with the exit code that says whose fault it is.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use evenkeel_testkit::{Process, skipped};

use crate::running::{
    BINARY, LONG, Running, end, expect_failure, free_address, in_new_directory, named, refusing,
    run,
};

const CONFIG: i32 = 78;

/// Runs `check` and `run` on a file: they refuse it in the same way.
fn refused_toml(toml: &str, parts: &[&str]) {
    let (_directory, file) = in_new_directory("evenkeel.toml").unwrap();
    fs::write(&file, toml).unwrap();
    for command in ["check", "run"] {
        expect_failure(&run(&[command, "-c", &file]), CONFIG, parts);
    }
}

#[test]
fn a_port_in_use_by_another_program_is_refused_with_its_name() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&["serve", &address, "9001", "--admin", "off"]);
    let us = format!("(pid {})", std::process::id());
    expect_failure(&ended, 1, &[&address, "already in use by", &us, "choose another port"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_second_instance_on_the_same_port_is_refused_with_the_first_ones_pid() {
    let origin = named("a");
    let first = Running::serve(&[&origin.address().to_string()]);
    let address = first.address.to_string();
    let ended = run(&["serve", &address, "9001", "--admin", "off"]);
    let owner = format!("already in use by evenkeel (pid {})", first.process.pid());
    expect_failure(&ended, 1, &[&address, &owner]);
    assert_eq!(first.get("/").text(), "a", "the first one must not be disturbed");
}

#[test]
fn an_admin_address_in_use_is_refused_if_it_was_asked_for() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = taken.local_addr().unwrap().to_string();
    let ended = run(&["serve", &free_address().to_string(), "9001", "--admin", &admin]);
    expect_failure(&ended, 1, &["the admin API cannot listen on", &admin, "already in use by"]);
}

#[test]
fn a_port_that_needs_privilege_is_refused_with_the_ways_to_get_it() {
    let name = "a_port_that_needs_privilege_is_refused_with_the_ways_to_get_it";
    let (_directory, program) = in_new_directory("evenkeel").unwrap();
    // Another user may not be able to reach the build directory.
    fs::copy(BINARY, &program).unwrap();
    let parent = std::path::Path::new(&program).parent().unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]);
    command.args(["--inh-caps=-all", "--", &program, "serve", "127.0.0.1:1", "9001"]);
    let ended = match Process::spawn(command.args(["--admin", "off"])) {
        Ok(process) => process,
        Err(error) => return skipped(name, &error.to_string()),
    };
    let free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if free.is_ok_and(|port| port.trim().parse::<u16>().is_ok_and(|port| port <= 1)) {
        return skipped(name, "this system lets everybody open every port");
    }
    let ended = end(ended);
    if ended.stderr.contains("setpriv:") {
        return skipped(name, &ended.stderr);
    }
    expect_failure(&ended, 1, &["127.0.0.1:1", "permission denied", "setcap", "1024"]);
}

#[test]
fn a_name_that_does_not_resolve_stops_nothing_and_is_said() {
    let origin = named("a");
    // RFC 6761 §6.4: `invalid` never resolves.
    let words = ["nowhere.invalid:80", &origin.address().to_string()];
    let running = Running::serve(&words);
    let picture = running.process.stdout();
    assert!(picture.contains("? nowhere.invalid:80"), "{picture}");
    assert!(picture.contains("unresolved"), "{picture}");
    assert!(picture.contains("will keep trying"), "{picture}");
    assert_eq!(running.endpoint(0)["state"], "unresolved");
    for _ in 0..4 {
        assert_eq!(running.get("/").text(), "a");
    }
    let warning = running.process.wait_for_line("name does not resolve", LONG).unwrap();
    assert!(warning.contains("nowhere.invalid"), "{warning}");
}

#[test]
fn an_endpoint_that_refuses_is_shown_with_its_reason() {
    let running = Running::serve(&[&refusing()]);
    let picture = running.process.stdout();
    assert!(picture.contains("down   connection refused; will keep trying"), "{picture}");
}

#[test]
fn a_line_without_endpoints_is_refused() {
    expect_failure(&run(&["serve", "8080"]), CONFIG, &["no endpoints", "evenkeel serve 8080"]);
    refused_toml("[listener.web]\nbind = ':8080'\nto = []\n", &["no endpoints", ":3:"]);
}

#[test]
fn endpoints_that_all_weigh_nothing_are_refused() {
    let ended = run(&["serve", "8080", "9001*0", "9002*0"]);
    expect_failure(&ended, CONFIG, &["weighs anything", "give at least one a weight"]);
    let toml = "[listener.web]\nbind = ':8080'\nto = [{ address = 'a:1', weight = 0 }]\n";
    refused_toml(toml, &["weighs anything", ":3:"]);
}

#[test]
fn a_cluster_that_does_not_exist_is_refused_with_the_one_that_was_meant() {
    let toml = "[listener.web]\nbind = ':8080'\nto = 'apo'\n\
                [cluster.api]\nendpoints = ['127.0.0.1:9001']\n";
    refused_toml(toml, &["does not exist", "did you mean `api`?", ":3:"]);
}

#[test]
fn wrong_addresses_are_refused_all_at_once() {
    let ended = run(&["serve", "1.2.3.4.5:80", "99999", "app", "--admin", "nowhere"]);
    let words = ["1.2.3.4.5:80", "99999", "`app` has no port", "`nowhere` has no port", "4 errors"];
    expect_failure(&ended, CONFIG, &words);
    assert_eq!(ended.stdout, "");
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // RFC 5737: an address for documentation, which no machine has.
    let ended = run(&["serve", "192.0.2.1:8080", "9001", "--admin", "off"]);
    expect_failure(&ended, 1, &["192.0.2.1 is not an address of this machine", "ip address"]);
}

#[test]
fn an_absent_file_is_refused_with_the_way_to_make_one() {
    let (_directory, file) = in_new_directory("none.toml").unwrap();
    for command in ["check", "run"] {
        let ended = run(&[command, "-c", &file]);
        expect_failure(&ended, CONFIG, &["no such file", &file, "--save"]);
    }
}

#[test]
fn an_unreadable_file_is_refused_as_what_it_is() {
    let (directory, file) = in_new_directory("binary.toml").unwrap();
    let ended = run(&["check", "-c", &directory.path().display().to_string()]);
    expect_failure(&ended, CONFIG, &["cannot read", "name the file in it"]);
    fs::write(&file, b"# a\n\xff\xfe").unwrap();
    expect_failure(&run(&["check", "-c", &file]), CONFIG, &["line 2", "is not text"]);
}

#[test]
fn wrong_usage_is_not_a_wrong_config() {
    for (words, part) in [
        (&["serve"][..], "<LISTEN>"),
        (&["serve", "8080", "9001", "--balance", "fair"], "least-request"),
        (&["serve", "8080", "9001", "--workers", "0"], "1 to 1024"),
        (&["serve", "8080", "9001", "--force"], "--save"),
        (&["balance"], "unrecognized subcommand"),
    ] {
        expect_failure(&run(words), 2, &[part]);
    }
}

#[test]
fn the_environment_says_how_many_workers_there_are_and_the_line_wins() {
    let origin = named("a").address().to_string();
    for (extra, workers) in [(&[][..], 3), (&["--workers", "2"], 2)] {
        let address = free_address();
        let mut command = Command::new(BINARY);
        command.env("EVENKEEL_WORKERS", "3").args(["serve", &address.to_string(), &origin]);
        let running = Running::start(command.args(["--admin", "127.0.0.1:0"]).args(extra), address);
        assert_eq!(running.status()["workers"], workers);
    }
}
