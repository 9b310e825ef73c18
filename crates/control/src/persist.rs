//! Writes overrides into the text of a config file, and leaves everything else in it as it is. Pure but for
//! [`Drafted`]; the conductor asks for it when somebody wants to keep what the admin API has changed.

use std::collections::{BTreeSet, HashMap};

use toml_edit::{Array, DocumentMut, InlineTable, Item, RawString, Value};

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
    let unwritten = |(cluster, endpoint, _): &Targeted<'_>| not_written(cluster, endpoint);
    let Some(array) = as_array(list) else {
        return Err(edits.first().map(unwritten).unwrap_or_default());
    };
    let positions: HashMap<String, usize> =
        array.iter().zip(0..).filter_map(|(item, at)| Some((name_of(item)?, at))).collect();
    let mut gone = BTreeSet::new();
    for edit in edits {
        match (&edit.2, positions.get(edit.1)) {
            (Edit::Add(endpoint), None) => push(array, written(endpoint)),
            (Edit::Add(endpoint), Some(&position)) => {
                array.replace(position, written(endpoint));
            }
            (Edit::Weight(weight), Some(&position)) => {
                if let Some(item) = array.get_mut(position) {
                    set_weight(item, *weight);
                }
            }
            (Edit::Remove, Some(&position)) => {
                gone.insert(position);
            }
            (Edit::Remove | Edit::Weight(_), None) => return Err(unwritten(edit)),
        }
    }
    // From the end: what stands before keeps its position.
    gone.into_iter().rev().for_each(|position| remove(array, position));
    Ok(())
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

fn name_of(item: &Value) -> Option<String> {
    let address = item.as_str().or_else(|| item.as_inline_table()?.get("address")?.as_str())?;
    parse_endpoint(address).ok().map(|endpoint| endpoint.name)
}

fn written(endpoint: &EndpointConfig) -> Value {
    if endpoint.weight == 1 && !endpoint.backup {
        return Value::from(endpoint.name.as_str());
    }
    let mut table = InlineTable::new();
    table.insert("address", endpoint.name.as_str().into());
    if endpoint.weight != 1 {
        table.insert("weight", i64::from(endpoint.weight).into());
    }
    if endpoint.backup {
        table.insert("backup", true.into());
    }
    Value::InlineTable(table)
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

fn not_written(cluster: &str, endpoint: &str) -> String {
    format!(
        "the file does not list {endpoint:?} of cluster {cluster:?} by that name; change the file by hand, \
         and drop the overrides with `evenkeel reload --clear`"
    )
}

#[cfg(test)]
mod tests;
