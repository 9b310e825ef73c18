use std::fs;
use std::os::unix::net::UnixListener;
use std::thread;

use evenkeel_control::admin::WantedState;
use evenkeel_testkit::ports::free_port;
use evenkeel_testkit::{Gate, Origin, Request, Script};

use super::error::ClientError;
use super::exchange::Trouble;
use super::place::Place;
use super::*;

/// An API that answers everything with `status` and `text`.
fn api(status: u16, text: &'static str) -> Origin {
    Origin::start(move |_: &Request| Script::status(status, text)).unwrap()
}

fn client(address: &impl ToString) -> AdminClient {
    AdminClient::new(&AdminArgs::at(address)).unwrap()
}

fn drain() -> Change {
    let (cluster, endpoint) = ("api".to_owned(), "127.0.0.1:9001".to_owned());
    Change::State { cluster, endpoint, state: WantedState::Drain }
}

#[test]
fn a_change_is_sent_as_json_and_its_answer_understood() {
    let api = api(
        200,
        r#"{"result":"applied","changes":["~ drained"],"warnings":[],"generation":3,"revision":"r","new":1}"#,
    );
    let said = client(&api.address()).change(&drain()).unwrap();
    assert_eq!(said.meaning.changes, ["~ drained"]);
    assert!(said.json.contains("\"new\":1"), "what we do not know is kept: {}", said.json);
    let request = &api.requests()[0];
    assert_eq!(request.method, "PUT");
    assert_eq!(request.target, "/api/v1/clusters/api/endpoints/127.0.0.1%3A9001/state");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("host"), Some(api.address().to_string().as_str()));
    assert_eq!(request.body, br#"{"state":"drain"}"#);
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn a_name_of_this_machine_is_asked_by_its_address() {
    let api = api(200, "ready");
    let named = format!("localhost:{}", api.address().port());
    assert!(client(&named).readiness().unwrap().is_ok());
    assert_eq!(api.requests()[0].header("host"), Some(api.address().to_string().as_str()));
}

#[test]
fn the_token_of_a_file_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "s3cret\n").unwrap();
    let api = api(200, r#"{"events":[],"last":7}"#);
    let args = AdminArgs::at(&api.address()).with_token_file(file);
    let events = AdminClient::new(&args).unwrap().events(5).unwrap();
    assert_eq!(events.last, 7);
    let request = &api.requests()[0];
    assert_eq!(request.target, "/api/v1/events?since=5");
    assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
}

