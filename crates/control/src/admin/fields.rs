//! What a question or a change says, field by field, from a query or a JSON body; what is wrong is said in the API's own words, and
//! not in those of a parser. Called by `changes`, `look` and the list of events.

use std::collections::BTreeMap;
use std::fmt;

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::problem::Problem;
use crate::config::closest;

/// Which fields there may be.
#[derive(Debug)]
pub(super) struct Form {
    /// Their names.
    pub(super) names: &'static [&'static str],
    /// One that is right.
    pub(super) example: &'static str,
}

/// The fields that came: all are known, and none came twice.
#[derive(Debug)]
pub(super) struct Fields {
    form: &'static Form,
    given: Vec<(String, Given)>,
}

/// A value as it came.
#[derive(Debug)]
enum Given {
    /// In a query everything is text.
    Query(String),
    Json(Value),
}

impl Fields {
    /// What stands after the `?`.
    pub(super) fn of_query(form: &'static Form, uri: &Uri) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            let text = "what stands after the `?` is no list of names and values";
            refused(StatusCode::BAD_REQUEST, text.to_owned(), form)
        })?;
        let given = pairs.0.into_iter().map(|(name, value)| (name, Given::Query(value)));
        Self { form, given: given.collect() }.known_once()
    }

    /// A body, which has to be a JSON object and say so.
    pub(super) fn of_body(
        form: &'static Form,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let problem =
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be JSON");
            return Err(problem.help("say so with `Content-Type: application/json`"));
        }
        let Object(pairs) = serde_json::from_slice(body).map_err(|error| {
            let text = if body.is_empty() { EMPTY.to_owned() } else { no_object(&error) };
            refused(StatusCode::BAD_REQUEST, text, form)
        })?;
        let given = pairs.into_iter().map(|(name, value)| (name, Given::Json(value)));
        Self { form, given: given.collect() }.known_once()
    }

    fn known_once(self) -> Result<Self, Problem> {
        for (position, (name, _)) in self.given.iter().enumerate() {
            if !self.form.names.contains(&name.as_str()) {
                return Err(self.wrong(unknown(self.form, name)));
            }
            if self.given[..position].iter().any(|(earlier, _)| earlier == name) {
                return Err(self.wrong(format!("`{name}` is there twice")));
            }
        }
        Ok(self)
    }

    /// A text; `None` if there is none.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Given::Query(text) | Given::Json(Value::String(text))) => Ok(Some(text)),
            Some(given) => Err(self.is_not(name, "a text in quotes", given)),
        }
    }

    /// Texts by their names, in an object; empty if there is none.
    pub(super) fn texts(&self, name: &str) -> Result<BTreeMap<String, String>, Problem> {
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.into()));
        let texts = match self.value(name) {
            None => Some(BTreeMap::new()),
            Some(Given::Json(Value::Object(fields))) => fields.iter().map(text).collect(),
            Some(_) => None,
        };
        texts.ok_or_else(|| self.wrong(format!("`{name}` has to be an object of texts in quotes")))
    }

    /// A whole number from 0 to `most`; `None` if there is none.
    pub(super) fn number(&self, name: &str, most: u64) -> Result<Option<u64>, Problem> {
        let Some(given) = self.value(name) else { return Ok(None) };
        let number = match given {
            Given::Query(text) => text.parse().ok(),
            Given::Json(value) => value.as_u64(),
        };
        match number.filter(|number| *number <= most) {
            Some(number) => Ok(Some(number)),
            None if most == u64::MAX => Err(self.is_not(name, "a whole number, 0 or more", given)),
            None => Err(self.is_not(name, &format!("a whole number from 0 to {most}"), given)),
        }
    }

    /// Yes or no; `None` if it is not said.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Given::Json(Value::Bool(flag))) => Ok(Some(*flag)),
            Some(given) => Err(self.is_not(name, "true or false", given)),
        }
    }

    /// One of these words, by its position; `None` if there is none.
    pub(super) fn word(&self, name: &str, words: &[&str]) -> Result<Option<usize>, Problem> {
        let Some(given) = self.value(name) else { return Ok(None) };
        let text = match given {
            Given::Query(text) | Given::Json(Value::String(text)) => text.as_str(),
            Given::Json(_) => "",
        };
        let found = words.iter().position(|word| *word == text);
        let wanted = || format!("one of {}", listed(words, '"'));
        found.map(Some).ok_or_else(|| self.is_not(name, &wanted(), given))
    }

    /// What is said when a field that has to be there is not.
    pub(super) fn missing(&self, name: &str) -> Problem {
        self.wrong(format!("`{name}` is missing"))
    }

    /// `null` says as much as nothing.
    fn value(&self, name: &str) -> Option<&Given> {
        let found = self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        found.filter(|value| !matches!(value, Given::Json(Value::Null)))
    }

    fn is_not(&self, name: &str, wanted: &str, given: &Given) -> Problem {
        self.wrong(format!("`{name}` has to be {wanted}; it is {given}"))
    }

    fn wrong(&self, text: String) -> Problem {
        refused(StatusCode::BAD_REQUEST, text, self.form)
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Given::Query(text) => format!("{text:?}"),
            Given::Json(Value::Object(_)) => return f.write_str("an object"),
            Given::Json(Value::Array(_)) => return f.write_str("a list"),
            Given::Json(value) => value.to_string(),
        };
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(&text),
        }
    }
}

fn unknown(form: &Form, name: &str) -> String {
    let name_shown = Given::Query(name.to_owned());
    match closest(name, form.names.iter().copied()) {
        Some(close) => format!("there is no {name_shown} here; did you mean `{close}`?"),
        None => format!("there is no {name_shown} here; there is {}", listed(form.names, '`')),
    }
}

fn refused(status: StatusCode, text: String, form: &Form) -> Problem {
    let help = format!("as in `{}`; GET /api/v1/openapi.json says all of it", form.example);
    Problem::new(status, text).help(help)
}

/// `a`, `b` and `c`, in the quotes that are wanted.
fn listed(words: &[&str], quote: char) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}

fn no_object(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => "the body has to be a JSON object".to_owned(),
        Category::Eof => "the body is no JSON: it ends in the middle".to_owned(),
        Category::Syntax | Category::Io => {
            let (line, column) = (error.line(), error.column());
            format!("the body is no JSON: see line {line}, column {column}")
        }
    }
}

/// The pairs of a JSON object as they came: a map would hide that a name came twice.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Object(pairs))
    }
}

const EMPTY: &str = "the body is empty";

/// Characters of a wrong value that tell which it is.
const SHOWN_MAX: usize = 40;

#[cfg(test)]
mod tests;
