//! A config that changes while it runs: what becomes of it, and of what it does not concern.

use std::fs;
use std::net::TcpStream;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Gate, Origin, Request, Script, get, wait_until};

use crate::running::{GET, LONG, Running, free_address, named};

/// One listener that sends to one endpoint.
fn to(endpoint: &Origin) -> String {
    let address = endpoint.address();
    format!("[listener.web]\nbind = \"{{bind}}\"\nto = [\"{address}\"]\n")
}

#[test]
fn a_changed_file_is_in_force_by_itself() {
    let (a, b) = (named("a"), named("b"));
    let running = Running::from_toml(&to(&a));
    assert_eq!(running.get("/").text(), "a");
    running.rewrite(&to(&b));
    wait_until(LONG, || running.get("/").text() == "b").unwrap();
    let reload = &running.status()["config"]["last_reload"];
    assert_eq!((&reload["trigger"], &reload["result"]), (&"file".into(), &"applied".into()));
    let changes = reload["changes"].to_string();
    assert!(changes.contains(&format!("+ cluster web: endpoint {}", b.address())), "{changes}");
    assert!(changes.contains(&format!("- cluster web: endpoint {}", a.address())), "{changes}");
    running.wait_for_metric("evenkeel_config_reloads_total", "applied", 1);
}

#[test]
fn a_file_that_is_written_in_place_or_behind_a_link_is_followed_too() {
    let (a, b) = (named("a"), named("b"));
    let running = Running::from_toml(&to(&a));
    let address = running.address.to_string();
    let in_place = |origin: &Origin| to(origin).replace("{bind}", &address);
    let admin = "[admin]\nbind = \"127.0.0.1:0\"\n";
    fs::write(running.config(), in_place(&b) + admin).unwrap();
    wait_until(LONG, || running.get("/").text() == "b").unwrap();
    // As Kubernetes does it: the file is a link through a folder that is a link, and that one is swapped.
    let root = running.config().parent().unwrap().to_owned();
    for (folder, origin) in [("v1", &b), ("v2", &a)] {
        fs::create_dir(root.join(folder)).unwrap();
        fs::write(root.join(folder).join("evenkeel.toml"), in_place(origin) + admin).unwrap();
    }
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, root.join("new")).unwrap();
        fs::rename(root.join("new"), root.join(name)).unwrap();
    };
    link("v1", "..data");
    link("..data/evenkeel.toml", "evenkeel.toml");
    // Only content counts, and that is the same.
    link("v2", "..data");
    wait_until(LONG, || running.get("/").text() == "a").unwrap();
    assert_eq!(running.metric("evenkeel_config_reloads_total", "refused"), 0);
}

#[test]
fn a_refused_reload_changes_nothing_and_is_said_everywhere() {
    let a = named("a");
    let running = Running::from_toml(&to(&a));
    let before = running.status();
    for (broken, said) in [
        ("[listener.web]\nbind = \"{bind}\"\nto = \"nowhere\"\n", "EK0305"),
        ("", "nothing to listen on"),
        ("[cluster.x]\nendpoints = [\"127.0.0.1:1\"]\n", "nothing to listen on"),
        ("[listener.web\n", "EK0100"),
    ] {
        running.rewrite(broken);
        running.process.signal(Signal::HUP).unwrap();
        wait_until(LONG, || {
            let reload = &running.status()["config"]["last_reload"];
            reload["problem"].as_str().is_some_and(|problem| problem.contains(said))
        })
        .unwrap_or_else(|error| panic!("{said}: {error}: {}", running.status()["config"]));
        running.process.wait_for_line("reload refused", LONG).unwrap();
        assert_eq!(running.get("/").text(), "a");
    }
    let after = running.status();
    assert_eq!(before["generation"], after["generation"]);
    assert_eq!(before["config"]["revision"], after["config"]["revision"]);
    assert_eq!(after["config"]["refused"], true);
    assert_eq!(running.metric("evenkeel_config_last_reload_successful", ""), 0);
    assert!(running.metric("evenkeel_config_reloads_total", "refused") >= 4);
    let (status, answer) = running.ask("POST", "/api/v1/reload", "");
    assert_eq!(status, 422);
    assert!(answer["error"].as_str().unwrap().contains("EK0100"), "{answer}");
    // Mended, it is as if nothing had been.
    running.rewrite(&to(&a));
    wait_until(LONG, || running.status()["config"]["refused"] == false).unwrap();
    running.wait_for_metric("evenkeel_config_last_reload_successful", "", 1);
}

