//! Changes that the admin API makes when it is asked: what is sent for each.

use evenkeel_control::admin::{NewEndpoint, NewState, NewWeight, WantedState};
use hyper::Method;
use serde::Serialize;

/// One change; its names are those of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    State {
        cluster: String,
        endpoint: String,
        state: WantedState,
    },
    /// `None` is what the config says.
    Weight {
        cluster: String,
        endpoint: String,
        weight: Option<u32>,
    },
    Add {
        cluster: String,
        endpoint: NewEndpoint,
    },
    Remove {
        cluster: String,
        endpoint: String,
    },
}

// === impl Change ===

impl Change {
    pub(super) fn method(&self) -> Method {
        match self {
            Change::State { .. } | Change::Weight { weight: Some(_), .. } => Method::PUT,
            Change::Add { .. } => Method::POST,
            Change::Remove { .. } | Change::Weight { weight: None, .. } => Method::DELETE,
        }
    }

    pub(super) fn path(&self) -> String {
        match self {
            Change::State { cluster, endpoint, .. } => format!("{}/state", path(cluster, endpoint)),
            Change::Weight { cluster, endpoint, .. } => {
                format!("{}/weight", path(cluster, endpoint))
            }
            Change::Add { cluster, .. } => {
                format!("/api/v1/clusters/{}/endpoints", encoded(cluster))
            }
            Change::Remove { cluster, endpoint } => path(cluster, endpoint),
        }
    }

    pub(super) fn body(&self) -> Option<String> {
        match self {
            Change::State { state, .. } => Some(json(&NewState { state: *state })),
            Change::Weight { weight, .. } => weight.map(|weight| json(&NewWeight { weight })),
            Change::Add { endpoint, .. } => Some(json(endpoint)),
            Change::Remove { .. } => None,
        }
    }
}

/// A body. What cannot be written becomes an empty one, which the API refuses; ours all can.
pub(super) fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

fn path(cluster: &str, endpoint: &str) -> String {
    format!("/api/v1/clusters/{}/endpoints/{}", encoded(cluster), encoded(endpoint))
}

/// One segment of a path. RFC 3986 §2.3: what is not unreserved is escaped, so that no name can be taken for a slash or a query.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_a_request() {
        let (cluster, endpoint) = ("api".to_owned(), "[::1]:80".to_owned());
        let drain = Change::State {
            cluster: cluster.clone(),
            endpoint: endpoint.clone(),
            state: WantedState::Drain,
        };
        let sent = |change: &Change| {
            let body = change.body().map_or_else(String::new, |body| format!(" {body}"));
            format!("{} {}{body}", change.method(), change.path())
        };
        let at = "/api/v1/clusters/api/endpoints";
        assert_eq!(
            sent(&drain),
            format!("PUT {at}/%5B%3A%3A1%5D%3A80/state {{\"state\":\"drain\"}}")
        );
        let weight = Change::Weight {
            cluster: cluster.clone(),
            endpoint: "a:1".to_owned(),
            weight: Some(3),
        };
        assert_eq!(sent(&weight), format!("PUT {at}/a%3A1/weight {{\"weight\":3}}"));
        let remove = Change::Remove { cluster: "a/b".to_owned(), endpoint };
        assert_eq!(sent(&remove), "DELETE /api/v1/clusters/a%2Fb/endpoints/%5B%3A%3A1%5D%3A80");
        let reset =
            Change::Weight { cluster: cluster.clone(), endpoint: "a:1".to_owned(), weight: None };
        assert_eq!(sent(&reset), format!("DELETE {at}/a%3A1/weight"));
        let endpoint = NewEndpoint {
            address: "9004".to_owned(),
            weight: Some(2),
            backup: Some(true),
            ..NewEndpoint::default()
        };
        let add = Change::Add { cluster, endpoint };
        let body = "{\"address\":\"9004\",\"weight\":2,\"backup\":true}";
        assert_eq!(sent(&add), format!("POST {at} {body}"));
    }
}
