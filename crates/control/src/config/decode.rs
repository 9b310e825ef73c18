//! From a spanned TOML tree to a draft, one file per section. `Config::parse` calls it; unknown keys are mistakes.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Code, Diagnostic, Sink, Span, quoted};
use super::draft::{AccessDraft, Draft};
use super::model::{AdminBind, LogLevel, WorkerCount};
use super::section::Section;
use super::{address, units};

mod access;
mod balance;
mod cluster;
mod endpoint;
mod errors;
mod health;
mod listener;
mod paths;

pub(super) use health::{METHOD_DEFAULT, STATUS_DEFAULT, http_check};
pub(super) use listener::{PROTOCOLS, PROTOCOLS_LATER};

/// Decodes a whole file.
pub(super) fn decode<'a>(file: &'a Spanned<DeTable<'a>>, sink: &'a Sink) -> Draft {
    let mut root = Section::file(file, sink);
    let (admin, admin_span) = root.table("admin", admin).unwrap_or((ADMIN_DEFAULT, None));
    let (log_level, access) = root.table("log", log).unwrap_or_default();
    let draft = Draft {
        workers: workers(&mut root),
        drain: drain(&mut root),
        listeners: root.named("listener", listener::read),
        clusters: root.named("cluster", cluster::read),
        admin,
        admin_span,
        log_level,
        access,
    };
    root.finish();
    draft
}

fn workers(root: &mut Section<'_>) -> WorkerCount {
    let Some(field) = root.optional("workers") else { return WorkerCount::Auto };
    match field.value().as_str() {
        Some("auto") => Some(WorkerCount::Auto),
        Some(_) => field.wrong_type("\"auto\" or an integer"),
        None => field.integer(1..=WORKERS_MAX).map(WorkerCount::Fixed),
    }
    .unwrap_or_default()
}

fn drain(root: &mut Section<'_>) -> Duration {
    root.optional("drain")
        .and_then(|field| field.parsed("a duration in quotes", units::parse_duration))
        .unwrap_or(DRAIN_DEFAULT)
}

fn admin(section: &mut Section<'_>) -> (AdminBind, Option<Span>) {
    let Some(field) = section.optional("bind") else { return (ADMIN_DEFAULT, None) };
    let bind = match field.value().as_bool() {
        Some(false) => Some(AdminBind::Off),
        Some(true) => field.wrong_type("an address in a string, or false"),
        None => field
            .parsed("an address in a string, or false", address::parse_admin)
            .map(AdminBind::Fixed),
    };
    (bind.unwrap_or(ADMIN_DEFAULT), Some(field.span()))
}

fn log(section: &mut Section<'_>) -> (LogLevel, Option<AccessDraft>) {
    (log_level(section), access::read(section.optional("access")))
}

fn log_level(section: &mut Section<'_>) -> LogLevel {
    let word = section
        .optional("level")
        .and_then(|field| field.word(&LogLevel::ALL.map(LogLevel::name), &[]));
    LogLevel::ALL.into_iter().find(|level| Some(level.name()) == word).unwrap_or_default()
}

/// The path of a file; whether there is one is not asked here.
fn file_path(text: &str) -> Result<String, Diagnostic> {
    let problem = match text {
        "" => "is empty",
        _ if text.contains('\0') => "has a zero byte",
        _ if text.ends_with('/') => "names a directory",
        _ => return Ok(text.to_owned()),
    };
    Err(Diagnostic::new(Code::BadFilePath, format!("{} cannot be a file", quoted(text)))
        .label(problem)
        .help("write the path of a file"))
}

/// How long running exchanges may take to finish at a stop, unless the config says otherwise: as long as the usual
/// supervisors wait before they kill.
pub(super) const DRAIN_DEFAULT: Duration = Duration::from_secs(30);

const ADMIN_DEFAULT: AdminBind = AdminBind::Fixed(AdminBind::DEFAULT_ADDRESS);

/// More workers than the largest machines have cores are a slip of the finger.
pub(super) const WORKERS_MAX: u64 = evenkeel_plan::limits::WORKERS_MAX as u64;
