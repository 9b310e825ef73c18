//! How routes are told to people. Asked by the page of `status`.

use evenkeel_control::admin::{ListenerStatus, RouteStatus};

/// Whether its routes are worth a look: one that takes everything to one cluster is none.
pub(crate) fn has_routes(listener: &ListenerStatus) -> bool {
    match listener.routes.as_slice() {
        [] => false,
        [only] => only.to.len() > 1 || !only.labels.is_empty() || pattern(only) != "/*",
        _ => true,
    }
}

/// What a route takes: `api.example.com/v1/*`; `/v1/*` of any host. So it is also called in metrics and logs, unless it has a name.
pub(crate) fn pattern(route: &RouteStatus) -> String {
    match route.host.as_str() {
        "*" => route.path.clone(),
        host => format!("{host}{}", route.path),
    }
}

/// Who gets it: `api`, or `api 95, api-next 5`, or `api (version=2)`.
pub(crate) fn shares(route: &RouteStatus) -> String {
    let shares = match route.to.as_slice() {
        [only] => only.cluster.clone(),
        several => {
            let shares = several.iter().map(|each| format!("{} {}", each.cluster, each.weight));
            shares.collect::<Vec<_>>().join(", ")
        }
    };
    let labels: Vec<String> =
        route.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if labels.is_empty() { shares } else { format!("{shares} ({})", labels.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::fixture::{listener, route};

    #[test]
    fn a_route_is_its_pattern_and_who_gets_how_much() {
        let mut listener = listener("web", ":80", "api");
        assert!(!has_routes(&listener));
        listener.routes.insert(0, route("a.example", "/v1/*", &[("api", 95), ("next", 5)]));
        assert!(has_routes(&listener));
        assert_eq!(pattern(&listener.routes[0]), "a.example/v1/*");
        assert_eq!(shares(&listener.routes[0]), "api 95, next 5");
        assert_eq!(shares(&listener.routes[1]), "api");
        let mut picky = listener.routes[1].clone();
        picky.labels.insert("version".to_owned(), "2".to_owned());
        assert_eq!(shares(&picky), "api (version=2)");
        assert_eq!(pattern(&listener.routes[1]), "/*");
        listener.routes.pop();
        assert!(has_routes(&listener));
    }
}
