//! What a listener says about TLS: `certificates`, `tls`, `redirect_to_https`, `hsts`. In clear text, and where TLS is passed on,
//! most of it has no effect, and is a mistake; where the protocol itself is one, nothing more is said.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::draft::TlsDraft;
use super::super::model::{CertificateSource, FilePlace, HstsConfig, HttpsPort};
use super::super::section::{Field, Section};
use super::super::units;
use super::super::words::TLS_VERSIONS;
use super::stream::{TCP, TLS};
use super::{client_auth, file_path};

/// Why nothing of TLS has an effect on a listener; `None` if there is any on it, or that is not known.
pub(super) fn clear(section: &mut Section<'_>, protocol: Option<&str>) -> Option<&'static str> {
    match protocol {
        Some(HTTP) => Some(NEEDS_HTTPS),
        Some(TCP) if section.optional("certificates").is_none() => Some(NEEDS_CERTIFICATES),
        _ => None,
    }
}

/// Reads how the listener shakes hands; `None` if it does not.
pub(super) fn read(section: &mut Section<'_>, protocol: Option<&str>) -> Option<TlsDraft> {
    let certificates = match protocol {
        Some(HTTPS) => section.required("certificates", CERTIFICATES_HELP),
        _ => section.optional("certificates"),
    };
    let tls = section.optional("tls");
    let passes_on = (protocol == Some(TLS)).then_some(PASSES_ON);
    if let Some(why) = passes_on.or_else(|| clear(section, protocol)) {
        for field in [certificates, tls].into_iter().flatten() {
            field.report_misplaced(why);
        }
        return None;
    }
    let draft = tls.and_then(|field| field.table(terms)).unwrap_or_default();
    let certificates = certificates.map(|field| sources(&field)).unwrap_or_default();
    Some(TlsDraft { certificates, ..draft })
}

fn terms(section: &mut Section<'_>) -> TlsDraft {
    let min_version = section.optional("min_version");
    TlsDraft {
        certificates: Vec::new(),
        min_version: min_version.and_then(|it| it.choice(&TLS_VERSIONS)).unwrap_or_default(),
        client_auth: client_auth::read(section),
        ticket_keys: section.optional("ticket_keys").and_then(|field| spanned_place(&field)),
    }
}

/// How long a handshake may take. `clear` says why there is none.
pub(super) fn timeout(
    section: &mut Section<'_>,
    clear: Option<&str>,
    default: Duration,
) -> Duration {
    if let Some(why) = clear
        && let Some(field) = section.optional("tls")
    {
        field.report_misplaced(why);
        return default;
    }
    section.duration("tls", default)
}

/// Reads where requests are sent instead of being served. `Some(None)` if they are to be sent away and nobody understands where.
pub(super) fn redirect(
    section: &mut Section<'_>,
    protocol: Option<&str>,
) -> Option<Option<HttpsPort>> {
    let field = section.optional("redirect_to_https")?;
    let port = match field.value() {
        DeValue::Integer(_) => field.integer(1..=u64::from(u16::MAX)).map(HttpsPort::Only),
        DeValue::Boolean(true) => Some(HttpsPort::Ours),
        DeValue::Boolean(false) => return None,
        _ => field.wrong_type("true, false, or the port as an integer"),
    };
    if port.is_some() && protocol == Some(HTTPS) {
        field.report_misplaced("what comes here has come by https; it belongs to a listener with `protocol = \"http\"`");
        return None;
    }
    Some(port)
}

/// Reads for how long clients shall come by TLS only.
pub(super) fn hsts(section: &mut Section<'_>, protocol: Option<&str>) -> Option<HstsConfig> {
    let field = section.optional("hsts")?;
    let hsts = match field.value() {
        DeValue::String(text) if &**text == "off" => return None,
        DeValue::String(_) => HstsConfig::new(field.parsed("a duration", max_age)?),
        DeValue::Table(_) => field.clone().table(hsts_table)??,
        _ => return field.wrong_type("a duration in quotes, a table, or \"off\""),
    };
    if protocol == Some(HTTP) {
        // RFC 6797 §7.2: whoever is between could have said it, too.
        field.report_misplaced(NEEDS_HTTPS);
        return None;
    }
    if hsts.preload && !(hsts.include_subdomains && hsts.max_age >= PRELOAD_AGE_MIN) {
        field.report(not_preloaded());
    }
    Some(hsts)
}

fn hsts_table(section: &mut Section<'_>) -> Option<HstsConfig> {
    let age = section.required("max_age", "as in `max_age = \"365d\"`");
    let age = age.and_then(|field| field.parsed("a duration in quotes", max_age));
    let [include_subdomains, preload] = ["include_subdomains", "preload"]
        .map(|key| section.optional(key).and_then(|field| field.boolean()).unwrap_or(false));
    Some(HstsConfig { max_age: age?, include_subdomains, preload })
}

/// Nothing is a duration here: it takes back what was said before (RFC 6797 §6.1.1).
fn max_age(text: &str) -> Result<Duration, Diagnostic> {
    let age = units::parse_duration(text)?;
    if age.subsec_nanos() == 0 {
        return Ok(age);
    }
    let message = format!("{} is not in whole seconds", quoted(text));
    Err(Diagnostic::new(Code::OutOfBounds, message).label("wants whole seconds"))
}

fn not_preloaded() -> Diagnostic {
    Diagnostic::new(Code::NotPreloaded, "no list of browsers takes this")
        .label("asks for preload")
        .help("hstspreload.org wants `max_age` of 365d and `include_subdomains = true`, too")
}

fn sources(field: &Field<'_>) -> Vec<Spanned<CertificateSource>> {
    let items = field.items("a certificate");
    if items.is_empty() {
        let problem = Diagnostic::new(Code::MissingKey, "there is no certificate to show");
        field.report(problem.label("is empty").help(CERTIFICATES_HELP));
    }
    let read = |item: Field<'_>| {
        let span = item.span();
        Some(Spanned::new(span, source(item)?))
    };
    items.into_iter().filter_map(read).collect()
}