#[test]
fn an_address_that_is_taken_refuses_the_whole_reload() {
    let (a, b) = (named("a"), named("b"));
    let running = Running::from_toml(&to(&a));
    let taken = b.address();
    running
        .rewrite(&format!("{}\n[listener.more]\nbind = \"{taken}\"\nto = \"{taken}\"\n", to(&b)));
    let (status, answer) = running.ask("POST", "/api/v1/reload", "");
    assert_eq!(status, 422);
    assert!(answer["error"].as_str().unwrap().contains("already in use"), "{answer}");
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn a_listener_comes_is_renamed_moves_and_goes() {
    let (a, gate) = (named("a"), Gate::new());
    let held = {
        let gate = gate.clone();
        Origin::start(move |_: &Request| {
            Script::new().wait_for(&gate).followed_by(Script::ok("held"))
        })
        .unwrap()
    };
    let second = free_address();
    let (fast, slow) = (a.address(), held.address());
    let one = format!("[listener.web]\nbind = \"{{bind}}\"\nto = \"{fast}\"\nhealth = false\n");
    let running = Running::from_toml(&one);
    let more = |name: &str, bind: &str| {
        format!("{one}\n[listener.{name}]\nbind = \"{bind}\"\nto = \"{slow}\"\nhealth = false\n")
    };
    running.rewrite(&more("more", &second.to_string()));
    assert!(running.reload().iter().any(|line| line == "+ listener more"));
    let mut busy = Client::connect(second).unwrap();
    busy.send(GET).unwrap();
    held.wait_for_requests(1, LONG).unwrap();
    // Renamed: the socket stays, and whoever connects is served by the new one.
    running.rewrite(&more("other", &second.to_string()));
    running.reload();
    let mut idle = Client::connect(second).unwrap();
    idle.send(GET).unwrap();
    held.wait_for_requests(2, LONG).unwrap();
    // From one address to all of them, which overlaps.
    running.rewrite(&more("other", &format!(":{}", second.port())));
    running.reload();
    // Who comes between the last look into a queue and its end is reset by the system.
    let mut late = None;
    wait_until(LONG, || {
        late = Client::connect(second).ok();
        late.is_some()
    })
    .unwrap();
    // Gone: nobody can connect any more, what runs ends well, what lies idle is closed.
    running.rewrite(&one);
    assert!(running.reload().iter().any(|line| line == "- listener other"));
    wait_until(LONG, || TcpStream::connect(second).is_err()).unwrap();
    gate.open();
    for client in [&mut busy, &mut idle] {
        let response = client.read_response(LONG).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "held"));
        assert_eq!(response.header("connection"), Some("close"));
        assert_eq!(client.read_to_end(LONG).unwrap(), b"");
    }
    assert_eq!(late.unwrap().read_to_end(LONG).unwrap(), b"");
    assert_eq!(running.get("/").text(), "a");
}

#[test]
fn what_a_reload_does_not_concern_lives_on() {
    let (a, b) = (named("a"), named("b"));
    let with = |more: &str| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n\
             [cluster.api]\nendpoints = [\"{}\"{more}]\nbalance = \"round-robin\"\n",
            a.address()
        )
    };
    let running = Running::from_toml(&with(""));
    running.wait_for_state(0, "up");
    let mut client = running.connect();
    client.exchange(GET, LONG).unwrap();
    let before = running.endpoint(0);
    running.rewrite(&with(&format!(", \"{}\"", b.address())));
    running.reload();
    let after = running.endpoint(0);
    assert_eq!(before["since_unix_seconds"], after["since_unix_seconds"], "its health is known");
    assert_eq!((&before["requests"], &after["requests"]), (&1.into(), &1.into()));
    running.wait_for_state(1, "up");
    for _ in 0..4 {
        assert_eq!(client.exchange(GET, LONG).unwrap().status, 200);
    }
    let opened = format!("endpoint=\"{}\",result=\"ok\"", a.address());
    let connects = running.metric("evenkeel_upstream_connects_total", &opened);
    assert_eq!(connects, 1, "the pooled connection lives on");
    running.wait_for_metric("evenkeel_listener_connections_total", "web", 1);
}

