//! Requests go where the most specific route says: by host, by path, by weight; and by nothing but what the endpoint gets.

use std::net::SocketAddr;
use std::path::Path;

use evenkeel_testkit::process::Signal;
use evenkeel_testkit::{Client, Origin};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{LONG, Running, end, free_address, named};

/// Three applications, as clusters of their own names.
struct Site {
    site: Origin,
    api: Origin,
    admin: Origin,
}

impl Site {
    fn new() -> Self {
        Self { site: named("site"), api: named("api"), admin: named("admin") }
    }

    fn clusters(&self) -> String {
        let cluster = |(name, origin): (&str, &Origin)| {
            format!("[cluster.{name}]\nendpoints = \"{}\"\n", origin.address())
        };
        let all = [("site", &self.site), ("api", &self.api), ("admin", &self.admin)];
        all.map(cluster).concat()
    }

    /// A balancer with one listener, `keys` of it, and `routes`.
    fn behind(&self, keys: &str, routes: &str) -> Running {
        let listener = format!("[listener.web]\nbind = \"{{bind}}\"\n{keys}\n");
        Running::from_toml(&format!("{listener}{routes}{}", self.clusters()))
    }
}

/// Who answers a GET for `target` at `host`: the name of the application, or the status.
fn answer(client: &mut Client, host: &str, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let response = client.exchange(request.as_bytes(), LONG).unwrap();
    if response.status == 200 { response.text() } else { response.status.to_string() }
}

const ROUTES: &str = "
[[route]]
host = \"api.example.com\"
path = \"/v1/*\"
to = \"api\"

[[route]]
host = \"*.example.com\"
to = \"site\"

[[route]]
path = \"/admin/*\"
to = \"admin\"
";

#[test]
fn the_most_specific_route_takes_the_request() {
    let site = Site::new();
    let running = site.behind("", ROUTES);
    let mut client = running.connect();
    for (host, target, expected) in [
        ("api.example.com", "/v1", "api"),
        ("api.example.com", "/v1/users?q=/admin/", "api"),
        ("API.Example.com.:8080", "/v1/users", "api"),
        ("api.example.com", "/v10", "site"),
        ("api.example.com", "/admin/", "site"),
        ("www.example.com", "/v1", "site"),
        ("example.com", "/admin/users", "admin"),
        ("10.0.0.1", "/admin", "admin"),
        // RFC 9112 §3.2.2: the target's host overrules the field.
        ("example.org", "http://api.example.com/v1", "api"),
        ("api.example.com", "http://example.org/admin", "admin"),
    ] {
        assert_eq!(answer(&mut client, host, target), expected, "{host} {target}");
    }
}

#[test]
fn a_request_without_a_route_is_answered_with_404_and_the_connection_goes_on() {
    let site = Site::new();
    let running = site.behind("errors.reason_header = true", ROUTES);
    let mut client = running.connect();
    let request = b"GET /v1 HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let response = client.exchange(request, LONG).unwrap();
    assert_eq!((response.status, response.header("x-evenkeel-reason")), (404, Some("no_route")));
    assert_eq!(answer(&mut client, "api.example.com", "/v1"), "api");
    running.wait_for_metric("evenkeel_failures_total", "no_route", 1);
    // Nobody reads its body, so nothing can come after it.
    let request = b"POST /v1 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nabcde";
    assert_eq!(running.connect().exchange(request, LONG).unwrap().status, 404);
    // Of a client that names no host nothing is known but the path.
    let response = running.connect().exchange(b"GET /admin HTTP/1.0\r\n\r\n", LONG).unwrap();
    assert_eq!(response.text(), "admin");
}

#[test]
fn a_path_is_matched_in_the_form_in_which_the_endpoint_gets_it() {
    let site = Site::new();
    let routes = "[[route]]\npath = \"/v1/*\"\nto = \"api\"\n[[route]]\npath = \"/admin/*\"\nto = \"admin\"\n";
    let running = site.behind("to = \"site\"", routes);
    for (target, expected) in [
        ("/v1/../admin", "admin"),
        ("/v1/%2e%2E/admin/x", "admin"),
        ("/%61dmin", "admin"),
        ("/admin/../v1/x", "api"),
        ("/admin?/../v1", "admin"),
        ("/v1/x/..", "api"),
        // Read in two ways, so not at all.
        ("/v1%2Fx", "400"),
        ("/v1/..%2fadmin", "400"),
        ("/admin%5cx", "400"),
        ("/v1/..;/admin", "400"),
        // Other paths, however alike.
        ("/ADMIN", "site"),
        ("//admin", "site"),
        ("/v1x", "site"),
    ] {
        assert_eq!(answer(&mut running.connect(), "test", target), expected, "{target}");
    }
    let seen = |origin: &Origin, prefix: &str| {
        assert!(!origin.requests().is_empty());
        for request in origin.requests() {
            assert!(request.target.starts_with(prefix), "{}", request.target);
        }
    };
    seen(&site.admin, "/admin");
    seen(&site.api, "/v1/");
}

#[test]
fn with_encoded_slashes_let_through_they_still_are_no_slashes() {
    let site = Site::new();
    let routes = "[[route]]\npath = \"/v1/*\"\nto = \"api\"\n[[route]]\npath = \"/v1%2Fx\"\nto = \"admin\"\n";
    let running = site.behind("to = \"site\"\npaths.encoded_slash = \"keep\"", routes);
    let mut client = running.connect();
    for (target, expected) in [("/v1%2fx", "admin"), ("/v1%2Fy", "site"), ("/v1/%2Fx", "api")] {
        assert_eq!(answer(&mut client, "test", target), expected, "{target}");
    }
}