fn source(item: Field<'_>) -> Option<CertificateSource> {
    if !matches!(item.value(), DeValue::Table(_)) {
        let folder = item.parsed("the path of a directory, or a table", folder_path)?;
        return Some(CertificateSource::Directory(folder.into()));
    }
    item.table(|section| {
        if let Some(name) = section.optional("acme") {
            for key in ["cert", "key"] {
                if let Some(field) = section.optional(key) {
                    field.report_misplaced(
                        "an authority issues the certificate of `acme`, and its key is made here",
                    );
                }
            }
            // Where it will be is known once all is read.
            let name = name.parsed("the name of an `[acme.NAME]`", |text| Ok(text.to_owned()))?;
            return Some(CertificateSource::Acme { name, file: PathBuf::new() });
        }
        let cert = section.required("cert", "as in `{ cert = \"a.crt\", key = \"a.key\" }`");
        let cert = cert.and_then(|field| place(&field));
        let key = section.optional("key").map(|field| place(&field));
        Some(CertificateSource::Files {
            cert: cert?,
            key: key.map_or(Some(None), |key| key.map(Some))?,
        })
    })?
}

pub(super) fn place(field: &Field<'_>) -> Option<FilePlace> {
    Some(field.parsed("the path of a file", file_path)?.into())
}

/// The path of a file, with where it is written.
pub(super) fn spanned_place(field: &Field<'_>) -> Option<Spanned<FilePlace>> {
    Some(Spanned::new(field.span(), place(field)?))
}

pub(super) fn folder_path(text: &str) -> Result<String, Diagnostic> {
    let plain = text.trim_end_matches('/');
    match plain {
        // All of it were slashes.
        "" if !text.is_empty() => Ok("/".to_owned()),
        _ => file_path(plain),
    }
}

const HTTP: &str = "http";
const HTTPS: &str = "https";

const CERTIFICATES_HELP: &str = "name a directory with them, as in `certificates = [\"certs\"]`, or files: `[{ cert = \"a.crt\", key = \"a.key\" }]`";

const NEEDS_HTTPS: &str = "it belongs to a listener with `protocol = \"https\"`";

const NEEDS_CERTIFICATES: &str = "without `certificates` this listener speaks no TLS";

const PASSES_ON: &str = "TLS is passed on as it is; to take it off here, write `protocol = \"tcp\"`, or `\"https\"` for requests";

/// What the list that browsers are shipped with wants (hstspreload.org).
const PRELOAD_AGE_MIN: Duration = Duration::from_hours(365 * 24);
