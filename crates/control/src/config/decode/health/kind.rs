//! What a check does: its `kind`, and the keys that this kind has. Called by `decode::health`.

use std::ops::RangeInclusive;

use evenkeel_plan::health::CheckKind;
use rustls::pki_types::DnsName;
use toml::Spanned;

use super::super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::super::draft::HealthDraft;
use super::super::super::section::{Field, Section};
use super::super::super::suggest;

/// The kinds of checks.
pub(in super::super::super) const KINDS: [&str; 5] = ["tcp", "tls", "http", "grpc", "exec"];

/// The keys that say what a check does, and the kinds that have them.
const KEYS: [(&str, &[&str]); 8] = [
    ("path", &["http"]),
    ("host", &["http", "grpc"]),
    ("method", &["http"]),
    ("status", &["http"]),
    ("body", &["http"]),
    ("server_name", &["tls"]),
    ("service", &["grpc"]),
    ("command", &["exec"]),
];

/// Reads it, of endpoints that are spoken TLS with or not. Programs and calls are also noted in `draft`, to be looked at.
pub(super) fn read(section: &mut Section<'_>, has_tls: bool, draft: &mut HealthDraft) -> CheckKind {
    let word = section.optional("kind");
    let written = word.as_ref().map(Field::span);
    let kind = word.and_then(|field| field.word(&KINDS, &[]));
    let fields = KEYS.map(|(key, kinds)| (section.optional(key), kinds));
    let asks = fields.iter().any(|(field, kinds)| field.is_some() && kinds.contains(&"http"));
    let kind = match kind {
        Some(kind) => kind,
        // It is reported, and nobody knows which keys belong to it.
        None if written.is_some() => return CheckKind::Tcp,
        None if asks => "http",
        None if has_tls => "tls",
        None => "tcp",
    };
    report_misplaced(kind, written.is_some() || asks, &fields);
    let [path, host, method, status, body, server_name, service, command] =
        fields.map(|(field, kinds)| field.filter(|_| kinds.contains(&kind)));
    let host = host.and_then(|field| field.parsed("a string", parse_host));
    match kind {
        "tls" => CheckKind::Tls {
            server_name: server_name.and_then(|field| field.parsed("a string", parse_server_name)),
        },
        "http" => {
            let path = path.or_else(|| section.required("path", "as in `path = \"/health\"`"));
            let method = method.and_then(|field| field.parsed("a string", parse_method));
            let method = method.unwrap_or_else(|| METHOD_DEFAULT.into());
            CheckKind::Http {
                body: body.and_then(|field| text(&field, &method)),
                method,
                path: path
                    .and_then(|field| field.parsed("a path in a string", parse_path))
                    .unwrap_or_else(|| "/".into()),
                host,
                status: status.as_ref().map_or_else(|| vec![STATUS_DEFAULT], statuses),
            }
        }
        "grpc" => {
            draft.calls.extend(written);
            let service = service.and_then(|field| field.parsed("a string", parse_service));
            CheckKind::Grpc { service: service.unwrap_or_default(), host }
        }
        "exec" => {
            let help = "as in `command = [\"/usr/local/bin/check\", \"--quick\"]`";
            let field = command.or_else(|| section.required("command", help));
            let command = field.map(|field| parse_command(&field, &mut draft.programs));
            CheckKind::Exec { command: command.unwrap_or_default() }
        }
        _ => CheckKind::Tcp,
    }
}

/// What to write in place of a text that is no path.
pub(super) fn instead_of_path(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("://") {
        let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
        return Some(format!("write its path alone, as in {}", quoted(path)));
    }
    if suggest::translate(text, &["off"]).is_some() {
        return Some("`health = false` checks nothing".to_owned());
    }
    let keys = match suggest::translate(text, &KINDS)? {
        "http" => return Some("write the path that is asked for, as in \"/health\"".to_owned()),
        "exec" => "kind = \"exec\", command = [\"/usr/local/bin/check\"]".to_owned(),
        kind => format!("kind = \"{kind}\""),
    };
    Some(format!("a kind of check is written in a table: `health = {{ {keys} }}`"))
}