#[test]
fn a_unix_socket_is_asked_as_localhost() {
    use std::io::{Read as _, Write as _};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut piece) = (Vec::new(), [0; 1024]);
        while !head.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut piece).unwrap();
            head.extend_from_slice(&piece[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    assert!(client(&format!("unix:{}", path.display())).readiness().unwrap().is_ok());
    let head = serving.join().unwrap().to_ascii_lowercase();
    assert!(head.contains("\r\nhost: localhost\r\n"), "{head}");
}

#[test]
fn who_is_not_ready_says_why() {
    let api = api(503, "not ready: shutting down\n");
    let why = client(&api.address()).readiness().unwrap().unwrap_err();
    assert_eq!(why, "not ready: shutting down");
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_api() {
    let text = r#"{"error":"there is no cluster \"apo\"","help":"did you mean \"api\"?"}"#;
    let error = client(&api(404, text).address()).change(&drain()).unwrap_err();
    assert!(matches!(&error, ClientError::Refused(refusal) if refusal.status == 404));
    assert_eq!(error.to_string(), "there is no cluster \"apo\"\n  did you mean \"api\"?");
    let text = r#"{"error":"it has changed meanwhile","help":null}"#;
    let error = client(&api(412, text).address()).change(&drain()).unwrap_err();
    assert_eq!(error.to_string(), "it has changed meanwhile");
}

#[test]
fn a_door_that_stays_shut_asks_for_the_token() {
    for status in [401, 403] {
        let api = api(status, r#"{"error":"changes need a token","help":null}"#);
        let error = client(&api.address()).change(&drain()).unwrap_err();
        assert!(matches!(error, ClientError::Denied(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("changes need a token\n"), "{text}");
        assert!(text.contains("EVENKEEL_TOKEN") && text.contains("--token-file"), "{text}");
    }
}

#[test]
fn another_program_is_told_from_an_evenkeel() {
    for (status, text, part) in [
        (200, "<html>hello", "it answered 200: <html>hello"),
        (200, "{}", "it answered 200: {}"),
        (404, "nothing here\nmore", "it answered 404: nothing here\n"),
        (502, "", "it answered 502\n"),
    ] {
        let api = api(status, text);
        let error = client(&api.address()).status().unwrap_err();
        assert!(matches!(error, ClientError::Strange(_)), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(part) && said.contains("not the admin API of an evenkeel"), "{said}");
    }
    let garbled = Origin::start(|_: &Request| Script::new().send("SSH-2.0-x\r\n").close()).unwrap();
    let error = client(&garbled.address()).status().unwrap_err().to_string();
    assert!(error.contains("does not speak HTTP as an admin API does"), "{error}");
}

#[test]
fn where_nothing_listens_the_way_to_the_address_is_told() {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let error = client(&address).status().unwrap_err().to_string();
    assert!(error.starts_with(&format!("nothing listens at {address}\n")), "{error}");
    assert!(error.contains("--admin") && error.contains("EVENKEEL_ADMIN"), "{error}");
    let error = client(&"unix:/nowhere/admin.sock").status().unwrap_err().to_string();
    assert!(error.starts_with("there is no socket unix:/nowhere/admin.sock\n"), "{error}");
}

#[test]
fn a_config_leads_to_its_admin_api() {
    let port = free_port().unwrap();
    let error = of_config(&format!("bind = '127.0.0.1:{port}'"));
    assert!(error.contains(&format!("nothing listens at 127.0.0.1:{port}, where ")), "{error}");
    assert!(error.contains("evenkeel.toml puts the admin API"), "{error}");
    let error = of_config("bind = false");
    assert!(error.contains("evenkeel.toml switches the admin API off"), "{error}");
    let error = of_config("bind = 'unix:/nowhere/admin.sock'");
    assert!(error.contains("no socket unix:/nowhere/admin.sock, where "), "{error}");
    let error = of_config("bind = '127.0.0.1:0'");
    assert!(error.contains("any free port"), "{error}");
    let error = of_config("bind = 'nowhere'");
    assert!(error.contains("evenkeel check -c"), "{error}");
}

/// Where `args` lead, if `address` is in the environment, and `config` in the current folder.
fn place(args: &AdminArgs, address: Option<&str>, config: &str) -> Result<String, ClientError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("evenkeel.toml");
    if !config.is_empty() {
        fs::write(&file, config).unwrap();
    }
    let around = args::Surroundings { address: address.map(str::to_owned), config: file };
    let Reached { located, token } = args.reach(&around)?;
    let token = token.map(|token| token.field().to_str().unwrap().to_owned());
    Ok([Some(located.place.to_string()), token].into_iter().flatten().collect::<Vec<_>>().join(" "))
}

#[test]
fn an_argument_wins_over_the_environment_and_that_over_the_config_that_lies_here() {
    let other = tempfile::NamedTempFile::new().unwrap();
    fs::write(other.path(), "[admin]\nbind = '127.0.0.1:2'\n").unwrap();
    let here = "[admin]\nbind = '127.0.0.1:4'\ntoken = '0123456789abcdef'\nbroken = 1\n";
    let (nothing, named) = (AdminArgs::none(), AdminArgs::of_config(other.path().to_owned()));
    for (args, address, config, found) in [
        (&AdminArgs::at(&"127.0.0.1:1"), Some("3"), here, "127.0.0.1:1"),
        (&named, Some("3"), here, "127.0.0.1:2"),
        (&nothing, Some("3"), here, "127.0.0.1:3"),
        (&nothing, None, "workers = 0\n", "127.0.0.1:9900"),
        (&nothing, None, "[admin\n", "127.0.0.1:9900"),
        (&nothing, None, "", "127.0.0.1:9900"),
    ] {
        assert_eq!(place(args, address, config).unwrap(), found, "{address:?} {config}");
    }
    let here = here.replace("broken = 1\n", "");
    let found = place(&nothing, None, &here).unwrap();
    assert_eq!(found, "127.0.0.1:4 Bearer 0123456789abcdef");
    let elsewhere = here.replace("127.0.0.1", "192.0.2.1");
    let error = place(&nothing, None, &elsewhere).unwrap_err().to_string();
    assert!(error.contains("on another machine") && error.contains("-c"), "{error}");
    let everywhere = here.replace("127.0.0.1", "0.0.0.0");
    assert!(place(&nothing, None, &everywhere).unwrap().starts_with("127.0.0.1:4 "));
    let error = place(&nothing, Some("nonsense"), "").unwrap_err().to_string();
    assert!(error.contains("EVENKEEL_ADMIN is \"nonsense\"\n  write a port"), "{error}");
}

/// What becomes of a question to the API of a config with `admin`.
fn of_config(admin: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("evenkeel.toml");
    let listener = "[listener.web]\nbind = ':8080'\nto = ['127.0.0.1:9001']\n";
    fs::write(&file, format!("{listener}[admin]\n{admin}\n")).unwrap();
    let asked = AdminClient::new(&AdminArgs::of_config(file)).and_then(|client| client.status());
    asked.unwrap_err().to_string()
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let gate = Gate::new();
    let held = gate.clone();
    let silent = Origin::start(move |_: &Request| Script::new().wait_for(&held)).unwrap();
    let place = Place::parse(&silent.address().to_string()).unwrap();
    let within = Duration::from_millis(50);
    let question = Question { within, ..Question::get("/") };
    let trouble = exchange::exchange(&place, None, &question).await.unwrap_err();
    assert!(matches!(trouble, Trouble::AnswerTimeout(limit) if limit == within), "{trouble:?}");
    gate.open();
}
