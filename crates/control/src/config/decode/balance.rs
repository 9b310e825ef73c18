//! `balance`: the name of an algorithm, or a table with it.

use evenkeel_plan::balance::Algorithm;
use toml::de::DeValue;

use super::super::section::Field;

/// Reads the algorithm; the default where there is none.
pub(super) fn read(field: Option<Field<'_>>) -> Algorithm {
    field.and_then(stated).unwrap_or_default()
}

fn stated(field: Field<'_>) -> Option<Algorithm> {
    match field.value() {
        DeValue::String(_) => named(&field),
        DeValue::Table(_) => field.table(|section| {
            let help = "as in `balance = { algorithm = \"round-robin\" }`";
            named(&section.required("algorithm", help)?)
        })?,
        _ => field.wrong_type("an algorithm's name, or a table"),
    }
}

fn named(field: &Field<'_>) -> Option<Algorithm> {
    field.word(&Algorithm::ALL.map(Algorithm::name), &LATER).and_then(Algorithm::from_name)
}

/// Algorithms that later versions will have.
const LATER: [&str; 1] = ["prequal"];
