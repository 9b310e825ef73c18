//! Writes overrides into the text of a config file, and leaves everything else in it as it is. Pure but for
//! [`Drafted`]; the conductor asks for it when somebody wants to keep what the admin API has changed.

use std::collections::{BTreeSet, HashMap};

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Value};

use crate::config::{EndpointConfig, parse_endpoint};

mod drafted;

pub(crate) use drafted::{Drafted, Rewrite};

/// What is to become of one endpoint in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Add(EndpointConfig),
    Remove,
    Weight(u32),
}

/// An edit and what it is about: (cluster, endpoint, edit).
pub(crate) type Targeted<'a> = (&'a str, &'a str, Edit);

/// Makes the edits that can be made in `text`; gives the new text and those that found no cluster there, which may be in another
/// file. Edits of one cluster stand together.
///
/// # Errors
///
/// The endpoint is there, but not written such that it could be changed.
pub(crate) fn edit<'a>(
    text: &str,
    edits: &[Targeted<'a>],
) -> Result<(String, Vec<Targeted<'a>>), String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("not TOML: {error}"))?;
    let mut elsewhere = Vec::new();
    for edits in edits.chunk_by(|(one, ..), (other, ..)| one == other) {
        match edits.first().and_then(|(cluster, ..)| endpoints_of(&mut document, cluster)) {
            Some(list) => apply(list, edits)?,
            None => elsewhere.extend_from_slice(edits),
        }
    }
    Ok((document.to_string(), elsewhere))
}

/// Where the endpoints of a cluster are listed: in the cluster, or in the listener that has them for itself.
fn endpoints_of<'d>(document: &'d mut DocumentMut, cluster: &str) -> Option<&'d mut Item> {
    let item = |section: &str, key: &str| document.get(section)?.get(cluster)?.get(key);
    // The name of a cluster is no list of endpoints.
    let lists = |item: &Item| item.as_str().is_none_or(|text| parse_endpoint(text).is_ok());
    let (section, key) = match () {
        () if item("cluster", "endpoints").is_some() => ("cluster", "endpoints"),
        () if item("listener", "to").is_some_and(lists) => ("listener", "to"),
        () => return None,
    };
    document.get_mut(section)?.get_mut(cluster)?.get_mut(key)
}

