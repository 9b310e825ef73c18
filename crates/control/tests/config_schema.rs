//! The schema and the decoder say the same: keys, defaults, and what of the samples is right. docs/configuration.md is made
//! from the schema; `EVENKEEL_BLESS=1` writes it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use evenkeel_control::config::{Config, Folder, schema};
use serde_json::{Map, Value};

/// Each table of the schema, and a config in which `{}` stands for a key of it.
const TABLES: [(&str, &str); 34] = [
    ("", "{}\n[listener.a]\nbind = ':1'\nto = '9001'\n"),
    ("Listener", "[listener.a]\nbind = ':1'\nto = '9001'\n{}\n"),
    ("RateLimit", "[listener.a]\nbind = ':1'\nto = '9001'\nrate_limit = { rate = '1/s', {} }\n"),
    (
        "ConnectionRate",
        "[listener.a]\nbind = ':1'\nto = '9001'\nconnection_rate = { rate = '1/s', {} }\n",
    ),
    (
        "ListenerTimeouts",
        "[listener.a]\nbind = ':1'\nto = '9001'\nprotocol = 'https'\ncertificates = 'a'\ntimeouts = { {} }\n",
    ),
    (
        "CertificateFiles",
        "[listener.a]\nbind = ':1'\nto = '9001'\nprotocol = 'https'\ncertificates = { cert = 'a', {} }\n",
    ),
    (
        "Tls",
        "[listener.a]\nbind = ':1'\nto = '9001'\nprotocol = 'https'\ncertificates = 'a'\ntls = { {} }\n",
    ),
    (
        "Hsts",
        "[listener.a]\nbind = ':1'\nto = '9001'\nprotocol = 'https'\ncertificates = 'a'\nhsts = { max_age = '1s', {} }\n",
    ),
    ("ListenerLimits", "[listener.a]\nbind = ':1'\nto = '9001'\nlimits = { {} }\n"),
    ("Paths", "[listener.a]\nbind = ':1'\nto = '9001'\npaths = { {} }\n"),
    ("Errors", "[listener.a]\nbind = ':1'\nto = '9001'\nerrors = { {} }\n"),
    ("Cluster", "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\n{}\n"),
    ("EndpointTable", "[listener.a]\nbind = ':1'\nto = { address = '9001', {} }\n"),
    (
        "BalanceTable",
        "[listener.a]\nbind = ':1'\nto = '9001'\nbalance = { algorithm = 'ALGORITHM', {} }\n",
    ),
    ("Health", "[listener.a]\nbind = ':1'\nto = '9001'\nhealth = { CHECK{} }\n"),
    (
        "ClusterTimeouts",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\ntls = true\ntimeouts = { {} }\n",
    ),
    (
        "ClusterTls",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\ntls = { {} }\n",
    ),
    (
        "Sticky",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nsticky = { COOKIE{} }\n",
    ),
    (
        "SlowStart",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nslow_start = { time = '1s', {} }\n",
    ),
    (
        "Pool",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\npool = { {} }\n",
    ),
    (
        "ClusterLimits",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nlimits = { {} }\n",
    ),
    (
        "Retry",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nretry = { {} }\n",
    ),
    (
        "Outlier",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\noutlier = { {} }\n",
    ),
    (
        "Breaker",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nbreaker = { {} }\n",
    ),
    (
        "Hedge",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nhedge = { {} }\n",
    ),
    (
        "Rebalance",
        "[listener.a]\nbind = ':1'\nto = 'b'\n[cluster.b]\nendpoints = '9001'\nrebalance = { {} }\n",
    ),
    (
        "Route",
        "[listener.a]\nbind = ':1'\n[cluster.b]\nendpoints = '9001'\n[[route]]\nto = 'b'\n{}\n",
    ),
    (
        "RouteTimeouts",
        "[listener.a]\nbind = ':1'\n[cluster.b]\nendpoints = '9001'\n[[route]]\nto = 'b'\ntimeouts = { {} }\n",
    ),
    ("Acme", "[listener.a]\nbind = ':1'\nto = '9001'\n[acme.b]\nnames = 'b.example'\n{}\n"),
    (
        "AcmeChallenge",
        "[listener.a]\nbind = ':1'\nto = '9001'\n[acme.b]\nnames = 'b.example'\nchallenge = { command = '/bin/true', {} }\n",
    ),
    (
        "AcmeBinding",
        "[listener.a]\nbind = ':1'\nto = '9001'\n[acme.b]\nnames = 'b.example'\nbinding = { {} }\n",
    ),
    ("Admin", "[listener.a]\nbind = ':1'\nto = '9001'\n[admin]\n{}\n"),
    ("Log", "[listener.a]\nbind = ':1'\nto = '9001'\n[log]\n{}\n"),
    ("Access", "[listener.a]\nbind = ':1'\nto = '9001'\n[log]\naccess = { {} }\n"),
];

