use std::net::{Ipv4Addr, SocketAddr};

use evenkeel_plan::lines::lines;
use evenkeel_plan::publish::Publisher;
use serde_json::Value;

use crate::admin::tests::ask;
use crate::conductor::Parts;
use crate::config::AdminBind;
use crate::fixture::{IdleBinder, NothingInFlight, config};
use crate::start::{Control, Setup, start};

#[tokio::test]
async fn of_two_changes_that_saw_the_same_revision_exactly_one_is_made() {
    let api = Api::start().await;
    for weight in [3, 5, 7, 9] {
        let seen = api.revision().await;
        let matching = format!("If-Match: {seen}\r\n");
        let (one, two) = (api.put_weight(weight, &matching), api.put_weight(weight + 1, &matching));
        let (one, two) = tokio::join!(one, two);
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{one:?} {two:?}");
        let now = api.revision().await;
        assert_ne!(now, seen);
        for answer in [one, two] {
            assert_eq!(answer.etag.as_deref(), Some(&*now), "both are told the revision of now");
            let says_so =
                answer.body["error"].as_str().is_some_and(|it| it.contains(now.trim_matches('"')));
            assert_eq!(says_so, answer.status == 412, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_reload_heeds_the_revision_too() {
    let api = Api::start().await;
    let seen = api.revision().await;
    assert_eq!(api.put_weight(3, "").await.status, 200);
    let clear = |tag: &str| {
        let fields = format!("If-Match: {tag}\r\n");
        api.send("POST", "/api/v1/reload", fields, r#"{"clear":true}"#)
    };
    assert_eq!(clear(&seen).await.status, 412);
    assert_eq!(api.get("/api/v1/overrides").await.body.as_array().unwrap().len(), 1);
    assert!(api.get("/api/v1/status").await.body["config"]["last_reload"].is_null());
    assert_eq!(clear(&api.revision().await).await.status, 200);
    assert_eq!(api.get("/api/v1/overrides").await.body, Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_precondition_that_is_none_is_refused_and_any_revision_will_do_for_an_asterisk() {
    let api = Api::start().await;
    let seen = api.revision().await;
    for wrong in [
        "x",
        "\"",
        "\"a\", \"b\"",
        &format!("{seen}\r\nIf-Match: {seen}"),
        &format!("W/{seen}"),
        "\u{fe}",
    ] {
        let answer = api.put_weight(3, &format!("If-Match: {wrong}\r\n")).await;
        assert_eq!((answer.status, answer.explains()), (400, true), "{wrong}: {answer:?}");
    }
    assert_eq!(api.put_weight(3, "If-Match: \"\"\r\n").await.status, 412);
    assert_eq!(api.revision().await, seen);
    assert_eq!(api.put_weight(3, "If-Match: *\r\n").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_what_is_wanted_is_refused_with_an_explanation() {
    let api = Api::start().await;
    let seen = api.revision().await;
    let long = format!(r#"{{"weight":{}1}}"#, " ".repeat(70_000));
    let deep = "[".repeat(30_000);
    let table = [
        (400, r#"{"weight":"#),
        (400, ""),
        (400, "\u{feff}{\"weight\":1}"),
        (400, r#"{"weight":-1}"#),
        (400, r#"{"weight":1.5}"#),
        (400, r#"{"weight":65536}"#),
        (400, r#"{"weight":4294967296}"#),
        (400, r#"{"weight":1,"weight":2}"#),
        (400, r#"{"weight":1,"wieght":2}"#),
        (400, r#"{"weight":1} {}"#),
        (400, r#"{"weight":null}"#),
        (400, &deep),
        (413, &long),
    ];
    for (status, body) in table {
        let answer = api.send("PUT", &weight_of("10.0.0.1:80"), String::new(), body).await;
        let begin: String = body.chars().take(40).collect();
        assert_eq!((answer.status, answer.explains()), (status, true), "{begin}: {answer:?}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let head = format!("PUT {} HTTP/1.1\r\nHost: localhost\r\n", weight_of("10.0.0.1:80"));
        let rest = format!("Content-Type: {kind}\r\nContent-Length: 12\r\n{CLOSE}{{\"weight\":3}}");
        let answer = Answer::of(ask(api.address, &(head + &rest)).await);
        assert_eq!((answer.status, answer.explains()), (415, true), "{kind}: {answer:?}");
    }
    assert_eq!(api.revision().await, seen);
}

#[tokio::test]
async fn a_name_in_a_path_may_be_percent_encoded_and_whatever_is_none_is_explained() {
    let api = Api::start().await;
    let endpoints = "/api/v1/clusters/api/endpoints";
    let new = r#"{"address":"[::1]:80"}"#;
    assert_eq!(api.send("POST", endpoints, String::new(), new).await.status, 201);
    for name in ["[::1]:80", "%5B%3A%3A1%5D%3A80", "%5b::1%5d:80"] {
        assert_eq!(api.get(&format!("{endpoints}/{name}")).await.status, 200, "{name}");
        let answer = api.send("PUT", &weight_of(name), String::new(), r#"{"weight":2}"#).await;
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    for (status, name) in [(400, "%ff"), (404, "%00"), (404, "%2e%2e%2fa"), (404, "%E2%80%AE")] {
        for path in [format!("{endpoints}/{name}"), format!("/api/v1/clusters/{name}")] {
            let answer = api.get(&path).await;
            assert_eq!((answer.status, answer.explains()), (status, true), "{path}: {answer:?}");
        }
        let answer = api.send("PUT", &weight_of(name), String::new(), r#"{"weight":2}"#).await;
        assert_eq!((answer.status, answer.explains()), (status, true), "{name}: {answer:?}");
    }
    for since in ["x", "-1", "1&since=2", "18446744073709551616"] {
        let answer = api.get(&format!("/api/v1/events?since={since}")).await;
        assert_eq!((answer.status, answer.explains()), (400, true), "{since}: {answer:?}");
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_explained_to_programs() {
    let api = Api::start().await;
    for path in [
        "/api/v1",
        "/api/v1/",
        "/api/v1/status/",
        "/api/v1/nowhere",
        "/api/v2/status",
        "/api/v1//status",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = api.send(method, path, String::new(), "").await;
            assert_eq!((answer.status, answer.explains()), (404, true), "{path}: {answer:?}");
        }
    }
    for head in ["CONNECT localhost:80", "OPTIONS *", "GET http://localhost/nowhere"] {
        let request = format!("{head} HTTP/1.1\r\nHost: localhost\r\n{CLOSE}");
        assert_eq!(ask(api.address, &request).await.0, 404, "{head}");
    }
}

/// The whole of control on a loopback port, over a binder that binds nothing.
struct Api {
    address: SocketAddr,
    _control: Control,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    etag: Option<String>,
    body: Value,
}

impl Api {
    async fn start() -> Self {
        let mut config = config(&[("web", "api")], &[("api", &["10.0.0.1:80", "10.0.0.2:80"])]);
        config.admin = AdminBind::Fixed((Ipv4Addr::LOCALHOST, 0).into());
        let binder = Box::new(IdleBinder);
        let parts = Parts {
            started: std::time::Instant::now(),
            publisher: Publisher::default(),
            binder,
            sight: std::sync::Arc::new(NothingInFlight),
            workers: 2,
        };
        let set_level = Box::new(|_| {});
        let setup = Setup { config, file: None, parts, lines: lines(2).1, set_level };
        let _control = start(setup).await.unwrap();
        let address = _control.view().admin_address().unwrap().tcp().unwrap();
        Self { address, _control }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, String::new(), "").await
    }

    async fn put_weight(&self, weight: u32, fields: &str) -> Answer {
        let body = format!(r#"{{"weight":{weight}}}"#);
        self.send("PUT", &weight_of("10.0.0.1:80"), fields.to_owned(), &body).await
    }

    async fn send(&self, method: &str, path: &str, fields: String, body: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}");
        let kind = "Content-Type: application/json; charset=utf-8";
        let rest = format!("{kind}\r\nContent-Length: {}\r\n{CLOSE}{body}", body.len());
        Answer::of(ask(self.address, &(head + &rest)).await)
    }

    /// As the tag has it, in quotes.
    async fn revision(&self) -> String {
        self.get("/api/v1/status").await.etag.unwrap()
    }
}

impl Answer {
    fn of((status, answer): (u16, String)) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let etag = head.split("\r\netag: ").nth(1).map(|rest| rest.split("\r\n").next().unwrap());
        let etag = etag.map(str::to_owned);
        Self { status, etag, body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    /// Whether it says what is wrong.
    fn explains(&self) -> bool {
        self.body["error"].as_str().is_some_and(|error| !error.is_empty())
    }
}

fn weight_of(endpoint: &str) -> String {
    format!("/api/v1/clusters/api/endpoints/{endpoint}/weight")
}

const CLOSE: &str = "Connection: close\r\n\r\n";
