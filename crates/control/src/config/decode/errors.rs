//! `errors` of a listener: what its clients are told, and with which pages. The pages themselves are read by `files`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use evenkeel_plan::reason::Reason;
use toml::Spanned;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::draft::{ErrorsDraft, PageDraft};
use super::super::section::{Field, Section};
use super::super::suggest;
use super::file_path;

/// Reads the answers.
pub(super) fn read(section: &mut Section<'_>) -> ErrorsDraft {
    let reason_header = section.optional("reason_header").and_then(|field| field.boolean());
    let pages = section.optional("pages");
    ErrorsDraft {
        reason_header: reason_header.unwrap_or(false),
        pages: pages.map(|field| read_pages(&field)).unwrap_or_default(),
    }
}

fn read_pages(field: &Field<'_>) -> Vec<PageDraft> {
    let entries = field.entries("page", "a table, as in `{ 503 = \"503.html\" }`");
    let mut pages: Vec<PageDraft> =
        entries.iter().filter_map(|(key, field)| page(key, field)).collect();
    // The first that fits will be taken: a single status before its class.
    pages.sort_by_key(|page| (page.statuses.len(), *page.statuses.start()));
    pages
}

fn page(key: &str, field: &Field<'_>) -> Option<PageDraft> {
    let statuses = parse_statuses(key).map_err(|problem| field.report_key(problem)).ok();
    if let Some(problem) = statuses.as_ref().and_then(never_sent) {
        field.report_key(problem);
    }
    let file = field.parsed("the path of a file", |text| Ok((file_path(text)?, media_type(text)?)));
    let (file, media_type) = file?;
    let file = Spanned::new(field.span(), file);
    Some(PageDraft { statuses: statuses?, file, media_type, template: String::new() })
}

fn parse_statuses(key: &str) -> Result<RangeInclusive<u16>, Diagnostic> {
    if let Some((_, class)) = CLASSES.iter().find(|(name, _)| *name == key) {
        return Ok(class.clone());
    }
    let status = key.parse().ok().filter(|status| key.len() == 3 && ERRORS.contains(status));
    status.map(|status| status..=status).ok_or_else(|| {
        let message = format!("{} is not the status of an error", quoted(key));
        let problem = Diagnostic::new(Code::BadStatus, message);
        let is_number = key.bytes().all(|byte| byte.is_ascii_digit());
        match suggest::closest(key, CLASSES.iter().map(|(name, _)| *name)) {
            Some(class) if !is_number => problem.label(format!("did you mean `{class}`?")),
            _ => problem.label("wants a status"),
        }
        .help("a status from 400 to 599, or `4xx` or `5xx` for all that have no page of their own")
    })
}

/// What is to be said about a page for one status that none of our errors has: most likely it is meant for the endpoints' own.
fn never_sent(statuses: &RangeInclusive<u16>) -> Option<Diagnostic> {
    let status = *statuses.start();
    let ours: BTreeSet<u16> = Reason::ALL.iter().map(|reason| reason.status()).collect();
    if status != *statuses.end() || ours.contains(&status) {
        return None;
    }
    let message =
        format!("no error of ours has status {status}; an endpoint's own {status} passes as it is");
    let ours: Vec<String> = ours.iter().map(u16::to_string).collect();
    let help = format!("our errors have {}; docs/errors.md says when", ours.join(", "));
    Some(Diagnostic::new(Code::PageNeverSent, message).label("is never sent").help(help))
}

fn media_type(file: &str) -> Result<&'static str, Diagnostic> {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    let is = |known: &str| extension.is_some_and(|found| found.eq_ignore_ascii_case(known));
    let known = MEDIA_TYPES.iter().find(|(known, _)| is(known));
    known.map(|(_, media_type)| *media_type).ok_or_else(|| {
        let label = match extension {
            Some(extension) => format!("{} is not known", quoted(&format!(".{extension}"))),
            None => "has no extension".to_owned(),
        };
        let message =
            format!("{}: the extension does not say what kind of page it is", quoted(file));
        Diagnostic::new(Code::UnknownExtension, message)
            .label(label)
            .help("name the file .html or .htm, .json or .txt; clients are told its kind by that")
    })
}

/// Classes of statuses for which there can be one page.
const CLASSES: [(&str, RangeInclusive<u16>); 2] = [("4xx", 400..=499), ("5xx", 500..=599)];

/// The statuses that say that something went wrong (RFC 9110 §15.5, §15.6).
const ERRORS: RangeInclusive<u16> = 400..=599;

/// Extensions, and the media types of what is in such files.
pub(in crate::config) const MEDIA_TYPES: [(&str, &str); 4] = [
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
];
