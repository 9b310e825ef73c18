//! What the admin API has changed on top of the file: pure. The conductor keeps it and applies it to every config it reads.
//!
//! An override outlives reloads of the file. One that the file has overtaken changes nothing and stays: the status says so.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_plan::endpoint::Forced;

use crate::admin::OverrideStatus;
use crate::config::{ClusterConfig, Config, EndpointConfig, closest};
use crate::persist::{Edit, Targeted};

/// All overrides, by (cluster, endpoint).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides(BTreeMap<(String, String), Override>);

/// What is different about one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Override {
    presence: Presence,
    weight: Option<u32>,
    forced: Option<Forced>,
}

/// Whether the endpoint is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Presence {
    /// As the file says.
    #[default]
    File,
    Added(EndpointConfig),
    Removed,
}

/// A change that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An endpoint joins a cluster.
    Add { cluster: String, endpoint: EndpointConfig },
    /// It leaves.
    Remove { cluster: String, endpoint: String },
    /// It weighs something else; `None` for what the file says.
    Weight { cluster: String, endpoint: String, weight: Option<u32> },
    /// Somebody knows better than the checks; `None` leaves it to them again.
    Force { cluster: String, endpoint: String, forced: Option<Forced> },
}

/// Why a change cannot be made. The sentence says what is wrong, and how to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// There is no such cluster or endpoint.
    Unknown(String),
    /// It does not go with what is there.
    Conflict(String),
}

impl Overrides {
    /// `base` with everything that can be applied to it. Who leaves leaves last: then it does not matter for whom a newcomer
    /// makes room.
    pub(crate) fn over(&self, base: &Config) -> Config {
        let mut config = base.clone();
        let (leaving, staying): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|(_, over)| over.presence == Presence::Removed);
        for ((cluster, name), over) in staying.into_iter().chain(leaving) {
            if let Some(cluster) = config.clusters.iter_mut().find(|each| each.name == *cluster) {
                over.apply(name, cluster);
            }
        }
        config
    }

    /// These with `change` on top; `base` is what the file says.
    pub(crate) fn with(&self, base: &Config, change: &Change) -> Result<Self, ChangeError> {
        let now = self.over(base);
        let (cluster, endpoint) = change.target();
        let (Some(file), Some(now)) = (find(base, cluster), find(&now, cluster)) else {
            return Err(unknown_cluster(base, cluster));
        };
        let is_there = position(now, endpoint).is_some();
        match change {
            Change::Add { .. } if is_there => return Err(already_there(cluster, endpoint)),
            Change::Add { .. } => {}
            _ if !is_there => return Err(unknown_endpoint(now, endpoint)),
            Change::Remove { .. } if now.endpoints.len() == 1 => {
                return Err(last_endpoint(cluster, endpoint));
            }
            _ => {}
        }
        let mut changed = self.clone();
        let key = (cluster.to_owned(), endpoint.to_owned());
        let before = changed.0.remove(&key).unwrap_or_default();
        let in_file = position(file, endpoint).map(|position| &file.endpoints[position]);
        let after = before.after(change, in_file);
        if after != Override::default() {
            changed.0.insert(key, after);
        }
        Ok(changed)
    }

    /// What a file that says `base` can say of these, and what is left once it says so.
    pub(crate) fn edits(&self, base: &Config) -> (Vec<Targeted<'_>>, Self) {
        let now = self.over(base);
        let mut edits = Vec::new();
        let mut left = Self::default();
        for ((cluster, endpoint), over) in &self.0 {
            let weight = over.weight.map(Edit::Weight);
            let edit = match &over.presence {
                Presence::File => weight,
                // It has stayed because it was the last. A file cannot say that it is to go when another comes.
                Presence::Removed if endpoint_of(&now, cluster, endpoint).is_some() => {
                    left.0.insert((cluster.clone(), endpoint.clone()), over.clone());
                    None
                }
                Presence::Removed => Some(Edit::Remove),
                Presence::Added(endpoint) => {
                    let weight = over.weight.unwrap_or(endpoint.weight);
                    Some(Edit::Add(EndpointConfig { weight, ..endpoint.clone() }))
                }
            };
            edits.extend(edit.map(|edit| (cluster.as_str(), endpoint.as_str(), edit)));
            if over.forced.is_some() {
                let over = Override { forced: over.forced, ..Override::default() };
                left.0.insert((cluster.clone(), endpoint.clone()), over);
            }
        }
        (edits, left)
    }

    /// For the status; `base` is what the file says.
    pub(crate) fn status(&self, base: &Config) -> Vec<OverrideStatus> {
        let now = self.over(base);
        let status = |((cluster, endpoint), over): (&(String, String), &Override)| OverrideStatus {
            cluster: cluster.clone(),
            endpoint: endpoint.clone(),
            text: over.to_string(),
            idle: endpoint_of(base, cluster, endpoint) == endpoint_of(&now, cluster, endpoint),
        };
        self.0.iter().map(status).collect()
    }
}