/// Makes the edits of one cluster.
fn apply(list: &mut Item, edits: &[Targeted<'_>]) -> Result<(), String> {
    if let Some(tables) = list.as_array_of_tables_mut() {
        return apply_to(tables, edits);
    }
    match as_array(list) {
        Some(array) => apply_to(array, edits),
        None => Err(edits.first().map(not_written).unwrap_or_default()),
    }
}

fn apply_to(list: &mut impl List, edits: &[Targeted<'_>]) -> Result<(), String> {
    let names = list.names();
    let positions: HashMap<&str, usize> =
        names.iter().zip(0..).filter_map(|(name, at)| Some((name.as_deref()?, at))).collect();
    let mut gone = BTreeSet::new();
    for edit in edits {
        match (&edit.2, positions.get(edit.1)) {
            (Edit::Add(endpoint), None) => list.push(endpoint),
            (Edit::Add(endpoint), Some(&position)) => list.replace(position, endpoint),
            (Edit::Weight(weight), Some(&position)) => list.set_weight(position, *weight),
            (Edit::Remove, Some(&position)) => {
                gone.insert(position);
            }
            (Edit::Remove | Edit::Weight(_), None) => return Err(not_written(edit)),
        }
    }
    // From the end: what stands before keeps its position.
    gone.into_iter().rev().for_each(|position| list.remove(position));
    Ok(())
}

/// Endpoints as they are written one after the other.
trait List {
    /// What each is called; `None` where its address is not written as such.
    fn names(&self) -> Vec<Option<String>>;
    fn push(&mut self, endpoint: &EndpointConfig);
    fn replace(&mut self, position: usize, endpoint: &EndpointConfig);
    fn remove(&mut self, position: usize);
    fn set_weight(&mut self, position: usize, weight: u32);
}

/// `endpoints = [ … ]`
impl List for Array {
    fn names(&self) -> Vec<Option<String>> {
        let address = |item: &Value| match item {
            Value::InlineTable(table) => name_of(table.get("address")?.as_str()?),
            item => name_of(item.as_str()?),
        };
        self.iter().map(address).collect()
    }

    fn push(&mut self, endpoint: &EndpointConfig) {
        push(self, written(endpoint));
    }

    fn replace(&mut self, position: usize, endpoint: &EndpointConfig) {
        self.replace(position, written(endpoint));
    }

    fn remove(&mut self, position: usize) {
        remove(self, position);
    }

    fn set_weight(&mut self, position: usize, weight: u32) {
        if let Some(item) = self.get_mut(position) {
            set_weight(item, weight);
        }
    }
}

/// `[[cluster.api.endpoints]]`
impl List for ArrayOfTables {
    fn names(&self) -> Vec<Option<String>> {
        self.iter().map(|table| name_of(table.get("address")?.as_str()?)).collect()
    }

    fn push(&mut self, endpoint: &EndpointConfig) {
        self.push(keys(endpoint).collect());
    }

    fn replace(&mut self, position: usize, endpoint: &EndpointConfig) {
        if let Some(table) = self.get_mut(position) {
            table.clear();
            table.extend(keys(endpoint));
        }
    }

    fn remove(&mut self, position: usize) {
        self.remove(position);
    }

    fn set_weight(&mut self, position: usize, weight: u32) {
        let Some(table) = self.get_mut(position) else { return };
        match table.get_mut("weight").and_then(Item::as_value_mut) {
            // With the comment behind it.
            Some(value) => {
                let decor = value.decor().clone();
                *value = i64::from(weight).into();
                *value.decor_mut() = decor;
            }
            None => {
                table.insert("weight", Item::Value(i64::from(weight).into()));
            }
        }
    }
}

/// An endpoint in a table: what is not said by default.
fn keys(endpoint: &EndpointConfig) -> impl Iterator<Item = (&'static str, Value)> {
    let weight = (endpoint.weight != 1).then(|| ("weight", i64::from(endpoint.weight).into()));
    let backup = endpoint.backup.then(|| ("backup", true.into()));
    let priority =
        (endpoint.priority != 0).then(|| ("priority", i64::from(endpoint.priority).into()));
    let zone = endpoint.zone.as_deref().map(|zone| ("zone", zone.into()));
    let labels = endpoint.labels.iter().map(|(name, value)| (&**name, Value::from(&**value)));
    let labels =
        (!endpoint.labels.is_empty()).then(|| ("labels", Value::InlineTable(labels.collect())));
    let address = ("address", endpoint.name.as_str().into());
    [Some(address), weight, backup, priority, zone, labels].into_iter().flatten()
}

fn name_of(address: &str) -> Option<String> {
    parse_endpoint(address).ok().map(|endpoint| endpoint.name)
}

/// One endpoint may stand alone; from then on it is the first of a list.
fn as_array(list: &mut Item) -> Option<&mut Array> {
    let lone = list.as_value().filter(|value| !value.is_array()).cloned();
    if let Some(lone) = lone {
        let mut array = Array::new();
        array.push(lone.decorated("", ""));
        *list = Item::Value(Value::Array(array));
    }
    list.as_array_mut()
}

/// Adds an item that looks like the one before it: on a line of its own if that has one. What is written behind the last one
/// on its line stays there.
fn push(array: &mut Array, item: Value) {
    let last = array.iter().last().map(|last| text(last.decor().prefix()).to_owned());
    let Some(prefix) = last.filter(|prefix| prefix.contains('\n')) else {
        array.push(item);
        return;
    };
    // A comment above the last one is not about the new one.
    let indent = prefix.rsplit('\n').next().unwrap_or_default();
    let behind = take_end(array);
    let (comment, rest) = behind.split_at(behind.find('\n').unwrap_or_default());
    array.push_formatted(item.decorated(format!("{comment}\n{indent}"), ""));
    array.set_trailing(rest);
}

/// Removes an item with the comments that are about it: those above it, and the one behind it on its line, which the grammar
/// counts to what follows the comma.
fn remove(array: &mut Array, position: usize) {
    let removed = array.remove(position);
    let prefix = text(removed.decor().prefix()).to_owned();
    // On the line of the item before.
    let kept = &prefix[..prefix.find('\n').unwrap_or_default()];
    if position == array.len() {
        let own = text(removed.decor().suffix()).to_owned();
        let end = if own.is_empty() { text(Some(array.trailing())).to_owned() } else { own };
        array.set_trailing(format!("{kept}{}", from_line_end(&end)));
    } else if let Some(next) = array.get_mut(position) {
        let prefix_of_next = text(next.decor().prefix()).to_owned();
        let first = if position == 0 && kept.is_empty() && !prefix_of_next.contains('\n') {
            prefix
        } else {
            format!("{kept}{}", from_line_end(&prefix_of_next))
        };
        next.decor_mut().set_prefix(first);
    }
}

/// What stands between the last item and the bracket, with or without a comma; there is nothing then.
fn take_end(array: &mut Array) -> String {
    let trailing = text(Some(array.trailing())).to_owned();
    let Some(last) = array.len().checked_sub(1).and_then(|last| array.get_mut(last)) else {
        return trailing;
    };
    let own = text(last.decor().suffix()).to_owned();
    last.decor_mut().set_suffix("");
    own + &trailing
}

/// `text` without what is on its first line, which is about what stands before it.
fn from_line_end(text: &str) -> &str {
    text.find('\n').map_or(text, |end| &text[end..])
}

fn text(raw: Option<&RawString>) -> &str {
    raw.and_then(RawString::as_str).unwrap_or_default()
}

fn written(endpoint: &EndpointConfig) -> Value {
    let table: InlineTable = keys(endpoint).collect();
    if table.len() == 1 { endpoint.name.as_str().into() } else { Value::InlineTable(table) }
}

fn set_weight(item: &mut Value, weight: u32) {
    if let Some(table) = item.as_inline_table_mut() {
        table.insert("weight", i64::from(weight).into());
        table.fmt();
    } else if let Some(address) = item.as_str().map(str::to_owned) {
        let decor = item.decor().clone();
        let mut table = InlineTable::new();
        table.insert("address", address.into());
        table.insert("weight", i64::from(weight).into());
        *item = Value::InlineTable(table);
        *item.decor_mut() = decor;
    }
}

fn not_written((cluster, endpoint, _): &Targeted<'_>) -> String {
    format!(
        "{endpoint:?} of cluster {cluster:?} is not written there as such (perhaps with a variable); \
         change the file by hand, and take the override back or drop all with `evenkeel reload --clear`"
    )
}

#[cfg(test)]
mod tests;
