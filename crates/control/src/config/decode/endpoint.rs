//! Endpoints: `"10.0.0.1:8080"`, or `{ address = "10.0.0.1:8080", weight = 3, backup = true }`, one or a list of them.

use evenkeel_plan::limits::{PRIORITY_MAX, WEIGHT_MAX};
use toml::Spanned;
use toml::de::DeValue;

use super::super::address;
use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::draft::EndpointsDraft;
use super::super::model::EndpointConfig;
use super::super::section::{Field, Section};
use super::label;

/// Reads one endpoint or a list of them.
pub(super) fn list(field: &Field<'_>) -> EndpointsDraft {
    let items = field.items("an endpoint");
    EndpointsDraft {
        list: items.iter().filter_map(read).collect(),
        written: items.len(),
        span: field.span(),
    }
}

fn read(item: &Field<'_>) -> Option<Spanned<EndpointConfig>> {
    let endpoint = match item.value() {
        DeValue::Table(_) => item.clone().table(table)?,
        _ => item.parsed("an endpoint in a string, or a table", plain),
    };
    endpoint.map(|endpoint| Spanned::new(item.span(), endpoint))
}

fn table(section: &mut Section<'_>) -> Option<EndpointConfig> {
    let address =
        section.required("address", "as in `{ address = \"10.0.0.1:8080\", weight = 3 }`");
    let weight = section.integer("weight", 0..=u64::from(WEIGHT_MAX), 1);
    let backup = section.optional("backup").and_then(|field| field.boolean()).unwrap_or(false);
    let priority = section.integer("priority", 0..=u64::from(PRIORITY_MAX), 0);
    let zone = label::zone(section).map(Spanned::into_inner);
    let labels = section.optional("labels").map(|field| label::labels(&field)).unwrap_or_default();
    let endpoint = address?.parsed("a string", plain)?;
    Some(EndpointConfig { weight, backup, priority, zone, labels, ..endpoint })
}

/// The marks of the `serve` line are not for files: there, a key says it in words.
fn plain(text: &str) -> Result<EndpointConfig, Diagnostic> {
    if !text.starts_with('!') && !text.contains('*') {
        return address::parse_endpoint(text);
    }
    Err(Diagnostic::new(Code::BadAddress, format!("{} is not an address", quoted(text)))
        .label("`!` and `*` are for the command line")
        .help("write `{ address = \"10.0.0.1:8080\", weight = 3, backup = true }`"))
}
