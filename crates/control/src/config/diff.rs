//! What is different between two configs, for people: one line for each thing. The conductor asks for it at every change.

use std::collections::HashMap;

use super::model::{ClusterConfig, Config, EndpointConfig, ListenerConfig, StickyConfig};
use super::write::{Part, labels, parts};
use crate::overrides::forced_word;

/// One line for each difference: `+` came, `-` went, `~` is different now.
pub(crate) fn diff(before: &Config, after: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let (old, new) = (parts(before), parts(after));
    let mut gone: HashMap<&str, &Part> =
        old.iter().map(|part| (part.title.as_str(), part)).collect();
    for part in &new {
        match gone.remove(part.title.as_str()) {
            Some(old) => keys(old, part, &mut lines),
            None => lines.push(format!("+ {}", part.title)),
        }
    }
    let gone = old.iter().filter(|part| gone.contains_key(part.title.as_str()));
    lines.extend(gone.map(|part| format!("- {}", part.title)));
    endpoints(before, after, &mut lines);
    pages(before, after, &mut lines);
    let tokens = [before, after].map(|config| config.admin_token.as_ref());
    if tokens[0] != tokens[1] && tokens.iter().all(Option::is_some) {
        lines.push("~ admin: token is another one".to_owned());
    }
    session_keys(before, after, &mut lines);
    if lines.is_empty() && before != after {
        lines.push("~ the same in another order".to_owned());
    }
    lines
}

/// Where only the keys of sessions are others, which are not shown.
fn session_keys(before: &Config, after: &Config, lines: &mut Vec<String>) {
    let keys = |cluster: &ClusterConfig| match &cluster.sticky {
        Some(StickyConfig::Cookie(cookie)) => Some(cookie.keys.clone()),
        _ => None,
    };
    for new in &after.clusters {
        let Some(new_keys) = keys(new) else { continue };
        let old = before.clusters.iter().find(|old| old.name == new.name).and_then(keys);
        if old.is_some_and(|old| old.len() == new_keys.len() && old != new_keys) {
            lines.push(format!("~ cluster {}: sticky has other keys", new.name));
        }
    }
}

/// The keys of a part that stayed.
fn keys(old: &Part, new: &Part, lines: &mut Vec<String>) {
    let title = if new.title.is_empty() { String::new() } else { format!("{}: ", new.title) };
    let come = new.keys.iter().map(|(key, value)| (key, old.value(key), Some(value.as_str())));
    let gone = old.keys.iter().filter(|(key, _)| new.value(key).is_none());
    let gone = gone.map(|(key, value)| (key, Some(value.as_str()), None));
    for (key, old, new) in come.chain(gone).filter(|(_, old, new)| old != new) {
        let (old, new) = (old.unwrap_or(DEFAULT), new.unwrap_or(DEFAULT));
        lines.push(format!("~ {title}{key} {old} → {new}"));
    }
}

fn endpoints(before: &Config, after: &Config, lines: &mut Vec<String>) {
    let old: HashMap<&str, &ClusterConfig> =
        before.clusters.iter().map(|cluster| (cluster.name.as_str(), cluster)).collect();
    for cluster in &after.clusters {
        // The endpoints of a new cluster came with it.
        if let Some(old) = old.get(cluster.name.as_str()) {
            endpoints_of(old, cluster, lines);
        }
    }
}

fn endpoints_of(old: &ClusterConfig, new: &ClusterConfig, lines: &mut Vec<String>) {
    let name = &new.name;
    let mut gone: HashMap<&str, &EndpointConfig> =
        old.endpoints.iter().map(|endpoint| (endpoint.name.as_str(), endpoint)).collect();
    for endpoint in &new.endpoints {
        let Some(old) = gone.remove(endpoint.name.as_str()) else {
            lines.push(format!("+ cluster {name}: endpoint {}", endpoint.name));
            continue;
        };
        for change in changes(old, endpoint) {
            lines.push(format!("~ cluster {name}: endpoint {}: {change}", endpoint.name));
        }
    }
    let gone = old.endpoints.iter().filter(|endpoint| gone.contains_key(endpoint.name.as_str()));
    lines.extend(gone.map(|endpoint| format!("- cluster {name}: endpoint {}", endpoint.name)));
}

fn changes(old: &EndpointConfig, new: &EndpointConfig) -> Vec<String> {
    let mut changes = Vec::new();
    if old.weight != new.weight {
        changes.push(format!("weight {} → {}", old.weight, new.weight));
    }
    if old.backup != new.backup {
        changes.push(format!("backup {} → {}", old.backup, new.backup));
    }
    if old.priority != new.priority {
        changes.push(format!("priority {} → {}", old.priority, new.priority));
    }
    if old.zone != new.zone {
        let [old, new] = [old, new].map(|each| each.zone.as_deref().unwrap_or("(none)"));
        changes.push(format!("zone {old} → {new}"));
    }
    if old.labels != new.labels {
        let [old, new] = [old, new].map(|each| labels(&each.labels));
        changes.push(format!("labels {old} → {new}"));
    }
    if old.forced != new.forced {
        changes.push(match new.forced {
            Some(forced) => forced_word(forced).to_owned(),
            None => "left to its checks".to_owned(),
        });
    }
    changes
}

/// What a path in the config cannot show: the file behind it has changed.
fn pages(before: &Config, after: &Config, lines: &mut Vec<String>) {
    let files = |listener: &ListenerConfig| {
        listener.errors.pages.iter().map(|page| page.file.clone()).collect::<Vec<_>>()
    };
    for listener in &after.listeners {
        let old = before.listeners.iter().find(|old| old.name == listener.name);
        let is_other = |old: &&ListenerConfig| old.errors.pages != listener.errors.pages;
        if old.filter(is_other).is_some_and(|old| files(old) == files(listener)) {
            lines.push(format!("~ listener {}: pages have new content", listener.name));
        }
    }
}

/// What stands for a key that is not written.
const DEFAULT: &str = "(default)";

#[cfg(test)]
mod tests;
