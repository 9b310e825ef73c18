//! Listening sockets that are passed by whoever starts the balancer, as systemd does.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Command;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Process, wait_until};

use crate::running::{BINARY, Ended, GET, LONG, Running, end, expect_failure, free_address, named};

/// Passes `socket` as descriptor 3 and again as 4, as systemd passes the sockets of two units, and a file as 5. `names` says
/// how many of them count, and what they are called.
fn start(socket: &TcpListener, names: &str, words: &[&str]) -> Process {
    let count = names.split(':').count();
    let pass = format!(
        "exec 3<&0 4<&0 5</dev/null 0</dev/null; \
         export LISTEN_FDS={count} LISTEN_FDNAMES={names} LISTEN_PID=$$; exec \"$@\""
    );
    let mut command = Command::new("sh");
    command.args(["-c", &pass, "sh", BINARY]).args(words);
    let socket = OwnedFd::from(socket.try_clone().unwrap());
    Process::spawn_with_input(&mut command, socket.into()).unwrap()
}

fn serve(socket: &TcpListener, names: &str, listen: &str, endpoint: &str) -> Running {
    let words = ["serve", listen, endpoint, "--admin", "127.0.0.1:0", "--workers", "3"];
    Running::of(start(socket, names, &words), socket.local_addr().unwrap())
}

fn fail(names: &str, listen: &str) -> Ended {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    end(start(&socket, names, &["serve", listen, "9001", "--admin", "off"]))
}

#[test]
fn a_listener_serves_the_socket_that_it_is_passed() {
    let origin = named("a");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = serve(&socket, "web", "fd:web", &origin.address().to_string());
    // More than there are workers, all open at once: each accepts what it can get.
    let mut clients: Vec<Client> = (0..20).map(|_| running.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(GET, LONG).unwrap().text(), "a");
    }
    assert_eq!(running.status()["listeners"][0]["binds"][0], "fd:web");
    running.wait_for_metric("evenkeel_listener_connections_total", "", 20);
}

#[test]
fn the_sockets_of_one_name_belong_to_one_listener() {
    let origin = named("a");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = serve(&socket, "web:web", "fd:web", &origin.address().to_string());
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn whoever_connects_between_two_runs_is_served_by_the_next() {
    let origin = named("a");
    let endpoint = origin.address().to_string();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = serve(&socket, "web", "fd:web", &endpoint);
    assert_eq!(first.get("/").text(), "a");
    first.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(first.process).code, Some(0));
    let mut waiting = Client::connect(socket.local_addr().unwrap()).unwrap();
    waiting.send(GET).unwrap();
    let _second = serve(&socket, "web", "fd:web", &endpoint);
    assert_eq!(waiting.read_response(LONG).unwrap().text(), "a");
}

#[test]
fn a_name_that_was_not_passed_is_an_error_that_says_which_were() {
    let text = "listener \"web\" cannot listen on fd:web: no socket of this name was passed to this process, \
                only `api`, `metrics`; `FileDescriptorName=` in the .socket unit gives it its name";
    expect_failure(&fail("metrics:api", "fd:web"), 1, &[text]);
}

#[test]
fn what_is_passed_and_is_no_socket_is_an_error() {
    expect_failure(&fail("web:web:file", "fd:file"), 1, &["fd:file: fd 5 is not a socket"]);
}

#[test]
fn sockets_meant_for_another_process_are_not_taken() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new("sh");
    let pass = "exec 3<&0; LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=1 exec \"$@\"";
    command.args(["-c", pass, "sh", BINARY, "serve", "fd:web", "9001", "--admin", "off"]);
    let process = Process::spawn_with_input(&mut command, OwnedFd::from(socket).into()).unwrap();
    expect_failure(&end(process), 1, &["no socket was passed to this process"]);
}

#[test]
fn a_file_names_inherited_sockets_and_addresses_side_by_side() {
    let origin = named("a");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free_address();
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("evenkeel.toml");
    let toml = format!(
        "[listener.web]\nbind = [\"fd:web\", \"{own}\"]\nto = [\"{}\"]\n[admin]\nbind = \"127.0.0.1:0\"\n",
        origin.address()
    );
    fs::write(&file, toml).unwrap();
    let process = start(&socket, "web", &["run", "-c", &file.display().to_string()]);
    let mut running = Running::of(process, own);
    assert_eq!(running.get("/").text(), "a");
    running.address = socket.local_addr().unwrap();
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn a_socket_that_one_reload_drops_is_there_for_the_next() {
    let origin = named("a");
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = free_address();
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("evenkeel.toml");
    let write = |binds: &str| {
        let to = origin.address();
        let toml = format!(
            "[listener.web]\nbind = [{binds}]\nto = [\"{to}\"]\n[admin]\nbind = \"127.0.0.1:0\"\n"
        );
        fs::write(&file, toml).unwrap();
    };
    let (both, one) = (format!("\"fd:web\", \"{own}\""), format!("\"{own}\""));
    write(&both);
    let running =
        Running::of(start(&socket, "web", &["run", "-c", &file.display().to_string()]), own);
    let binds = || running.status()["listeners"][0]["binds"].as_array().unwrap().len();
    write(&one);
    running.process.signal(Signal::HUP).unwrap();
    wait_until(LONG, || binds() == 1).unwrap();
    let mut waiting = Client::connect(socket.local_addr().unwrap()).unwrap();
    waiting.send(GET).unwrap();
    assert_eq!(running.get("/").text(), "a");
    write(&both);
    running.process.signal(Signal::HUP).unwrap();
    assert_eq!(waiting.read_response(LONG).unwrap().text(), "a");
}
