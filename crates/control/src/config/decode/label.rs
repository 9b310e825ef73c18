//! Words that tell endpoints apart: `zone`, and the `labels` of endpoints and routes.

use evenkeel_plan::endpoint::Labels;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::section::{Field, Section};

/// Reads `zone`. An empty one is none: so a variable can leave it out.
pub(super) fn zone(section: &mut Section<'_>) -> Option<Spanned<String>> {
    let field = section.optional("zone")?;
    let zone = field.parsed("a zone in a string", |text| match text {
        "" => Ok(None),
        _ => check_label(text).map(|()| Some(text.to_owned())),
    });
    Some(Spanned::new(field.span(), zone??))
}

/// Reads `labels`; those that could not be understood are left out.
pub(super) fn labels(field: &Field<'_>) -> Labels {
    let label = |(name, field): &(&str, Field<'_>)| -> Option<(Box<str>, Box<str>)> {
        let value = field.parsed("a string", |text| check_label(text).map(|()| text.into()))?;
        match check_label(name) {
            Ok(()) => Some(((*name).into(), value)),
            Err(problem) => {
                field.report_key(problem);
                None
            }
        }
    };
    let mut labels: Vec<_> = field.entries("label", EXPECTED).iter().filter_map(label).collect();
    labels.sort_unstable();
    labels.into()
}

/// Zones, and the names and values of labels.
pub(crate) fn check_label(text: &str) -> Result<(), Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > BYTES_MAX {
        "is too long"
    } else if !text.bytes().all(is_good) {
        "has other characters"
    } else {
        return Ok(());
    };
    Err(Diagnostic::new(Code::BadLabel, format!("{} cannot be a label or a zone", quoted(text)))
        .label(problem)
        .help("letters, digits, `-`, `_`, `.` and `/`, at most 64"))
}

const EXPECTED: &str = "a table, as in `labels = { version = \"2\" }`";

/// It has to fit into a column of the status.
const BYTES_MAX: usize = 64;
