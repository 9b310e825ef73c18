//! docs/configuration.md, made from the annotated schema: a section for each table, a row for each key.

use serde_json::{Map, Value};

use super::annotated;
use super::values::STRINGS;

/// The page.
pub fn markdown() -> String {
    let schema = annotated();
    let mut page = Page { definitions: &schema["definitions"], text: HEAD.to_owned() };
    let sections = page.sections(&schema);
    page.contents(&sections);
    sections.into_iter().for_each(|section| page.section(section));
    page.values();
    page.text
}

struct Page<'a> {
    definitions: &'a Value,
    text: String,
}

impl<'a> Page<'a> {
    /// All tables, in the order in which the keys of a file lead to them, and the outer before the inner.
    fn sections(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut sections = vec![root];
        self.collect(root, &mut sections);
        let place = |section: &&Value| {
            let title = title_of(section).trim_matches(['[', ']']);
            let first = title.split('.').next();
            let top = properties(root).position(|(key, _)| Some(key.as_str()) == first);
            (top, title.matches('.').count())
        };
        sections.sort_by_key(place);
        sections
    }

    fn collect(&self, section: &'a Value, found: &mut Vec<&'a Value>) {
        for table in properties(section).flat_map(|(_, property)| self.tables(property)) {
            if !found.iter().any(|known| std::ptr::eq(*known, table)) {
                found.push(table);
                self.collect(table, found);
            }
        }
    }

    fn contents(&mut self, sections: &[&Value]) {
        for section in sections {
            let title = title_of(section);
            let is_inner = title.replace(".NAME", "").contains('.');
            let indent = if is_inner { "  " } else { "" };
            self.text.push_str(&format!("{indent}- [{}](#{})\n", shown(title), anchor(title)));
        }
        self.text.push_str("- [Values](#values)\n");
    }

    /// A table with its keys.
    fn section(&mut self, section: &'a Value) {
        let example = section["x-example"].as_str().unwrap_or_default().trim();
        self.text.push_str(&format!(
            "\n## {}\n\n{}\n\n```toml fragment\n{example}\n```\n\n{COLUMNS}",
            shown(title_of(section)),
            text_of(section),
        ));
        let required = section["required"].as_array();
        for (key, property) in properties(section) {
            let is_required = required.is_some_and(|keys| keys.iter().any(|each| each == key));
            let default = match &property["default"] {
                Value::Null if is_required => "**needed**".to_owned(),
                Value::Null => "–".to_owned(),
                value => format!("`{}`", toml(value)),
            };
            let (kind, what) = (self.kind(property), text_of(property));
            self.text.push_str(&format!("| `{key}` | {kind} | {default} | {what} |\n"));
        }
    }

    fn values(&mut self) {
        self.text.push_str("\n## Values\n\n| | |\n|---|---|\n");
        for (title, what) in STRINGS {
            self.text.push_str(&format!("| {title} | {what} |\n"));
        }
    }

    /// In words, what a key may be.
    fn kind(&self, schema: &'a Value) -> String {
        if let Some(choices) = choices(schema) {
            let mut kinds: Vec<String> = choices.iter().map(|choice| self.kind(choice)).collect();
            kinds.retain(|kind| !kind.is_empty());
            kinds.dedup();
            return kinds.join(" or ");
        }
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            return words.join(", ");
        }
        if let Some(definition) = self.definition(schema) {
            return self.kind(definition);
        }
        match schema["type"].as_str() {
            Some("integer") => format!("{} to {}", schema["minimum"], schema["maximum"]),
            Some("number") => {
                format!("a number from {} to {}", schema["minimum"], schema["maximum"])
            }
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("array") => "a list of them".to_owned(),
            Some("object") if schema["x-section"].is_string() => {
                let title = title_of(schema);
                format!("[a table](#{})", anchor(title))
            }
            Some("object") => {
                let by = schema["x-by"].as_str().unwrap_or("name");
                format!("{} by {by}", self.kind(&schema["additionalProperties"]))
            }
            Some("string") => schema["title"]
                .as_str()
                .map_or_else(String::new, |title| format!("[{title}](#values)")),
            _ if schema["const"] == false => "`false`".to_owned(),
            _ => String::new(),
        }
    }

    /// The tables that a key may be or hold, in any depth.
    fn tables(&self, schema: &'a Value) -> Vec<&'a Value> {
        if let Some(choices) = choices(schema) {
            return choices.iter().flat_map(|choice| self.tables(choice)).collect();
        }
        if let Some(definition) = self.definition(schema) {
            return self.tables(definition);
        }
        if schema["x-section"].is_string() {
            return vec![schema];
        }
        let inner = ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key));
        inner.flat_map(|inner| self.tables(inner)).collect()
    }

    fn definition(&self, schema: &Value) -> Option<&'a Value> {
        let name = schema["$ref"].as_str()?.strip_prefix("#/definitions/")?;
        self.definitions.get(name)
    }
}

fn choices(schema: &Value) -> Option<&Vec<Value>> {
    schema["anyOf"].as_array().or_else(|| schema["allOf"].as_array())
}

fn properties(section: &Value) -> impl Iterator<Item = (&String, &Value)> {
    section["properties"].as_object().into_iter().flat_map(Map::iter)
}

fn title_of(section: &Value) -> &str {
    section["x-section"].as_str().unwrap_or_default()
}

/// A heading: in backticks where it is TOML.
fn shown(title: &str) -> String {
    if title.starts_with('[') { format!("`{title}`") } else { title.to_owned() }
}

/// How a heading is linked to.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A description in one line of a table.
fn text_of(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A default as it would be written.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let keys: Vec<String> =
                keys.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", keys.join(", "))
        }
        other => other.to_string(),
    }
}

const COLUMNS: &str = "\
| key | what it may be | default | what it does |
|---|---|---|---|
";

const HEAD: &str = "\
<!-- Made from crates/control/src/config/schema by `EVENKEEL_BLESS=1 cargo test -p evenkeel-control --test config_schema`. -->

# Configuration

A config is a file in [TOML](https://toml.io). The shortest one says where to listen and where to send to:

```toml
[listener.web]
bind = \":8080\"
to = [\"10.0.0.1:8080\", \"10.0.0.2:8080\"]
```

`evenkeel check -c FILE` says what is wrong with a file, `evenkeel run -c FILE` runs it. Every key with its default in one file
is [examples/full.toml](../examples/full.toml). `evenkeel schema` prints a JSON Schema for editors. Includes, variables and what
else helps with configs is in [config-tools.md](config-tools.md).

";
