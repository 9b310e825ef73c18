//! The doors of the admin API: who may look and who may change, over an address that is open to a network and over a path.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::process::Command;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Process, get, wait_until};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{BINARY, Ended, LONG, expect_failure, free_address, named, run};

/// A config whose admin API has `admin` in its table, and an endpoint; its path.
fn config(folder: &TempDir, listen: SocketAddr, endpoint: SocketAddr, admin: &str) -> String {
    let file = folder.path().join("evenkeel.toml");
    let text = format!(
        "[admin]\n{admin}\n[listener.web]\nbind = \"{listen}\"\nto = \"api\"\n\
         [cluster.api]\nendpoints = [\"{endpoint}\", \"127.0.0.1:1\"]\nhealth = false\n"
    );
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn start(config: &str, listen: SocketAddr) -> Process {
    let process = Process::spawn(Command::new(BINARY).args(["run", "-c", config])).unwrap();
    wait_until(LONG, || Client::connect(listen).is_ok()).unwrap();
    process
}

/// A request that changes something, and the status of its answer.
fn change(admin: SocketAddr, fields: &str) -> u16 {
    let path = "/api/v1/clusters/api/endpoints/127.0.0.1:1/weight";
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: lb.example\r\nContent-Type: application/json\r\n{fields}\
         Content-Length: 12\r\n\r\n{{\"weight\":7}}"
    );
    Client::connect(admin).unwrap().exchange(request.as_bytes(), LONG).unwrap().status
}

#[test]
fn on_a_network_everybody_may_look_and_only_the_token_may_change() {
    let (origin, folder, listen) = (named("a"), TempDir::new().unwrap(), free_address());
    let admin = free_address();
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, admin.port()));
    let doors = format!("bind = \"{everywhere}\"\ntoken = \"0123456789abcdef\"");
    let config = config(&folder, listen, origin.address(), &doors);
    let _running = start(&config, listen);
    assert_eq!(get(admin, "/api/v1/status").unwrap().status, 200);
    // A proxy on this machine speaks for strangers.
    assert_eq!(change(admin, ""), 401);
    assert_eq!(change(admin, "Authorization: Bearer 0123456789abcdeX\r\n"), 401);
    let stranger = "Origin: http://evil.example\r\nAuthorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(change(admin, stranger), 403);
    let shown = get(admin, "/api/v1/status").unwrap().text();
    assert!(!shown.contains("\"weight\":7"), "{shown}");
    assert_eq!(change(admin, "Authorization: Bearer 0123456789abcdef\r\n"), 200);
    let shown = get(admin, "/api/v1/status").unwrap().text();
    assert!(shown.contains("weight 7"), "{shown}");
    for page in ["/api/v1/config", "/api/v1/status"] {
        assert!(!get(admin, page).unwrap().text().contains("0123456789abcdef"), "{page}");
    }
    let to = admin.to_string();
    let words = ["weight", "127.0.0.1:1", "8", "--admin", &to];
    expect_failure(&run(&words), 1, &["need the token", "EVENKEEL_TOKEN"]);
    let token = folder.path().join("token");
    fs::write(&token, "0123456789abcdef\n").unwrap();
    let with_token = [&words[..], &["--token-file", token.to_str().unwrap()]].concat();
    assert_eq!(run(&with_token).code, Some(0));
    // The config has it, too.
    assert_eq!(run(&["weight", "127.0.0.1:1", "9", "-c", &config]).code, Some(0));
}

#[test]
fn without_a_token_a_network_may_look_and_this_machine_may_change() {
    let (origin, folder, listen) = (named("a"), TempDir::new().unwrap(), free_address());
    let admin = free_address();
    let doors = format!("bind = \"0.0.0.0:{}\"", admin.port());
    let config = config(&folder, listen, origin.address(), &doors);
    let _running = start(&config, listen);
    assert_eq!(get(admin, "/api/v1/status").unwrap().status, 200);
    // A page whose name has been made to mean this machine.
    assert_eq!(change(admin, ""), 403);
    assert_eq!(change(admin, "Authorization: Bearer anything-at-all-1\r\n"), 401);
    let here = ["weight", "127.0.0.1:1", "8", "--admin", &admin.to_string()].map(str::to_owned);
    assert_eq!(run(&here.each_ref().map(String::as_str)).code, Some(0));
}

#[test]
fn a_path_lets_in_whom_its_rights_let_in_and_goes_with_the_process() {
    let (origin, folder, listen) = (named("a"), TempDir::new().unwrap(), free_address());
    let socket = folder.path().join("admin.sock");
    let place = format!("unix:{}", socket.display());
    let doors = format!("bind = \"{place}\"\ntoken = \"0123456789abcdef\"");
    let config = config(&folder, listen, origin.address(), &doors);
    let ask = |words: &[&str]| -> Ended { run(&[words, &["--admin", &place]].concat()) };
    let killed = start(&config, listen);
    wait_until(LONG, || ask(&["status", "--ready"]).code == Some(0)).unwrap();
    killed.signal(Signal::KILL).unwrap();
    drop(killed);
    assert!(socket.metadata().unwrap().file_type().is_socket(), "nobody was there to remove it");
    // The next one takes the place of the dead one.
    let mut process = start(&config, listen);
    wait_until(LONG, || ask(&["status", "--ready"]).code == Some(0)).unwrap();
    assert_eq!(ask(&["weight", "127.0.0.1:1", "7"]).code, Some(0));
    assert_eq!(ask(&["drain", "127.0.0.1:1"]).code, Some(0));
    let status: Value = serde_json::from_str(&ask(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["overrides"][0]["text"], "weight 7, drained", "{status}");
    process.signal(Signal::TERM).unwrap();
    assert_eq!(process.exit_status(LONG).unwrap().code(), Some(0));
    assert!(!socket.exists());
}
