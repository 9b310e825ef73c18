//! What the admin API has changed on top of the file: pure. The conductor keeps it and applies it to every config it reads.
//!
//! An override outlives reloads of the file. One that the file has overtaken changes nothing and stays: the status says so.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use evenkeel_plan::endpoint::Forced;

use crate::admin::OverrideStatus;
use crate::config::{Config, EndpointConfig, closest};
use crate::persist::{Edit, Targeted};

/// All overrides, by cluster and endpoint; no cluster is there without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides(BTreeMap<String, BTreeMap<String, Override>>);

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
    /// `base` with everything that can be applied to it.
    pub(crate) fn over(&self, base: &Config) -> Config {
        let mut config = base.clone();
        for cluster in &mut config.clusters {
            if let Some(overrides) = self.0.get(&cluster.name) {
                cluster.endpoints = over(overrides, &cluster.endpoints);
            }
        }
        config
    }

    /// These with `change` on top; `base` is what the file says.
    pub(crate) fn with(&self, base: &Config, change: &Change) -> Result<Self, ChangeError> {
        let (cluster, endpoint) = change.target();
        let before = self.0.get(cluster).and_then(|overrides| overrides.get(endpoint));
        let file = base.clusters.iter().find(|each| each.name == cluster);
        let none = BTreeMap::new();
        let overrides = self.0.get(cluster).unwrap_or(&none);
        let now = file.map(|file| over(overrides, &file.endpoints));
        let is_there = now.as_ref().is_some_and(|now| find(now, endpoint).is_some());
        let mut changed = self.clone();
        if !is_there && change.undoes() && before.is_some() {
            // The file has overtaken it: there is nothing to go back to, but it can be forgotten.
            changed.set(cluster, endpoint, Override::default());
            return Ok(changed);
        }
        let (Some(file), Some(now)) = (file, now) else {
            return Err(unknown_cluster(base, cluster));
        };
        match change {
            Change::Add { .. } if is_there => return Err(already_there(cluster, endpoint)),
            Change::Add { .. } => {}
            _ if !is_there => return Err(unknown_endpoint(cluster, &now, endpoint)),
            Change::Remove { .. } if now.len() == 1 => {
                return Err(last_endpoint(cluster, endpoint));
            }
            _ => {}
        }
        if before.is_none() && self.0.values().map(BTreeMap::len).sum::<usize>() >= OVERRIDES_MAX {
            return Err(ChangeError::Conflict(TOO_MANY.to_owned()));
        }
        let in_file = find(&file.endpoints, endpoint);
        changed.set(cluster, endpoint, before.cloned().unwrap_or_default().after(change, in_file));
        let after = applied(changed.0.get(cluster).unwrap_or(&none), &file.endpoints, true);
        if weighs(&now) && !weighs(&after) {
            return Err(last_weight(cluster, endpoint));
        }
        Ok(changed)
    }

    /// What a file that says `base` can say of these, and what is left once it says so.
    pub(crate) fn edits(&self, base: &Config) -> (Vec<Targeted<'_>>, Self) {
        let (mut edits, mut left) = (Vec::new(), Self::default());
        for (cluster, overrides) in &self.0 {
            let (file, now) = endpoints_of(base, cluster, overrides);
            let (file, now) = (by_name(file), by_name(&now));
            for (name, each) in overrides {
                let name = name.as_str();
                let (edit, stays) = each.edit(file.get(name).copied(), now.contains_key(name));
                edits.extend(edit.map(|edit| (cluster.as_str(), name, edit)));
                left.set(cluster, name, stays);
            }
        }
        (edits, left)
    }

    /// For the status; `base` is what the file says.
    pub(crate) fn status(&self, base: &Config) -> Vec<OverrideStatus> {
        let mut all = Vec::new();
        for (cluster, overrides) in &self.0 {
            let (file, now) = endpoints_of(base, cluster, overrides);
            let (file, now) = (by_name(file), by_name(&now));
            all.extend(overrides.iter().map(|(name, each)| OverrideStatus {
                cluster: cluster.clone(),
                endpoint: name.clone(),
                text: each.to_string(),
                idle: file.get(name.as_str()) == now.get(name.as_str()),
            }));
        }
        all
    }

    /// For people: each as `cluster/endpoint: what`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(cluster, name, each): (&String, &String, &Override)| {
            format!("{cluster}/{name}: {each}")
        };
        let all = self.0.iter().flat_map(|(cluster, overrides)| {
            overrides.iter().map(move |(name, each)| (cluster, name, each))
        });
        all.map(line).collect()
    }

    fn set(&mut self, cluster: &str, endpoint: &str, over: Override) {
        if over != Override::default() {
            self.0.entry(cluster.to_owned()).or_default().insert(endpoint.to_owned(), over);
        } else if let Some(overrides) = self.0.get_mut(cluster) {
            overrides.remove(endpoint);
            if overrides.is_empty() {
                self.0.remove(cluster);
            }
        }
    }
}

