//! `sticky`: what makes the requests of a session go to one endpoint.

use std::time::Duration;

use evenkeel_plan::balance::SameSite;
use evenkeel_proto::field::is_token;
use toml::de::DeValue;

use super::super::diagnostic::{Code, Diagnostic, quoted};
use super::super::model::{CookieConfig, Secret, StickyConfig};
use super::super::section::{Field, Section, parse_wait};
use super::balance::source;

/// Reads it; `None` where sessions are nothing special.
pub(super) fn read(field: Option<Field<'_>>) -> Option<StickyConfig> {
    let field = field?;
    if let DeValue::Table(_) = field.value() {
        return field.table(table)?;
    }
    field.parsed("a source of a key, \"off\", or a table", |text| match text {
        "off" => Ok(None),
        _ => source(text).map(|source| Some(StickyConfig::Key(source))).map_err(|problem| {
            problem.help("for a cookie that we set: `sticky = { cookie = \"ek\" }`")
        }),
    })?
}

fn table(section: &mut Section<'_>) -> Option<StickyConfig> {
    if let Some(field) = section.optional("header") {
        let name = field.parsed("a string", |text| source(&format!("header:{text}")))?;
        return Some(StickyConfig::Key(name));
    }
    let help = "as in `sticky = { cookie = \"ek\", keys = [\"${SESSION_KEY}\"] }`";
    let field = section.required("cookie", help);
    let cookie = read_cookie(section);
    let name =
        field?.parsed("a string", |text| check_cookie(text, &cookie).map(|()| text.to_owned()))?;
    Some(StickyConfig::Cookie(CookieConfig { name, ..cookie }))
}

/// What is said of the cookie, but for its name.
fn read_cookie(section: &mut Section<'_>) -> CookieConfig {
    let default = CookieConfig::default();
    let ttl = match section.optional("ttl") {
        None => default.ttl,
        Some(field) => field
            .parsed("a duration in quotes, or \"off\"", |text| match text {
                "off" => Ok(None),
                _ => parse_lifetime(text).map(Some),
            })
            .unwrap_or(default.ttl),
    };
    let mut text = |key, check: fn(&str) -> Result<(), Diagnostic>| {
        let field = section.optional(key)?;
        field.parsed("a string", |text| check(text).map(|()| text.to_owned()))
    };
    let (path, domain) = (text("path", check_path), text("domain", check_domain));
    let same_site = section.optional("same_site");
    let chosen = same_site.as_ref().and_then(|field| field.choice(&SAME_SITES));
    let mut flag =
        |key, default| section.optional(key).and_then(|field| field.boolean()).unwrap_or(default);
    let (secure, http_only) =
        (flag("secure", default.secure), flag("http_only", default.http_only));
    if let (Some(SameSite::None), false, Some(field)) = (chosen, secure, same_site) {
        let problem = Diagnostic::new(Code::MissingKey, "browsers refuse this cookie");
        field.report(problem.label("needs `secure = true` beside it"));
    }
    let drain = section.duration("drain", default.drain);
    let keys = read_keys(section);
    CookieConfig {
        ttl,
        keys,
        path: path.unwrap_or(default.path),
        domain,
        same_site: chosen.unwrap_or_default(),
        secure,
        http_only,
        drain,
        ..default
    }
}

/// The keys; an empty one is none, so a variable can leave it out. It is a warning if there are none.
fn read_keys(section: &mut Section<'_>) -> Vec<Secret> {
    let field = section.optional("keys");
    let items = field.as_ref().map(|field| field.items("a key")).unwrap_or_default();
    let keys: Vec<Secret> =
        items.iter().filter_map(|item| item.parsed("a string", parse_key)?).collect();
    if keys.is_empty() && items.iter().all(|item| item.value().as_str() == Some("")) {
        let message = "sessions are signed with a key that this process makes up";
        section.report(
            Diagnostic::new(Code::SessionsWithoutKeys, message)
                .label("has no `keys`")
                .help("after a restart, and at other replicas, every session begins anew; give all of them the same key, as in `keys = [\"${SESSION_KEY}\"]`: `openssl rand -hex 32` makes a good one")
                .at(section.span()),
        );
    }
    keys
}

/// What is told about a bad one does not show it.
fn parse_key(text: &str) -> Result<Option<Secret>, Diagnostic> {
    match text.len() {
        0 => Ok(None),
        KEY_BYTES_MIN.. => Ok(Some(Secret::new(text))),
        _ => Err(Diagnostic::new(Code::BadToken, "a key of sessions cannot be used")
            .label("is short enough to be guessed")
            .help("at least 16 bytes; `openssl rand -hex 32` makes a good one")),
    }
}

/// Cookies count in seconds.
fn parse_lifetime(text: &str) -> Result<Duration, Diagnostic> {
    let lifetime = parse_wait(text)?;
    if lifetime >= Duration::from_secs(1) {
        return Ok(lifetime);
    }
    Err(Diagnostic::new(Code::OutOfBounds, "a session is over before it began")
        .label("is below a second"))
}

fn check_cookie(name: &str, cookie: &CookieConfig) -> Result<(), Diagnostic> {
    if !is_token(name.as_bytes()) {
        let problem = format!("{} cannot be a cookie's name", quoted(name));
        return Err(Diagnostic::new(Code::BadName, problem)
            .label("wants letters, digits and some signs, without blanks"));
    }
    let promises = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    let is_of_host = cookie.secure && cookie.path == "/" && cookie.domain.is_none();
    let wanted = if promises("__Host-") && !is_of_host {
        "wants `secure = true`, the path `/` and no `domain`"
    } else if promises("__Secure-") && !cookie.secure {
        "wants `secure = true` beside it"
    } else {
        return Ok(());
    };
    // RFC 6265bis §4.1.3: the prefix promises it, and a browser drops what breaks the promise.
    Err(Diagnostic::new(Code::MissingKey, "browsers refuse this cookie").label(wanted))
}

/// What may stand in the `Path` of a cookie (RFC 6265 §4.1.1); one without a slash browsers take for the path of the request (§5.2.4).
fn check_path(text: &str) -> Result<(), Diagnostic> {
    let is_good = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b';';
    if text.starts_with('/') && text.bytes().all(is_good) {
        return Ok(());
    }
    Err(cannot_stand(text).label("wants a slash, and visible ASCII without `;`"))
}

fn check_domain(text: &str) -> Result<(), Diagnostic> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !text.is_empty() && text.bytes().all(is_good) {
        return Ok(());
    }
    Err(cannot_stand(text).label("wants the name of a domain, such as `example.com`"))
}

fn cannot_stand(text: &str) -> Diagnostic {
    Diagnostic::new(Code::BadName, format!("{} cannot stand in a cookie", quoted(text)))
}

const SAME_SITES: [(&str, SameSite); 3] = [
    (SameSite::Lax.name(), SameSite::Lax),
    (SameSite::Strict.name(), SameSite::Strict),
    (SameSite::None.name(), SameSite::None),
];

/// Below that, guessing is a matter of time.
const KEY_BYTES_MIN: usize = 16;