fn report_misplaced(
    kind: &str,
    is_certain: bool,
    fields: &[(Option<Field<'_>>, &[&str]); KEYS.len()],
) {
    for (field, kinds) in fields {
        let Some(field) = field.as_ref().filter(|_| !kinds.contains(&kind)) else { continue };
        if kind == "tcp" && kinds.contains(&"http") {
            field.report_misplaced(
                "a check of kind `tcp` only connects; leave out `kind` to send a request",
            );
        } else {
            let belongs = format!("it is for checks of kind `{}`", kinds.join("` or `"));
            field.report_misplaced(&match kinds {
                [kind] if !is_certain => format!("{belongs}: add `kind = \"{kind}\"`"),
                _ => belongs,
            });
        }
    }
}

/// The text that a body has to contain.
fn text(field: &Field<'_>, method: &str) -> Option<Box<str>> {
    if method == "HEAD" {
        field.report_misplaced("an answer to HEAD has no body; ask with GET");
        return None;
    }
    field.parsed("a string", |text| {
        if (1..=TEXT_BYTES_MAX).contains(&text.len()) {
            return Ok(text.into());
        }
        Err(Diagnostic::new(Code::OutOfBounds, "`body` is out of bounds")
            .label(format!("wants 1 to {TEXT_BYTES_MAX} bytes")))
    })
}

/// The program and its arguments.
pub(in super::super) fn parse_command(
    field: &Field<'_>,
    programs: &mut Vec<Spanned<String>>,
) -> Vec<Box<str>> {
    let items = field.items("a part");
    let Some((program, arguments)) = items.split_first() else {
        let problem = Diagnostic::new(Code::OutOfBounds, "there is no program to run");
        field.report(problem.label("is empty"));
        return Vec::new();
    };
    let Some(path) = program.parsed("a string", parse_program) else { return Vec::new() };
    programs.push(Spanned::new(program.span(), path.to_string()));
    let arguments = arguments.iter().filter_map(|item| item.parsed("a string", parse_argument));
    [path].into_iter().chain(arguments).collect()
}

fn parse_program(text: &str) -> Result<Box<str>, Diagnostic> {
    if text.starts_with('/') && !text.ends_with('/') {
        return parse_argument(text);
    }
    Err(Diagnostic::new(Code::BadFilePath, format!("{} is not the whole path of a program", quoted(text)))
        .label("wants an absolute path")
        .help("as in \"/usr/local/bin/check\": a service may have another working directory and another PATH than you"))
}

fn parse_argument(text: &str) -> Result<Box<str>, Diagnostic> {
    if !text.contains('\0') {
        return Ok(text.into());
    }
    Err(Diagnostic::new(
        Code::BadFilePath,
        format!("{} cannot be passed to a program", quoted(text)),
    )
    .label("has a NUL in it"))
}

fn parse_service(text: &str) -> Result<Box<str>, Diagnostic> {
    if text.len() <= SERVICE_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a service", quoted(text)))
        .label("wants the name of a service")
        .help("as in \"shop.v1.Cart\"; \"\" asks for the server as a whole"))
}

pub(in super::super) fn parse_server_name(text: &str) -> Result<Box<str>, Diagnostic> {
    if DnsName::try_from(text).is_ok() {
        return Ok(text.into());
    }
    Err(Diagnostic::new(
        Code::BadRequestPart,
        format!("{} is not the name of a server", quoted(text)),
    )
    .label("wants a name")
    .help("as in \"app.example.com\", without a port; an address is not sent in a handshake"))
}

pub(in super::super) fn parse_path(text: &str) -> Result<Box<str>, Diagnostic> {
    // What may stand in a request's target (RFC 9112 §3.2.1): a space or a newline would let the config forge requests.
    let is_good =
        text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_good {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a path", quoted(text)))
        .label("wants a path")
        .help("it starts with a slash, as in \"/health\"; write other than ASCII letters with %XX"))
}

fn parse_method(text: &str) -> Result<Box<str>, Diagnostic> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} is not a method", quoted(text)))
        .label("wants a method")
        .help("in capital letters, as in \"GET\" or \"HEAD\""))
}

fn parse_host(text: &str) -> Result<Box<str>, Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_good) {
        return Ok(text.into());
    }
    Err(Diagnostic::new(Code::BadRequestPart, format!("{} cannot be a Host field", quoted(text)))
        .label("wants a name")
        .help("as in \"app.example.com\" or \"app.example.com:8080\""))
}

fn statuses(field: &Field<'_>) -> Vec<RangeInclusive<u16>> {
    let items = field.items("a status");
    if items.is_empty() {
        field.report(bad_status("there is no status that passes").label("is empty"));
    }
    items.iter().filter_map(|item| item.parsed("a string", parse_status)).collect()
}

fn parse_status(text: &str) -> Result<RangeInclusive<u16>, Diagnostic> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |digits: &str| {
        digits.parse::<u16>().ok().filter(|status| digits.len() == 3 && STATUS.contains(status))
    };
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(bad_status(&format!("{} is not a status", quoted(text))).label("wants a status")),
    }
}

fn bad_status(what: &str) -> Diagnostic {
    Diagnostic::new(Code::BadStatus, what)
        .help("statuses from 100 to 599, or ranges of them, as in [\"200-299\", \"401\"]")
}

/// The statuses that exist (RFC 9110 §15).
const STATUS: RangeInclusive<u16> = 100..=599;

/// Unless it is told otherwise, a check asks with this method.
pub(in super::super::super) const METHOD_DEFAULT: &str = "GET";

/// Unless it is told otherwise, a check passes with these statuses.
pub(in super::super::super) const STATUS_DEFAULT: RangeInclusive<u16> = 200..=399;

/// Longer ones are no marks that somebody looks for, but documents.
const TEXT_BYTES_MAX: usize = 256;

/// Longer ones would be no name.
const SERVICE_BYTES_MAX: usize = 256;