/// The endpoints that a file lists, with overrides on top. Where nobody could get work with them, for the file has taken away
/// those who could, no weight and no removal counts.
fn over(overrides: &BTreeMap<String, Override>, file: &[EndpointConfig]) -> Vec<EndpointConfig> {
    let all = applied(overrides, file, true);
    if weighs(&all) || !weighs(file) { all } else { applied(overrides, file, false) }
}

/// The same without looking at what comes of it; without weights and removals unless they are `taken`.
fn applied(
    overrides: &BTreeMap<String, Override>,
    file: &[EndpointConfig],
    taken: bool,
) -> Vec<EndpointConfig> {
    let mut endpoints = file.to_vec();
    let names = file.iter().map(|endpoint| endpoint.name.as_str());
    let mut positions: HashMap<&str, usize> = names.zip(0..).collect();
    for (name, each) in overrides {
        if let Presence::Added(endpoint) = &each.presence {
            let position = *positions.entry(name).or_insert(endpoints.len());
            match endpoints.get_mut(position) {
                Some(place) => *place = endpoint.clone(),
                None => endpoints.push(endpoint.clone()),
            }
        }
        if let Some(&position) = positions.get(name.as_str()) {
            let endpoint = &mut endpoints[position];
            endpoint.weight = each.weight.filter(|_| taken).unwrap_or(endpoint.weight);
            endpoint.forced = each.forced;
        }
    }
    // Who leaves leaves last: then it does not matter for whom a newcomer makes room. The last endpoint stays: the file may
    // have lost all others since, and a cluster of nothing helps nobody.
    let mut spare = endpoints.len().saturating_sub(1);
    endpoints.retain(|endpoint| {
        let leaves = |each: &Override| taken && each.presence == Presence::Removed;
        let goes = spare > 0 && overrides.get(&endpoint.name).is_some_and(leaves);
        spare -= usize::from(goes);
        !goes
    });
    endpoints
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

    /// Whether it only takes back what an earlier one has done.
    fn undoes(&self) -> bool {
        matches!(self, Self::Weight { weight: None, .. } | Self::Force { forced: None, .. })
    }
}

impl Override {
    /// What the file has to say instead of it, and what is left of it then. `file` is the endpoint as the file has it;
    /// `is_there` says whether it is in force.
    fn edit(&self, file: Option<&EndpointConfig>, is_there: bool) -> (Option<Edit>, Self) {
        let left = Self { forced: self.forced, ..Self::default() };
        match (&self.presence, file) {
            // The file has overtaken it, or has no such cluster: there is nothing to say.
            (Presence::File, None) => (None, self.clone()),
            (Presence::Added(_), _) if !is_there => (None, self.clone()),
            (Presence::File, Some(_)) => (self.weight.map(Edit::Weight), left),
            // It has stayed because it was the last. A file cannot say that it is to go when another comes.
            (Presence::Removed, _) if is_there => (None, self.clone()),
            (Presence::Removed, file) => (file.map(|_| Edit::Remove), left),
            (Presence::Added(endpoint), _) => {
                let weight = self.weight.unwrap_or(endpoint.weight);
                (Some(Edit::Add(EndpointConfig { weight, ..endpoint.clone() })), left)
            }
        }
    }

