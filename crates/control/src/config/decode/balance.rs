//! `balance`: the name of an algorithm, or a table with it and with what it goes by.

use std::ops::RangeInclusive;

use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::balance::hash::key::{KeySourceError, SOURCES_MAX};
use evenkeel_plan::balance::hash::maglev::{TableSize, TableSizeError};
use evenkeel_plan::balance::hash::ring::{VNODES_MAX, VNODES_MIN};
use evenkeel_plan::balance::hash::{HashKey, KeySource};
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::model::BalanceConfig;
use super::super::section::{Field, Section};
use super::health::parse_path;

/// Reads how to choose among endpoints; the default where nothing is said.
pub(super) fn read(field: Option<Field<'_>>) -> BalanceConfig {
    field.and_then(stated).unwrap_or_default()
}

fn stated(field: Field<'_>) -> Option<BalanceConfig> {
    match field.value() {
        DeValue::String(_) => named(&field).map(|algorithm| alone(&field, algorithm)),
        DeValue::Table(_) => field.table(table)?,
        _ => field.wrong_type("an algorithm's name, or a table"),
    }
}

fn named(field: &Field<'_>) -> Option<Algorithm> {
    field.word(&Algorithm::ALL.map(Algorithm::name), &[]).and_then(Algorithm::from_name)
}

/// An algorithm of which nothing but its name is said.
fn alone(field: &Field<'_>, algorithm: Algorithm) -> BalanceConfig {
    if uses("path", algorithm) {
        let message = format!("`{}` has no `path`", algorithm.name());
        let problem = Diagnostic::new(Code::MissingKey, message).label("lacks `path`");
        field.report(problem.help(PATH_HELP));
    }
    algorithm.into()
}

fn table(section: &mut Section<'_>) -> Option<BalanceConfig> {
    let help = "as in `balance = { algorithm = \"round-robin\" }`";
    let algorithm = section.required("algorithm", help).and_then(|field| named(&field));
    let keys = ["key", "vnodes", "table_size", "bounded_load", "path"];
    let [key, vnodes, table_size, bounded_load, path] = keys.map(|key| {
        let field = section.optional(key)?;
        is_used(key, &field, algorithm?).then_some(field)
    });
    let algorithm = algorithm?;
    if uses("path", algorithm) && path.is_none() {
        section.required("path", PATH_HELP);
    }
    let default = BalanceConfig::from(algorithm);
    let path = path.and_then(|field| field.parsed("a path in a string", parse_path));
    Some(BalanceConfig {
        algorithm,
        key: key.and_then(|field| hash_key(&field)).unwrap_or(default.key),
        vnodes: vnodes.and_then(|field| field.integer(VNODES)).unwrap_or(default.vnodes),
        table_size: table_size.and_then(|field| entries(&field)).unwrap_or(default.table_size),
        bounded_load: bounded_load.and_then(|field| factor(&field)),
        load_path: path.unwrap_or(default.load_path),
    })
}

/// Whether an algorithm goes by a key of the table.
fn uses(key: &str, algorithm: Algorithm) -> bool {
    match key {
        "key" => algorithm.hashes() && algorithm != Algorithm::ClientIp,
        "vnodes" => algorithm == Algorithm::RingHash,
        "table_size" => matches!(algorithm, Algorithm::Maglev | Algorithm::ClientIp),
        "bounded_load" => algorithm.hashes(),
        _ => algorithm == Algorithm::Prequal,
    }
}

/// The same; it is a mistake if it does not.
fn is_used(key: &str, field: &Field<'_>, algorithm: Algorithm) -> bool {
    let is_used = uses(key, algorithm);
    if !is_used {
        let users = Algorithm::ALL.into_iter().filter(|&other| uses(key, other));
        let users: Vec<&str> = users.map(Algorithm::name).collect();
        let (name, users) = (algorithm.name(), users.join(", "));
        field.report_misplaced(&format!("`{name}` does not go by it; it is for {users}"));
    }
    is_used
}

fn hash_key(field: &Field<'_>) -> Option<HashKey> {
    let items = field.items("a source of the key");
    if !(1..=SOURCES_MAX).contains(&items.len()) {
        let message = format!("a key has {} sources", items.len());
        let problem = Diagnostic::new(Code::OutOfBounds, message);
        field.report(problem.label(format!("wants 1 to {SOURCES_MAX}")));
        return None;
    }
    let read = |item: &Field<'_>| item.parsed("a string", source);
    let sources: Vec<KeySource> = items.iter().filter_map(read).collect();
    Some(HashKey::new(sources))
}

pub(super) fn source(text: &str) -> Result<KeySource, Diagnostic> {
    text.parse().map_err(|error: KeySourceError| {
        Diagnostic::new(Code::UnknownWord, error.to_string()).label("is no source of a key")
    })
}

fn entries(field: &Field<'_>) -> Option<TableSize> {
    let wrong = |error: TableSizeError| {
        let problem = Diagnostic::new(Code::OutOfBounds, error.to_string());
        field.report(match error {
            TableSizeError::NoPrime { next, .. } => problem.label(format!("did you mean {next}?")),
            TableSizeError::OutOfBounds { .. } => problem,
        });
    };
    TableSize::new(field.integer(TABLE_SIZE)?).map_err(wrong).ok()
}

/// The load that is bounded; `None` where it is not.
fn factor(field: &Field<'_>) -> Option<f64> {
    match field.value() {
        DeValue::String(text) if &**text == "off" => None,
        DeValue::String(_) => field.wrong_type("a number, or \"off\""),
        _ => field.number(BOUNDED_LOAD_MIN..=BOUNDED_LOAD_MAX),
    }
}

const PATH_HELP: &str = "it says how much an endpoint has to do: `balance = { algorithm = \"prequal\", path = \"/load\" }`";

const VNODES: RangeInclusive<u64> = VNODES_MIN as u64..=VNODES_MAX as u64;

const TABLE_SIZE: RangeInclusive<u64> = TableSize::MIN as u64..=TableSize::MAX as u64;

/// With less nobody could do all the work.
pub(in super::super) const BOUNDED_LOAD_MIN: f64 = 1.0;

/// With more it would be no bound.
pub(in super::super) const BOUNDED_LOAD_MAX: f64 = 100.0;
