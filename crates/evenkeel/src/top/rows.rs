//! The lines of the table: clusters with their endpoints, as far as the filter lets them. Pure; asked by the console and the
//! picture.

use evenkeel_control::admin::{ClusterStatus, EndpointStatus, Status};

use crate::state_words::state_words;

/// One line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'a> {
    Cluster(&'a ClusterStatus),
    Endpoint(&'a ClusterStatus, &'a EndpointStatus),
}

/// An endpoint by its name and that of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) cluster: String,
    pub(super) endpoint: String,
}

/// All lines in the order of the config. `filter` is a part of a name, or the beginning of a state; empty lets all through.
pub(super) fn rows<'a>(status: &'a Status, filter: &str) -> Vec<Row<'a>> {
    let filter = filter.trim().to_ascii_lowercase();
    let mut rows = Vec::new();
    for cluster in &status.clusters {
        let whole = cluster.name.to_ascii_lowercase().contains(&filter);
        let mut endpoints =
            cluster.endpoints.iter().filter(|each| whole || fits(each, &filter)).peekable();
        if endpoints.peek().is_some() || whole {
            rows.push(Row::Cluster(cluster));
        }
        rows.extend(endpoints.map(|endpoint| Row::Endpoint(cluster, endpoint)));
    }
    rows
}

fn fits(endpoint: &EndpointStatus, filter: &str) -> bool {
    endpoint.name.contains(filter) || state_words(endpoint.state).word.starts_with(filter)
}

impl Row<'_> {
    /// Whether it is this endpoint.
    pub(super) fn is(&self, key: &Key) -> bool {
        match self {
            Row::Cluster(_) => false,
            Row::Endpoint(cluster, endpoint) => {
                cluster.name == key.cluster && endpoint.name == key.endpoint
            }
        }
    }

    /// Its endpoint, if it has one.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Row::Cluster(_) => None,
            Row::Endpoint(cluster, endpoint) => {
                Some(Key { cluster: cluster.name.clone(), endpoint: endpoint.name.clone() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_control::admin::EndpointState;

    use super::*;
    use crate::status::fixture::{cluster, status};

    fn names(filter: &str) -> Vec<String> {
        let mut status = status(vec![cluster("api", &["a:1", "a:2"]), cluster("web", &["b:1"])]);
        status.clusters[0].endpoints[1].state = EndpointState::Down;
        let name = |row: &Row<'_>| match row {
            Row::Cluster(cluster) => cluster.name.clone(),
            Row::Endpoint(_, endpoint) => endpoint.name.clone(),
        };
        rows(&status, filter).iter().map(name).collect()
    }

    #[test]
    fn a_filter_is_a_part_of_a_name_or_a_state() {
        assert_eq!(names(""), ["api", "a:1", "a:2", "web", "b:1"]);
        assert_eq!(names(":1"), ["api", "a:1", "web", "b:1"]);
        assert_eq!(names("Down"), ["api", "a:2"]);
        assert_eq!(names("we"), ["web", "b:1"]);
        assert_eq!(names("nothing"), [""; 0]);
    }
}