    /// Nothing of an added endpoint is left to say if it is in the file as it is.
    fn if_not_in(self, file: Option<&EndpointConfig>) -> Self {
        let Presence::Added(endpoint) = &self.presence else { return self };
        let weight = self.weight.unwrap_or(endpoint.weight);
        if file == Some(&EndpointConfig { weight, ..endpoint.clone() }) {
            return Self { forced: self.forced, ..Self::default() };
        }
        self
    }

    fn is_added(&self) -> bool {
        matches!(self.presence, Presence::Added(_))
    }

    /// What it is after `change`; `in_file` is the endpoint as the file has it.
    fn after(self, change: &Change, in_file: Option<&EndpointConfig>) -> Self {
        match change {
            Change::Remove { .. } if in_file.is_some() => {
                Self { presence: Presence::Removed, ..Self::default() }
            }
            Change::Remove { .. } => Self::default(),
            // The file has it by now: there is something to go back to.
            Change::Weight { weight: None, .. } if in_file.is_some() && self.is_added() => {
                Self { presence: Presence::File, weight: None, ..self }
            }
            Change::Weight { weight, .. } => {
                let below = match &self.presence {
                    Presence::Added(endpoint) => Some(endpoint.weight),
                    _ => in_file.map(|file| file.weight),
                };
                let weight = weight.filter(|weight| below != Some(*weight));
                Self { weight, ..self }.if_not_in(in_file)
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

/// The endpoints of a cluster as the file has them, and with overrides on top; none if there is no such cluster.
fn endpoints_of<'a>(
    base: &'a Config,
    cluster: &str,
    overrides: &BTreeMap<String, Override>,
) -> (&'a [EndpointConfig], Vec<EndpointConfig>) {
    match base.clusters.iter().find(|each| each.name == cluster) {
        Some(cluster) => (&cluster.endpoints, over(overrides, &cluster.endpoints)),
        None => (&[], Vec::new()),
    }
}

/// Whether anybody can get work.
fn weighs(endpoints: &[EndpointConfig]) -> bool {
    endpoints.iter().any(|endpoint| endpoint.weight > 0)
}

fn find<'a>(endpoints: &'a [EndpointConfig], name: &str) -> Option<&'a EndpointConfig> {
    endpoints.iter().find(|each| each.name == name)
}

fn by_name(endpoints: &[EndpointConfig]) -> HashMap<&str, &EndpointConfig> {
    endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint)).collect()
}

// === Errors ===

fn unknown_cluster(config: &Config, name: &str) -> ChangeError {
    let names = config.clusters.iter().map(|cluster| cluster.name.as_str());
    ChangeError::Unknown(format!("there is no cluster {name:?}{}", meant(name, names)))
}

fn unknown_endpoint(cluster: &str, endpoints: &[EndpointConfig], name: &str) -> ChangeError {
    let names = endpoints.iter().map(|endpoint| endpoint.name.as_str());
    let meant = meant(name, names);
    ChangeError::Unknown(format!("cluster {cluster:?} has no endpoint {name:?}{meant}"))
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

fn last_weight(cluster: &str, endpoint: &str) -> ChangeError {
    ChangeError::Conflict(format!(
        "{endpoint:?} is the last endpoint of cluster {cluster:?} that weighs something; give another one a weight first, or drain it"
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

/// Overrides are for what cannot wait for the file; they are kept in memory, and every status lists them.
const OVERRIDES_MAX: usize = 10_000;

const TOO_MANY: &str = "there are 10,000 overrides already; `evenkeel reload --persist` writes them into the file, \
    `evenkeel reload --clear` drops them";

#[cfg(test)]
mod tests;
