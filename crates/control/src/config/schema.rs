//! What a config may say, written down as types: `evenkeel schema` prints the JSON Schema that is made from them, and
//! docs/configuration.md is made from the same. The decoder is written by hand, for the sake of its messages; the tests in
//! `tests/config_schema.rs` hold keys and defaults of both together.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

mod acme;
mod cluster;
mod file;
mod listener;
mod markdown;
mod route;
mod values;

pub use markdown::markdown;

/// The JSON Schema of a config (draft-07).
pub fn json_schema() -> Value {
    let mut schema = annotated();
    strip(&mut schema, |key| key.starts_with(OURS));
    schema
}

/// The schema with what only our page needs: the header and an example of each section.
fn annotated() -> Value {
    let mut schema =
        SchemaSettings::draft07().into_generator().into_root_schema_for::<file::File>().to_value();
    strip(&mut schema, |key| key == "format");
    remove_null(&mut schema);
    flatten(&mut schema);
    hand_down_bounds(&mut schema);
    schema
}

/// A choice among choices is one choice.
fn flatten(schema: &mut Value) {
    visit(schema, &|keywords| {
        let Some(Value::Array(choices)) = keywords.get_mut("anyOf") else { return };
        let flat = std::mem::take(choices).into_iter().flat_map(|choice| match choice {
            Value::Object(mut only) if only.len() == 1 && only.contains_key("anyOf") => {
                match only.remove("anyOf") {
                    Some(Value::Array(inner)) => inner,
                    other => other.into_iter().collect(),
                }
            }
            choice => vec![choice],
        });
        let mut flat: Vec<Value> = flat.collect();
        flat.dedup();
        *choices = flat;
    });
}

/// The bounds of a choice are those of the number in it. They are given as keywords: those by `range` a choice does not get.
fn hand_down_bounds(schema: &mut Value) {
    visit(schema, &|keywords| {
        if !keywords.contains_key("anyOf") {
            return;
        }
        for bound in ["minimum", "maximum"] {
            let Some(value) = keywords.remove(bound) else { continue };
            let Some(Value::Array(choices)) = keywords.get_mut("anyOf") else { return };
            let numbers =
                choices.iter_mut().filter(|it| it["type"] == "integer" || it["type"] == "number");
            numbers.for_each(|number| number[bound] = value.clone());
        }
    });
}

/// Removes keywords wherever they are; below `properties` are names, not keywords.
fn strip(schema: &mut Value, unwanted: fn(&str) -> bool) {
    visit(schema, &|keywords| keywords.retain(|key, _| !unwanted(key)));
}

/// TOML has no null: what may be left out is left out.
fn remove_null(schema: &mut Value) {
    visit(schema, &|keywords| {
        if let Some(Value::Array(types)) = keywords.get_mut("type") {
            types.retain(|each| each != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                keywords.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = keywords.get_mut("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
        }
    });
}

/// Calls `change` for every schema in `schema`, the innermost first.
fn visit(schema: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    let Value::Object(keywords) = schema else { return };
    for (key, value) in keywords.iter_mut() {
        match (key.as_str(), value) {
            ("properties" | "definitions", Value::Object(named)) => {
                named.values_mut().for_each(|each| visit(each, change));
            }
            ("anyOf" | "allOf", Value::Array(choices)) => {
                choices.iter_mut().for_each(|each| visit(each, change));
            }
            ("items" | "additionalProperties" | "propertyNames", value) => visit(value, change),
            _ => {}
        }
    }
    change(keywords);
}

/// Keywords that start so are for our page and nobody else.
const OURS: &str = "x-";