#[test]
fn requests_are_divided_by_weight() {
    let site = Site::new();
    let routes = "[[route]]\nto = { api = 95, site = 5, admin = 0 }\n";
    let running = site.behind("", routes);
    let mut client = running.connect();
    let answers: Vec<String> = (0..2000).map(|_| answer(&mut client, "test", "/")).collect();
    let site_count = answers.iter().filter(|answer| *answer == "site").count();
    let api_count = answers.iter().filter(|answer| *answer == "api").count();
    assert_eq!(site_count + api_count, 2000);
    // A hundred are expected, with a standard deviation of ten: six of them either way.
    assert!((40..=160).contains(&site_count), "{site_count}");
}

#[test]
fn listeners_have_routes_of_their_own_and_share_others() {
    let site = Site::new();
    let other = free_address();
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"site\"\n\
         [listener.private]\nbind = \"{other}\"\n\
         [[route]]\nlistener = \"private\"\npath = \"/admin/*\"\nto = \"admin\"\n\
         [[route]]\nlistener = [\"web\", \"private\"]\npath = \"/v1/*\"\nto = \"api\"\n{}",
        site.clusters()
    ));
    let ask = |address: SocketAddr, target: &str| {
        answer(&mut Client::connect(address).unwrap(), "test", target)
    };
    assert_eq!(ask(running.address, "/admin/x"), "site");
    assert_eq!(ask(running.address, "/v1"), "api");
    assert_eq!(ask(other, "/admin/x"), "admin");
    assert_eq!(ask(other, "/v1"), "api");
    assert_eq!(ask(other, "/"), "404");
}

#[test]
fn status_metrics_and_access_log_say_which_route_a_request_took() {
    let site = Site::new();
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("access.log");
    let routes = format!(
        "[[route]]\nname = \"v1\"\npath = \"/v1/*\"\nto = {{ api = 3, site = 0 }}\n\
         [[route]]\nhost = \"*.example.com\"\npath = \"/admin\"\nto = \"admin\"\n\
         [log]\naccess = {{ path = \"{}\" }}\n",
        log.display()
    );
    let running = site.behind("to = \"site\"", &routes);
    let mut client = running.connect();
    for (host, target) in [("a", "/v1/x"), ("a", "/v1"), ("b.example.com", "/admin"), ("a", "/")] {
        answer(&mut client, host, target);
    }
    running.wait_for_metric("evenkeel_route_requests_total", "", 4);
    for (route, count) in [("v1", 2), ("*.example.com/admin", 1), ("/*", 1)] {
        let label = format!("route=\"{route}\",code_class=\"2xx\"");
        running.wait_for_metric("evenkeel_route_requests_total", &label, count);
    }
    let listener = &running.status()["listeners"][0];
    assert_eq!(listener["cluster"], "site");
    let routes = listener["routes"].as_array().unwrap();
    let names: Vec<&str> = routes.iter().map(|route| route["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["v1", "*.example.com/admin", "/*"]);
    assert_eq!(
        (&routes[1]["host"], &routes[1]["path"]),
        (&"*.example.com".into(), &"/admin".into())
    );
    assert_eq!(routes[0]["to"][0], serde_json::json!({ "cluster": "api", "weight": 3 }));
    assert_eq!(routes[0]["requests"]["2xx"], 2);
    let lines = stop_and_read(running, &log);
    let taken = |line: &Value| {
        let word = |name: &str| line[name].as_str().unwrap().to_owned();
        (word("evenkeel.route"), word("evenkeel.cluster"))
    };
    let taken: Vec<(String, String)> = lines.iter().map(taken).collect();
    let expected = [("v1", "api"), ("v1", "api"), ("*.example.com/admin", "admin"), ("/*", "site")];
    assert_eq!(taken, expected.map(|(route, cluster)| (route.to_owned(), cluster.to_owned())));
}

fn stop_and_read(running: Running, log: &Path) -> Vec<Value> {
    running.process.signal(Signal::TERM).unwrap();
    assert_eq!(end(running.process).code, Some(0));
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_timeout_of_a_route_takes_the_place_of_the_clusters() {
    let slow = crate::running::scripted(evenkeel_testkit::Script::new());
    let running = Running::from_toml(&format!(
        "[listener.web]\nbind = \"{{bind}}\"\nto = \"slow\"\nerrors.reason_header = true\n\
         [[route]]\npath = \"/soon\"\nto = \"slow\"\ntimeouts = {{ exchange = \"200ms\" }}\n\
         [[route]]\npath = \"/late\"\nto = \"slow\"\ntimeouts = {{ exchange = \"off\" }}\n\
         [cluster.slow]\nendpoints = \"{}\"\ntimeouts = {{ first_byte = \"2s\", exchange = \"1s\" }}\n",
        slow.address()
    ));
    for (path, reason) in [("/soon", "exchange_timeout"), ("/late", "first_byte_timeout")] {
        let response = running.get(path);
        assert_eq!((response.status, response.header("x-evenkeel-reason")), (504, Some(reason)));
    }
    assert_eq!(slow.requests().len(), 2);
}