/// Every table of the schema by its name, the outermost with an empty one.
fn tables(schema: &Value) -> Vec<(&str, &Map<String, Value>)> {
    let definitions = schema["definitions"].as_object().unwrap().iter();
    let all =
        std::iter::once(("", schema)).chain(definitions.map(|(name, it)| (name.as_str(), it)));
    all.filter_map(|(name, table)| Some((name, table["properties"].as_object()?))).collect()
}

/// The config in which `entry` stands in the table `name`.
fn with(name: &str, entry: &str) -> String {
    let template = TABLES.iter().find(|(table, _)| *table == name);
    let (_, template) = template.unwrap_or_else(|| panic!("{name} has no template in TABLES"));
    let algorithm = match entry.split(' ').next() {
        Some("vnodes") => "ring-hash",
        Some("table_size") => "maglev",
        Some("key" | "bounded_load") => "rendezvous",
        _ => "random",
    };
    let cookie = match entry.split(' ').next() {
        Some("header" | "cookie") => "",
        _ => "cookie = 'ek', ",
    };
    let text = template.replace("{}", entry).replace("ALGORITHM", algorithm);
    let check = match entry.split(' ').next() {
        Some("kind" | "service") => "kind = 'grpc', ",
        _ => "path = '/', ",
    };
    let text = text.replace("COOKIE", cookie).replace("CHECK", check);
    // An inline table ends without a comma in TOML 1.0.
    if entry.is_empty() { text.replace(",  }", " }") } else { text }
}

#[test]
fn the_schema_has_exactly_the_keys_that_the_decoder_asks_for() {
    let schema = schema::json_schema();
    for (name, properties) in tables(&schema) {
        let said = Config::parse("t", &with(name, "qqqqqqqqqqqq = 0")).err().unwrap().to_string();
        let known = said.split("help: known here: ").nth(1);
        let known = known.unwrap_or_else(|| panic!("{name}: {said}")).lines().next().unwrap();
        let asked: BTreeSet<&str> = known.split(", ").collect();
        let written: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(asked, written, "the decoder's keys and the schema's, of {name:?}");
    }
}

