//! From a spanned TOML tree to a draft, one file per section. `Config::read` calls it; unknown keys are mistakes.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Code, Diagnostic, Sink, quoted};
use super::draft::{AccessDraft, Draft};
use super::model::{LogLevel, WorkerCount};
use super::section::{Field, Section};
use super::units;

mod access;
mod acme;
mod admin;
mod admission;
mod balance;
mod breaker;
mod client_auth;
mod cluster;
mod eligibility;
mod endpoint;
mod errors;
mod health;
mod hedge;
mod label;
mod listener;
mod origination;
mod outlier;
mod overload;
mod paths;
mod rebalance;
mod retry;
mod route;
mod sticky;
mod stream;
mod tls;

pub(super) use acme::{
    AcmeDraft, DIRECTORY_DEFAULT, HOOK_TIMEOUT_DEFAULT, KINDS as CHALLENGE_KINDS, STATE_DEFAULT,
    WAIT_DEFAULT,
};
use admin::AdminDraft;
pub(super) use errors::MEDIA_TYPES;

pub(in crate::config) use admin::read as read_admin;
pub(super) use balance::{BOUNDED_LOAD_MAX, BOUNDED_LOAD_MIN};
pub(super) use eligibility::{AGGRESSION_DEFAULT, AGGRESSION_MAX, AGGRESSION_MIN};
pub(super) use health::{
    KINDS as CHECK_KINDS, METHOD_DEFAULT, STATUS_DEFAULT, http_check, usual as usual_check,
};
pub(super) use hedge::format_after;
pub(crate) use label::check_label;
pub(super) use listener::{PROTOCOLS, PROTOCOLS_LATER};
pub(super) use outlier::{DEVIATIONS_MAX, DEVIATIONS_MIN};

/// What `read` makes of a table, `usual` where there is none, and `None` where the word `"off"` stands in its place.
fn table_or_off<'a, T: Copy>(
    field: Option<Field<'a>>,
    usual: T,
    read: impl FnOnce(&mut Section<'a>) -> T,
) -> Option<T> {
    let Some(field) = field else { return Some(usual) };
    match field.value() {
        DeValue::Table(_) => Some(field.table(read).unwrap_or(usual)),
        // Whatever else it says is reported, and then it does not matter what it means.
        DeValue::String(_) => field.word(&["off"], &[]).map_or(Some(usual), |_| None),
        _ => field.wrong_type("\"off\" or a table").or(Some(usual)),
    }
}

/// Decodes a whole config: one file, with those that it includes merged into it.
pub(super) fn decode<'a>(file: &'a Spanned<DeTable<'a>>, sink: &'a Sink) -> Draft {
    let mut root = Section::file(file, sink);
    // It was followed before: what it names is in the tree.
    root.optional("include");
    let AdminDraft { bind: admin, span: admin_span, token: admin_token } =
        root.table("admin", admin::read).unwrap_or_default();
    let (log_level, access) = root.table("log", log).unwrap_or_default();
    // Where there are routes, a listener need not say where it sends to.
    let routes = route::read_all(root.optional("route"));
    let has_routes = !routes.is_empty();
    let draft = Draft {
        workers: workers(&mut root),
        drain: drain(&mut root),
        zone: label::zone(&mut root),
        listeners: root
            .named("listener", |name, section| listener::read(name, section, has_routes)),
        routes,
        clusters: root.named("cluster", cluster::read),
        acme: root.named("acme", acme::read),
        admin,
        admin_span,
        admin_token,
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
    let Some(field) = root.optional("drain") else { return DRAIN_DEFAULT };
    let drain = field.parsed("a duration in quotes", units::parse_duration);
    if drain == Some(Duration::ZERO) {
        field.report(
            Diagnostic::new(Code::DrainsNothing, "every stop cuts the exchanges that run")
                .label("gives them no time")
                .help("give them as long as your supervisor waits, as in `drain = \"30s\"`; a second signal stops at once anyhow"),
        );
    }
    drain.unwrap_or(DRAIN_DEFAULT)
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
pub(super) fn file_path(text: &str) -> Result<String, Diagnostic> {
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

/// More workers than the largest machines have cores are a slip of the finger.
pub(super) const WORKERS_MAX: u64 = evenkeel_plan::limits::WORKERS_MAX as u64;
