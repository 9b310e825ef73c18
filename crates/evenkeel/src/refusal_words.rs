//! How refusals at the door are told to people. Asked by the page of `status`.

use evenkeel_control::admin::{AdmissionStatus, ListenerStatus, Status};

use crate::route_words::pattern;
use crate::units::show_count;

/// One line for each listener and route that has refused something, such as `web  12 limited`.
pub(crate) fn refusals(status: &Status) -> Vec<String> {
    status.listeners.iter().flat_map(of_listener).collect()
}

fn of_listener(listener: &ListenerStatus) -> Vec<String> {
    let mut words = of_requests(&listener.admission);
    let closed = listener.refused;
    words.extend(counts(&[
        (closed.denied, "closed by network"),
        (closed.rate, "closed by rate"),
        (closed.per_client, "closed by number"),
    ]));
    let routes = listener.routes.iter().map(|route| {
        (format!("{}  {}", listener.name, pattern(route)), of_requests(&route.admission))
    });
    let all = std::iter::once((listener.name.clone(), words)).chain(routes);
    let told = all.filter(|(_, words)| !words.is_empty());
    told.map(|(title, words)| format!("{title}  {}", words.join(" · "))).collect()
}

fn of_requests(admission: &AdmissionStatus) -> Vec<String> {
    counts(&[
        (admission.denied, "denied"),
        (admission.limited, "limited"),
        (admission.dry_run, "would be limited"),
    ])
}

fn counts(counts: &[(u64, &str)]) -> Vec<String> {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{} {what}", show_count(*count))).collect()
}

#[cfg(test)]
mod tests {
    use evenkeel_control::admin::RefusedStatus;

    use super::*;
    use crate::status::fixture::{listener, route, status};

    #[test]
    fn only_what_was_refused_is_told() {
        let mut status = status(Vec::new());
        status.listeners = vec![listener("web", ":80", "api"), listener("other", ":81", "api")];
        assert!(refusals(&status).is_empty());
        let web = &mut status.listeners[0];
        web.admission = AdmissionStatus { denied: 0, limited: 12, dry_run: 3 };
        web.refused = RefusedStatus { denied: 1, rate: 0, per_client: 7 };
        web.routes.insert(0, route("a.example", "/login", &[("api", 1)]));
        web.routes[0].admission.denied = 5;
        let expected = [
            "web  12 limited · 3 would be limited · 1 closed by network · 7 closed by number",
            "web  a.example/login  5 denied",
        ];
        assert_eq!(refusals(&status), expected);
    }
}