#[test]
fn a_default_of_the_schema_is_what_the_decoder_takes_for_a_key_that_is_not_there() {
    let schema = schema::json_schema();
    let mut tried = 0;
    for (name, properties) in tables(&schema) {
        for (key, property) in properties {
            let Some(default) = property.get("default") else { continue };
            let entry = format!("{key} = {}", toml::Value::try_from(default).unwrap());
            let text = with(name, &entry);
            let parse = |text: &str| {
                Config::parse("t", text).unwrap_or_else(|it| panic!("{text}\n{it}")).config
            };
            let short = parse(&text.replace(&format!(", {entry} }}"), " }").replace(&entry, ""));
            assert_eq!(parse(&text), short, "{name} {entry}");
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

#[test]
fn what_has_no_default_is_needed_or_says_what_is_without_it() {
    let schema = schema::json_schema();
    let without: Vec<String> = tables(&schema)
        .iter()
        .flat_map(|(name, properties)| {
            let bare = properties.iter().filter(|(_, property)| property.get("default").is_none());
            bare.map(move |(key, _)| format!("{name}.{key}"))
        })
        .collect();
    let set = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(without.into_iter().collect::<BTreeSet<_>>(), set(WITHOUT_DEFAULT));
}

/// The keys that have no default.
const WITHOUT_DEFAULT: &[&str] = &[
    // Tables: their keys have defaults.
    ".listener",
    ".cluster",
    ".route",
    ".acme",
    ".admin",
    ".log",
    "Listener.timeouts",
    "Listener.limits",
    "Listener.paths",
    "Listener.errors",
    "Listener.tls",
    "Cluster.timeouts",
    "Cluster.limits",
    "Cluster.pool",
    "Cluster.retry",
    "Route.timeouts",
    // Needed.
    "Listener.bind",
    "Listener.to",
    "Cluster.breaker",
    "Acme.names",
    "AcmeBinding.key_id",
    "AcmeBinding.mac_key",
    "Hsts.max_age",
    "RateLimit.rate",
    "ConnectionRate.rate",
    "Cluster.endpoints",
    "Cluster.outlier",
    "EndpointTable.address",
    "BalanceTable.algorithm",
    "SlowStart.time",
    "BalanceTable.path",
    "Route.to",
    // They depend on each other.
    "CertificateFiles.acme",
    "CertificateFiles.cert",
    "AcmeChallenge.kind",
    "AcmeChallenge.command",
    "Listener.certificates",
    "Tls.client_ca",
    "Tls.client_crl",
    "Health.kind",
    "Health.path",
    "Health.host",
    "Health.body",
    "Health.server_name",
    "Health.command",
    "Health.fast_interval",
    "Sticky.cookie",
    "Sticky.header",
    // None: a cookie without it, and keys of our own.
    "Tls.ticket_keys",
    "Sticky.domain",
    "Sticky.keys",
    // Without it, what something else says.
    "CertificateFiles.key",
    "ClusterTls.ca",
    "ClusterTls.server_name",
    "ClusterTls.cert",
    "ClusterTls.key",
    "Acme.binding",
    "Acme.ca",
    "Acme.state",
    "Route.name",
    "Route.alpn",
    "Route.listener",
    "RouteTimeouts.exchange",
    "RateLimit.burst",
    "ConnectionRate.burst",
];

#[test]
fn the_schema_takes_what_the_decoder_takes() {
    let schema = schema::json_schema();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = ["../../examples", "tests/config", "tests/config/parts/more"];
    let (mut refused, mut beyond) = (0, Vec::new());
    for file in folders.iter().flat_map(|folder| tomls(&root.join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        let Ok(tree) = text.parse::<toml::Table>() else { continue };
        let said = check(&schema, &schema, &serde_json::to_value(tree).unwrap());
        let name = file.file_name().unwrap().to_str().unwrap();
        let accepted =
            Config::parse_with(name, &text, &Folder::new(file.parent().unwrap())).is_ok();
        assert!(said.is_ok() || !accepted, "{}: {said:?}", file.display());
        if !accepted && said.is_ok() {
            beyond.push(name.to_owned());
        }
        refused += usize::from(!accepted && said.is_err());
    }
    assert_eq!(beyond, BEYOND);
    assert!(refused > 12, "{refused}");
}

/// Cases whose mistakes no schema can see: in other files, in variables, and in what one value says about another.
const BEYOND: &[&str] = &[
    "access-folder.toml",
    "admin-taken.toml",
    "include-twice.toml",
    "misplaced.toml",
    "no-cluster.toml",
    "nothing.toml",
    "references.toml",
    "route-none.toml",
    "route-ties.toml",
    "routes.toml",
    "used-twice.toml",
    "weights.toml",
    "one.toml",
];

#[test]
fn the_page_is_made_from_the_schema() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = schema::markdown();
    if std::env::var_os("EVENKEEL_BLESS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let same = fs::read_to_string(&file).is_ok_and(|written| written == page);
    assert!(same, "docs/configuration.md is not what the schema says; EVENKEEL_BLESS=1 writes it");
}

fn tomls(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut tomls: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    tomls.sort();
    tomls
}

// === A validator for the keywords that the schema uses ===

fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, argument) in schema.as_object().unwrap() {
        if !passes(root, schema, (keyword, argument), value)? {
            return Err(format!("{value} is not {keyword} {argument}"));
        }
    }
    Ok(())
}

fn passes(
    root: &Value,
    schema: &Value,
    (keyword, argument): (&str, &Value),
    value: &Value,
) -> Result<bool, String> {
    Ok(match keyword {
        "$schema" | "title" | "description" | "default" | "definitions" => true,
        "$ref" => {
            let name = argument.as_str().unwrap().strip_prefix("#/definitions/").unwrap();
            check(root, &root["definitions"][name], value)?;
            true
        }
        "allOf" => all(argument.as_array().unwrap().iter().map(|it| check(root, it, value)))?,
        "anyOf" => {
            let tried: Vec<_> = argument
                .as_array()
                .unwrap()
                .iter()
                .map(|choice| check(root, choice, value))
                .collect();
            if tried.iter().all(Result::is_err) {
                return Err(format!("{tried:?}"));
            }
            true
        }
        "type" => match argument.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            other => panic!("unknown type {other}"),
        },
        "enum" => argument.as_array().unwrap().contains(value),
        "const" => argument == value,
        "minimum" => value.as_f64().is_none_or(|number| number >= argument.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= argument.as_f64().unwrap()),
        "maxLength" => value.as_str().unwrap().len() as u64 <= argument.as_u64().unwrap(),
        "pattern" => {
            let pattern = regex::Regex::new(argument.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.is_match(text))
        }
        "required" => {
            let keys = argument.as_array().unwrap().iter();
            value
                .as_object()
                .is_none_or(|map| keys.clone().all(|key| map.contains_key(key.as_str().unwrap())))
        }
        "items" => {
            all(value.as_array().into_iter().flatten().map(|item| check(root, argument, item)))?
        }
        "properties" => all(entries(value).map(|(key, value)| match argument.get(key) {
            Some(schema) => check(root, schema, value),
            None => Ok(()),
        }))?,
        "propertyNames" => {
            all(entries(value).map(|(key, _)| check(root, argument, &key.as_str().into())))?
        }
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            let mut more = entries(value)
                .filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
            match argument {
                Value::Bool(false) => more.next().is_none(),
                schema => all(more.map(|(_, value)| check(root, schema, value)))?,
            }
        }
        other => panic!("this validator does not know the keyword {other}"),
    })
}

fn all(mut results: impl Iterator<Item = Result<(), String>>) -> Result<bool, String> {
    results.try_for_each(|result| result).map(|()| true)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
