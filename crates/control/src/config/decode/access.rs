//! `access` of `[log]`: `false`, `true`, a format, or a table.

use evenkeel_plan::access::AccessLog;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::draft::AccessDraft;
use super::super::model::{AccessConfig, AccessPath};
use super::super::section::{Field, Section};
use super::super::words::{ACCESS_FORMATS, KEPT};
use super::file_path;

/// Reads what is written down about exchanges; `None` for nothing.
pub(super) fn read(field: Option<Field<'_>>) -> Option<AccessDraft> {
    let field = field?;
    match field.value() {
        DeValue::Boolean(false) => None,
        DeValue::Boolean(true) => Some(AccessDraft::default()),
        DeValue::String(_) => format(&field),
        DeValue::Table(_) => field.table(table),
        _ => field.wrong_type("true, false, a format, or a table"),
    }
}

fn format(field: &Field<'_>) -> Option<AccessDraft> {
    let path = field.value().as_str().filter(|text| text.contains(['/', '.']) || *text == "-");
    if let Some(path) = path {
        let message = format!("{} is not a format of the access log", quoted(path));
        let problem = Diagnostic::new(Code::UnknownWord, message).label("looks like a path");
        field.report(
            problem.help(format!("write `access = {{ path = \"{}\" }}`", path.escape_debug())),
        );
        return None;
    }
    let log = AccessLog { format: field.choice(&ACCESS_FORMATS)?, keep: Default::default() };
    Some(AccessDraft { config: AccessConfig { log, path: AccessPath::Stdout }, path_span: None })
}

fn table(section: &mut Section<'_>) -> AccessDraft {
    let format = section.optional("format").and_then(|field| field.choice(&ACCESS_FORMATS));
    let path = section.optional("path");
    let keep = section.optional("keep").and_then(|field| field.choice(&KEPT));
    let log = AccessLog { format: format.unwrap_or_default(), keep: keep.unwrap_or_default() };
    let place = path.as_ref().and_then(|field| field.parsed("a path in a string", parse_path));
    let config = AccessConfig { log, path: place.unwrap_or_default() };
    AccessDraft { config, path_span: path.map(|field| field.span()) }
}

fn parse_path(text: &str) -> Result<AccessPath, Diagnostic> {
    match text {
        _ if STDOUT.contains(&text) => Ok(AccessPath::Stdout),
        _ => file_path(text).map(|path| AccessPath::File(path.into())),
    }
}

/// Standard output, and what Linux calls it. To open it under such a name is something else than to have it: a socket cannot be
/// opened, and of a pipe we would be a reader ourselves and not see that the other one has gone away.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