impl Change {
    /// The cluster and the endpoint that it is about.
    pub(crate) fn target(&self) -> (&str, &str) {
        match self {
            Self::Add { cluster, endpoint } => (cluster, &endpoint.name),
            Self::Remove { cluster, endpoint }
            | Self::Weight { cluster, endpoint, .. }
            | Self::Force { cluster, endpoint, .. } => (cluster, endpoint),
        }
    }
}

impl Override {
    fn apply(&self, name: &str, cluster: &mut ClusterConfig) {
        match (&self.presence, position(cluster, name)) {
            (Presence::Added(endpoint), None) => cluster.endpoints.push(endpoint.clone()),
            (Presence::Added(endpoint), Some(position)) => {
                cluster.endpoints[position] = endpoint.clone();
            }
            // The last endpoint stays: the file may have lost all others since, and a cluster of nothing helps nobody.
            (Presence::Removed, Some(position)) if cluster.endpoints.len() > 1 => {
                cluster.endpoints.remove(position);
            }
            _ => {}
        }
        if let Some(position) = position(cluster, name) {
            let endpoint = &mut cluster.endpoints[position];
            endpoint.weight = self.weight.unwrap_or(endpoint.weight);
            endpoint.forced = self.forced;
        }
    }

    /// What it is after `change`; `in_file` is the endpoint as the file has it.
    fn after(self, change: &Change, in_file: Option<&EndpointConfig>) -> Self {
        match change {
            Change::Remove { .. } if in_file.is_some() => {
                Self { presence: Presence::Removed, ..Self::default() }
            }
            Change::Remove { .. } => Self::default(),
            Change::Weight { weight, .. } => {
                let weight =
                    weight.filter(|weight| in_file.is_none_or(|file| file.weight != *weight));
                Self { weight, ..self }
            }
            Change::Force { forced, .. } => Self { forced: *forced, ..self },
            // It comes back as the file has it: nothing is left to say.
            Change::Add { endpoint, .. } if in_file == Some(endpoint) => Self::default(),
            Change::Add { endpoint, .. } => {
                Self { presence: Presence::Added(endpoint.clone()), ..Self::default() }
            }
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let presence = match &self.presence {
            Presence::File => None,
            Presence::Added(_) => Some("added".to_owned()),
            Presence::Removed => Some("removed".to_owned()),
        };
        let weight = self.weight.map(|weight| format!("weight {weight}"));
        let forced = self.forced.map(|forced| forced_word(forced).to_owned());
        let words: Vec<String> = [presence, weight, forced].into_iter().flatten().collect();
        f.write_str(&words.join(", "))
    }
}

/// How people call it.
pub(crate) const fn forced_word(forced: Forced) -> &'static str {
    match forced {
        Forced::Drain => "drained",
        Forced::Up => "up",
        Forced::Down => "down",
    }
}

fn find<'a>(config: &'a Config, cluster: &str) -> Option<&'a ClusterConfig> {
    config.clusters.iter().find(|each| each.name == cluster)
}

fn endpoint_of<'a>(
    config: &'a Config,
    cluster: &str,
    endpoint: &str,
) -> Option<&'a EndpointConfig> {
    let cluster = find(config, cluster)?;
    position(cluster, endpoint).map(|position| &cluster.endpoints[position])
}

fn position(cluster: &ClusterConfig, endpoint: &str) -> Option<usize> {
    cluster.endpoints.iter().position(|each| each.name == endpoint)
}

// === Errors ===

fn unknown_cluster(config: &Config, name: &str) -> ChangeError {
    let names = config.clusters.iter().map(|cluster| cluster.name.as_str());
    ChangeError::Unknown(format!("there is no cluster {name:?}{}", meant(name, names)))
}

fn unknown_endpoint(cluster: &ClusterConfig, name: &str) -> ChangeError {
    let names = cluster.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let meant = meant(name, names);
    ChangeError::Unknown(format!("cluster {:?} has no endpoint {name:?}{meant}", cluster.name))
}

fn meant<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    match closest(name, names.clone()) {
        Some(close) => format!("; did you mean {close:?}?"),
        None => {
            let list: Vec<&str> = names.take(NAMES_SHOWN_MAX).collect();
            format!("; there are: {}", list.join(", "))
        }
    }
}

fn already_there(cluster: &str, endpoint: &str) -> ChangeError {
    ChangeError::Conflict(format!(
        "cluster {cluster:?} has endpoint {endpoint:?} already; to give it more work, change its weight"
    ))
}

fn last_endpoint(cluster: &str, endpoint: &str) -> ChangeError {
    ChangeError::Conflict(format!(
        "{endpoint:?} is the last endpoint of cluster {cluster:?}; add another one first, or drain it"
    ))
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(text) | Self::Conflict(text) => f.write_str(text),
        }
    }
}

/// A list that a person can look through.
const NAMES_SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests;
