//! Looks for tests.

use std::time::Duration;

use evenkeel_control::admin::{EndpointState, EndpointStatus, Status};
use evenkeel_control::events::{Event, EventKind, EventLevel};

use crate::status::fixture::{NOW, busy, cluster, endpoint, listener, status};

use super::asker::Look;
use super::console::Console;

/// A balancer with two clusters, after so many seconds in each of which an endpoint of the first had a hundred requests more.
pub(super) fn look(second: u32) -> Look {
    let requests = u64::from(second) * 100;
    let mut api = cluster("api", &[]);
    api.endpoints = vec![
        busy("127.0.0.1:9001", 1000 + requests * 2, 0),
        EndpointStatus {
            state: EndpointState::Down,
            reason: Some("connection refused (3 of 3)".to_owned()),
            since_unix_seconds: Some(NOW - 12.0),
            in_flight: 0,
            ..busy("127.0.0.1:9002", 1000, 40)
        },
        busy("127.0.0.1:9003", 1000 + requests, u64::from(second)),
    ];
    api.working = 2;
    let mut web = cluster("web", &["app.internal:80"]);
    web.endpoints = vec![EndpointStatus { backup: true, ..endpoint("app.internal:80") }];
    let mut status = status(vec![api, web]);
    status.listeners =
        vec![listener("web", ":8080", "api"), listener("plain", "127.0.0.1:81", "web")];
    status.listeners[0].requests.successful += requests * 3;
    status.listeners[0].connections += u64::from(second) * 2;
    Look {
        status: Status { uptime_seconds: 11_520.0 + f64::from(second), ..status },
        events: vec![],
        now: NOW,
    }
}

/// Something that happened so many seconds ago.
pub(super) fn event(seconds_ago: f64, level: EventLevel, text: &str) -> Event {
    Event {
        seq: 1,
        at_unix_seconds: NOW - seconds_ago,
        level,
        kind: EventKind::Endpoint,
        cluster: None,
        endpoint: None,
        text: text.to_owned(),
    }
}

/// After a minute of looks.
pub(super) fn console() -> Console {
    let mut console =
        Console::new("127.0.0.1:9900".to_owned(), Duration::from_secs(1), String::new(), look(0));
    for second in 1..=60 {
        let mut look = look(second);
        if second == 60 {
            look.events = vec![
                event(200.0, EventLevel::Info, "evenkeel 1.2.3 has started"),
                event(12.0, EventLevel::Warn, "api 127.0.0.1:9002 is down: connection refused"),
            ];
        }
        console.hear(super::asker::News::Seen(Box::new(look)));
    }
    console
}
