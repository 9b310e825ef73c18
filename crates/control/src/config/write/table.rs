//! A TOML table that is being written: keys with their values already in TOML.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::super::expand::escaped;
use super::super::units::format_duration;

/// Keys and values, in the order in which they will stand.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<(Cow<'static, str>, String)>);

impl Table {
    /// Adds a key.
    pub(super) fn add(&mut self, key: impl Into<Cow<'static, str>>, value: impl Display) {
        self.0.push((key.into(), value.to_string()));
    }

    /// Adds a key, unless its value is the default anyhow.
    pub(super) fn add_unless(&mut self, key: &'static str, value: impl Display, default: bool) {
        if !default {
            self.add(key, value);
        }
    }

    /// Adds a duration, unless it is the default.
    pub(super) fn add_duration(&mut self, key: &'static str, value: Duration, default: Duration) {
        self.add_unless(key, string(&format_duration(value)), value == default);
    }

    /// Adds a table in a table, unless it is empty.
    pub(super) fn add_table(&mut self, key: &'static str, table: &Self) {
        self.add_unless(key, table.inline(), table.is_empty());
    }

    /// This and then `other`.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The keys with their values.
    pub(super) fn into_keys(self) -> Vec<(String, String)> {
        self.0.into_iter().map(|(key, value)| (key.into_owned(), value)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// As `{ key = value, … }`.
    pub(super) fn inline(&self) -> String {
        if self.is_empty() {
            return "{}".to_owned();
        }
        let keys: Vec<String> =
            self.0.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{{ {} }}", keys.join(", "))
    }

    /// As lines.
    pub(super) fn lines(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    }
}

/// One value stands alone, several are a list.
pub(super) fn list(mut values: Vec<String>) -> String {
    match values.len() {
        1 => values.remove(0),
        _ => format!("[{}]", values.join(", ")),
    }
}

/// A string in quotes, whatever is in it.
pub(super) fn string(text: &str) -> String {
    toml::Value::from(escaped(text)).to_string()
}

/// A name as a part of a table's header: in quotes only if it must be.
pub(super) fn name(name: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) {
        name.to_owned()
    } else {
        toml::Value::from(name).to_string()
    }
}