/// They lay idle for as long as any exchange of the plan that had it.
#[test]
fn idle_connections_to_an_endpoint_that_is_gone_are_closed_while_an_old_exchange_runs() {
    let (quick, gate) = (named("quick"), Gate::new());
    let held = gate.clone();
    let slow = Origin::start(move |_: &Request| {
        Script::new().wait_for(&held).followed_by(Script::ok("slow"))
    })
    .unwrap();
    let to = |endpoints: String| {
        format!(
            "[listener.web]\nbind = \"{{bind}}\"\nto = \"api\"\n[cluster.api]\n\
             endpoints = [{endpoints}]\nbalance = \"round-robin\"\nhealth = false\n"
        )
    };
    let running =
        Running::from_toml(&to(format!("\"{}\", \"{}\"", quick.address(), slow.address())));
    let mut clients = [running.connect(), running.connect()];
    clients.iter_mut().for_each(|client| client.send(GET).unwrap());
    slow.wait_for_requests(1, LONG).unwrap();
    quick.wait_for_requests(1, LONG).unwrap();
    assert_eq!(quick.open_connection_count(), 1);
    running.rewrite(&to(format!("\"{}\"", slow.address())));
    running.reload();
    wait_until(LONG, || quick.open_connection_count() == 0).unwrap();
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read_response(LONG).unwrap().status, 200);
    }
}

/// Our own socket was in the way.
#[test]
fn the_admin_api_moves_to_more_and_to_fewer_addresses_of_its_port() {
    let a = named("a");
    let running = Running::from_toml(&to(&a));
    let text = to(&a).replace("{bind}", &running.address.to_string());
    let (admin, elsewhere) = (free_address(), named("elsewhere"));
    let on = |address: &str| {
        fs::write(running.config(), format!("{text}[admin]\nbind = \"{address}\"\n")).unwrap();
    };
    on(&admin.to_string());
    wait_until(LONG, || get(admin, "/livez").is_ok_and(|response| response.status == 200)).unwrap();
    let in_force = |address: &str| {
        let put = format!("→ \\\"{address}");
        get(admin, "/api/v1/status").is_ok_and(|response| response.text().contains(&put))
    };
    for ip in ["0.0.0.0", "127.0.0.1"] {
        let address = format!("{ip}:{}", admin.port());
        on(&address);
        wait_until(LONG, || in_force(&address)).unwrap();
    }
    // What somebody else has is still taken.
    on(&format!("0.0.0.0:{}", elsewhere.address().port()));
    running.process.wait_for_line("already in use", LONG).unwrap();
    assert_eq!(get(admin, "/livez").unwrap().status, 200);
}

#[test]
fn the_access_log_the_level_and_the_admin_address_follow_the_file() {
    let a = named("a");
    let running = Running::from_toml(&to(&a));
    let log = running.config().with_file_name("access.log");
    let admin = free_address();
    let text = to(&a).replace("{bind}", &running.address.to_string());
    let wanted = format!(
        "{text}[admin]\nbind = \"{admin}\"\n[log]\nlevel = \"debug\"\naccess = {{ path = \"{}\" }}\n",
        log.display()
    );
    fs::write(running.config(), wanted).unwrap();
    wait_until(LONG, || get(admin, "/livez").is_ok_and(|response| response.status == 200)).unwrap();
    wait_until(LONG, || TcpStream::connect(running.admin).is_err()).unwrap();
    running.get("/seen");
    wait_until(LONG, || fs::read_to_string(&log).is_ok_and(|text| text.contains("/seen"))).unwrap();
    fs::write(running.config(), format!("{text}[admin]\nbind = \"{admin}\"\n")).unwrap();
    wait_until(LONG, || {
        let status = get(admin, "/api/v1/status").unwrap().text();
        status.contains("→ (default)") && status.contains("log: access")
    })
    .unwrap();
    running.get("/unseen");
    wait_until(LONG, || get(admin, "/metrics").unwrap().text().contains("requests_total")).unwrap();
    assert!(!fs::read_to_string(&log).unwrap().contains("/unseen"));
}
